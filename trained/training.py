"""Training of any family: updates, checkpoints, exact resume."""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from study.files import sha256, write_text
from study.provenance import ROOT, config_hash
from trained import parallel
from trained.checkpoint import STATE_FILE, load_tensors, read, write
from trained.config import RunConfig, to_json, to_mapping
from trained.model import AbstractModel

METRICS_FILE = "metrics.jsonl"
# Modules on which the result of an update depends, whatever is trained; every trainer adds its own.
DECISIVE = (
    *(
        f"trained/{m}.py"
        for m in ("config", "data", "faces", "network", "neuron", "surrogate", "process", "training")
    ),
    *(f"trained/{m}.py" for m in ("scan", "scan_kernel", "scan_plain", "average_pooling", "max_pool")),
    *(f"trained/{m}.py" for m in ("batch_norm", "parallel")),
    *("trained/scan.cpp", "study/images.py", "study/network/neurons.py"),
)


class AbstractTrainer(ABC):
    """One run: model, optimisers, random stream and the number of finished updates.

    A family's trainer sets `model`, `optimisers` and `replicas` in its constructor and says what one update is. Everything
    that an update draws comes from `random`, and everything that it changes is in `model`, `optimisers` and `random`: then
    a run that was interrupted and goes on equals one that was not, bit for bit. In several processes, or on a GPU, an
    update draws for the whole batch, takes this process's `part` to `device`, and goes through `replicas`.

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
    # What an update runs forward to its loss, by name. A trainer that has none trains on a CPU, in one process.
    replicas: dict[str, nn.Module]

    def __init__(self, config: RunConfig, seed: int):
        self.config, self.seed = config, seed
        self.random = torch.Generator().manual_seed(seed)
        self.update = 0
        self.metrics: list[dict[str, float]] = []
        self.device = torch.device("cpu")
        self.replicas = {}

    def place(self, device: torch.device) -> None:
        """Move the model to `device` and connect it with those of other processes; call once, before anything else.

        Raises
        ------
        ValueError
            If this family trains on a CPU and in one process only.
        """
        n = parallel.n_processes()
        if not self.replicas and (n > 1 or device.type != "cpu"):
            raise ValueError(
                f"{self.config.name}: {self.config.family} trains in one process on a CPU, not in {n} on {device.type}; "
                "start it without torchrun and with --device cpu."
            )
        self.device = device
        self.model.to(device)
        self.replicas = {name: parallel.replicate(module) for name, module in self.replicas.items()}

    def here(self, whole: Tensor) -> Tensor:
        """Return this process's part of a batch, on its device."""
        return parallel.part(whole).to(self.device)

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
            If the loss is NaN or infinite, in any process; nothing is changed then.
        """
        value = self.value(loss)
        if not math.isfinite(value):
            rates = [name for name in vars(self.config) if name.startswith("learning_rate")]
            smaller = f"--set {rates[0]}={getattr(self.config, rates[0]) / 2:g}" if rates else "another seed"
            raise ValueError(
                f"{term} is {value} at update {self.update + 1} of {self.config.name}; the last checkpoint is "
                f"kept; train into another --out with a smaller rate, for example {smaller}."
            )
        self.optimisers[optimiser].zero_grad(set_to_none=True)
        loss.backward()
        self.optimisers[optimiser].step()

    def value(self, loss: Tensor) -> float:
        """Return a mean over the batch as a number: that of all processes' parts."""
        return parallel.mean(loss.detach()).item()

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
