"""Training of any family: updates, checkpoints, exact resume."""

from __future__ import annotations

import json
import math
import os
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor
from tqdm import tqdm

from study.commands import unknown
from study.files import locked, sha256, write_text
from study.provenance import ROOT, config_hash, provenance
from trained.checkpoint import STATE_FILE, load_tensors, read, save_model, write
from trained.config import RunConfig, to_json, to_mapping
from trained.model import AbstractModel
from trained.process import N_THREADS, prepare
from trained.sheet import save_sheet

METRICS_FILE = "metrics.jsonl"
SHEET_FILE = "samples.png"
N_SHEET = 64
# Modules on which the result of an update depends, whatever is trained; every trainer adds its own.
DECISIVE = (
    *(f"trained/{m}.py" for m in ("config", "data", "faces", "network", "neuron", "surrogate", "process", "training")),
    *(f"trained/{m}.py" for m in ("scan", "scan_kernel", "scan_plain", "average_pooling", "max_pool")),
    *("trained/scan.cpp", "study/images.py", "study/network/neurons.py"),
)


class AbstractTrainer(ABC):
    """One run: model, optimisers, random stream and the number of finished updates.

    A family's trainer sets `model` and `optimisers` in its constructor and says what one update is. Everything that an
    update draws comes from `random`, and everything that it changes is in `model`, `optimisers` and `random`: then a run
    that was interrupted and goes on equals one that was not, bit for bit.

    Parameters
    ----------
    config : RunConfig
    seed : int
        Of initial weights, latents and the order of images.
    """

    decisive: ClassVar[tuple[str, ...]] = ()  # files, relative to the repository, on which an update depends
    draws_sheet: ClassVar[bool] = True  # whether the model makes images
    model: AbstractModel
    optimisers: dict[str, torch.optim.Optimizer]

    def __init__(self, config: RunConfig, seed: int):
        self.config, self.seed = config, seed
        self.random = torch.Generator().manual_seed(seed)
        self.update = 0
        self.metrics: list[dict[str, float]] = []

    @abstractmethod
    def advance(self) -> dict[str, float]:
        """Do one update, count it in `update`, and return its losses by name."""

    @abstractmethod
    def finished(self) -> AbstractModel:
        """Return a copy of the model as it shall be stored, in evaluation mode; training can go on after it."""

    def descend(self, optimiser: str, loss: Tensor, term: str) -> None:
        """Take one step of an optimiser down `loss`.

        Raises
        ------
        ValueError
            If the loss is NaN or infinite; nothing is changed then.
        """
        if not math.isfinite(loss.item()):
            rates = [name for name in vars(self.config) if name.startswith("learning_rate")]
            smaller = f"--set {rates[0]}={getattr(self.config, rates[0]) / 2:g}" if rates else "another seed"
            raise ValueError(
                f"{term} is {loss.item()} at update {self.update + 1} of {self.config.name}; the last checkpoint is "
                f"kept; train into another --out with a smaller rate, for example {smaller}."
            )
        self.optimisers[optimiser].zero_grad(set_to_none=True)
        loss.backward()
        self.optimisers[optimiser].step()

    def code_hash(self) -> str:
        """Return a hash of the code that training depends on: a state made by other code is another run."""
        return config_hash({name: sha256(ROOT / name) for name in (*DECISIVE, *self.decisive)})

    # --------------------------------------------------------------------------------------- save and load

    def save(self, run: Path) -> None:
        """Write everything that an exact continuation needs."""
        tensors = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        for label, optimiser in self.optimisers.items():
            for index, state in optimiser.state_dict()["state"].items():
                tensors |= {f"{label}.{index}.{k}": torch.as_tensor(v) for k, v in state.items()}
        tensors["random"] = self.random.get_state()
        header = {
            "config": to_json(self.config),
            "seed": str(self.seed),
            "update": str(self.update),
            "code_hash": self.code_hash(),
        }
        write(run / STATE_FILE, tensors, {**header, "metrics": json.dumps(self.metrics)})
        self._write_metrics(run)

    def _write_metrics(self, run: Path) -> None:
        write_text(run / METRICS_FILE, "".join(json.dumps(line) + "\n" for line in self.metrics))

    def load(self, run: Path) -> None:
        """Take up the state that `save` wrote.

        Raises
        ------
        FileNotFoundError, ValueError
            If there is none, or it belongs to another configuration or seed.
        """
        stored = read(run / STATE_FILE, "training state")
        header = stored.header
        same = comparable(json.loads(header["config"])) == comparable(to_mapping(self.config))
        if not same or int(header["seed"]) != self.seed:
            raise ValueError(
                f"{run} was trained with another configuration or seed ({_differences(self.config, header)}); "
                "choose another --out, or delete the folder."
            )
        load_tensors(self.model, _below("model.", stored.tensors), run / STATE_FILE)
        for label, optimiser in self.optimisers.items():
            entries: dict[int, dict[str, Tensor]] = {}
            for name, tensor in _below(f"{label}.", stored.tensors).items():
                index, key = name.split(".", 1)
                entries.setdefault(int(index), {})[key] = tensor
            optimiser.load_state_dict({**optimiser.state_dict(), "state": entries})
        self.random.set_state(stored.tensors["random"])
        self.update = int(header["update"])
        self.metrics = json.loads(header["metrics"])
        self._write_metrics(run)


