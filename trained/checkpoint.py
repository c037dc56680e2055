"""Weights and training state on disk: safetensors, with configuration and provenance as JSON in the header."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from study.files import replacing, require_file
from trained.config import from_mapping, to_json
from trained.network import Model

MODEL_FILE = "model.safetensors"
STATE_FILE = "state.safetensors"
HINT = "give a run folder such as runs/quick-patches/sgad/seed-0, or train one with `python -m trained train`"


@dataclasses.dataclass(frozen=True)
class Stored:
    """The content of one file: tensors by name and the header's texts."""

    tensors: dict[str, torch.Tensor]
    header: dict[str, str]


def write(path: Path, tensors: Mapping[str, torch.Tensor], header: Mapping[str, str]) -> None:
    """Write tensors and header, wholly or not at all."""
    with replacing(path) as temporary:
        save_file({k: v.detach().contiguous() for k, v in tensors.items()}, temporary, metadata=dict(header))


def read(path: Path, what: str, hint: str = HINT) -> Stored:
    """Read a file that `write` wrote.

    Raises
    ------
    FileNotFoundError, ValueError
        If the file is absent or cut short.
    """
    path = require_file(path, what, hint)
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a dict
            return Stored(tensors, file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise ValueError(
            f"{what}: {path} is not a whole safetensors file ({error}); restore it or train again."
        ) from error


def save_model(model: Model, run: Path, provenance: Mapping[str, str]) -> None:
    """Write a model to its run folder."""
    header = {**provenance, "config": to_json(model.config), "seed": str(model.seed)}
    write(run / MODEL_FILE, model.state_dict(), header)


def load_model(run: str | Path, dtype: torch.dtype = torch.float32) -> Model:
    """Return the trained model of a run folder, in evaluation mode.

    Parameters
    ----------
    run : path
        Folder that holds model.safetensors.
    dtype : torch dtype

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such folder or checkpoint, or it is cut short or of another architecture.
    """
    run = Path(run)
    if not run.is_dir():
        raise FileNotFoundError(f"run: there is no folder {run}; {HINT}.")
    stored = read(run / MODEL_FILE, "checkpoint")
    if "config" not in stored.header:
        raise ValueError(f"checkpoint: {run / MODEL_FILE} has no configuration in its header; {HINT}.")
    model = Model(from_mapping(json.loads(stored.header["config"])), int(stored.header.get("seed", 0)))
    load_tensors(model, stored.tensors, run / MODEL_FILE)
    return model.to(dtype).eval()


def load_tensors(model: Model, tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    """Put `tensors` into `model`.

    Raises
    ------
    ValueError
        If names or shapes differ: the file is of another architecture, or damaged.
    """
    own = model.state_dict()
    for name in sorted(own.keys() | tensors.keys()):
        ours, theirs = (tuple(d[name].shape) if name in d else "absent" for d in (own, tensors))
        if ours != theirs:
            raise ValueError(
                f"checkpoint: {path} is of another architecture: {name} is {theirs} there, but {ours} in "
                f"{model.config.name}; use the configuration it was trained with."
            )
    model.load_state_dict(dict(tensors))
