"""Weights and training state on disk: safetensors, with configuration and provenance as JSON in the header."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from study.files import replacing, require_file
from trained.config import to_json
from trained.model import AbstractModel

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


def save_model(model: AbstractModel, run: Path, provenance: Mapping[str, str]) -> None:
    """Write a model to its run folder."""
    header = {**provenance, "config": to_json(model.config), "seed": str(model.seed)}
    write(run / MODEL_FILE, model.state_dict(), header)


def load_tensors(model: AbstractModel, tensors: Mapping[str, torch.Tensor], path: Path) -> None:
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