# What may change between a run and its continuation without making it another run.
SCHEDULE_FIELDS = ("n_updates", "checkpoint_every")


def comparable(config: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a configuration that a continuation must share, as JSON would give them back."""
    kept = {k: v for k, v in config.items() if k not in SCHEDULE_FIELDS}
    return json.loads(json.dumps({"family": "gan", **kept}))  # states older than other families name none


def _differences(config: RunConfig, header: dict[str, str]) -> str:
    ours, theirs = comparable(to_mapping(config)), comparable(json.loads(header["config"]))
    changed = [f"{k}: {theirs.get(k)} there, {v} asked" for k, v in ours.items() if theirs.get(k) != v]
    return "; ".join(changed) or f"seed {header['seed']} there"


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


IF_CHANGED = ("stop", "restart", "continue")


def train(
    kind: type[AbstractTrainer], config: RunConfig, seed: int, run: Path, if_changed: str = "stop"
) -> Path:
    """Train to `config.n_updates`, from the beginning or from the state found in `run`.

    Parameters
    ----------
    kind : class of AbstractTrainer
    config : RunConfig
    seed : int
    run : Path
        Run folder; receives model.safetensors, state.safetensors, metrics.jsonl and, from generators, samples.png.
    if_changed : "stop", "restart" or "continue"
        What to do with a state that other code made: refuse, begin again, or go on all the same.

    Returns
    -------
    Path
        `run`.

    Raises
    ------
    ValueError
        If the folder belongs to another configuration or has more updates already, cannot be written, or a loss is
        not finite.
    """
    prepare()
    start = time.monotonic()
    with locked(run / ".lock"):
        trainer = kind(config, seed)
        if (run / STATE_FILE).exists() and usable_state(run, trainer.code_hash(), if_changed):
            trainer.load(run)
        if trainer.update > config.n_updates:
            raise ValueError(
                f"{run} has {trainer.update} updates already, but n_updates is {config.n_updates}; choose another --out "
                "to train for fewer."
            )
        _train_on(trainer, run)
        model = trainer.finished()
        facts = provenance(
            to_mapping(config), seconds=time.monotonic() - start, seed=seed, torch_threads=N_THREADS
        )
        if trainer.draws_sheet:
            save_sheet(model.sample(N_SHEET, seed), run / SHEET_FILE)
        save_model(model, run, facts)
    return run


def usable_state(run: Path, code_hash: str, if_changed: str) -> bool:
    """Return whether to go on from the state in `run`; False is to begin again.

    Raises
    ------
    ValueError
        If other code made it and `if_changed` is "stop", or `if_changed` is unknown.
    """
    if if_changed not in IF_CHANGED:
        raise unknown("--if-changed", if_changed, IF_CHANGED)
    same = read(run / STATE_FILE, "training state").header.get("code_hash") == code_hash
    if same or if_changed == "continue":
        return True
    if if_changed == "stop":
        raise ValueError(
            f"{run} was trained by other code than this; --if-changed restart begins again, "
            "--if-changed continue goes on all the same."
        )
    print(f"{run} was trained by other code than this: beginning again")
    return False


def _train_on(trainer: AbstractTrainer, run: Path) -> None:
    config = trainer.config
    bar = tqdm(
        total=config.n_updates,
        initial=trainer.update,
        desc=f"{config.name} seed {trainer.seed}",
        unit="update",
        mininterval=float(os.environ.get("TQDM_MININTERVAL", "1")),
    )
    with bar:
        while trainer.update < config.n_updates:
            losses = trainer.advance()
            bar.update()
            if trainer.update % config.checkpoint_every == 0 or trainer.update == config.n_updates:
                trainer.metrics.append({"update": trainer.update, **losses})
                trainer.save(run)
                bar.set_postfix({k: f"{v:.3f}" for k, v in losses.items()})
