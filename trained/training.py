"""Training: alternating critic and generator updates, with exact resume."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from study.commands import unknown
from study.files import locked, sha256, write_text
from study.provenance import ROOT, config_hash, provenance
from trained.checkpoint import STATE_FILE, load_tensors, read, save_model, write
from trained.config import Config, from_mapping, to_json
from trained.data import training_images
from trained.network import Model
from trained.objective import Objective, objective
from trained.process import N_THREADS, prepare
from trained.sheet import save_sheet

METRICS_FILE = "metrics.jsonl"
SHEET_FILE = "samples.png"
N_SHEET = 64


@dataclasses.dataclass
class Trainer:
    """One run: model, optimisers, random stream and the number of finished updates.

    Parameters
    ----------
    config : Config
    seed : int
        Of initial weights, latents and the order of images.
    """

    config: Config
    seed: int

    def __post_init__(self) -> None:
        self.model = Model(self.config, self.seed)
        self.objective: Objective = objective(self.config.objective)
        self.images = training_images(self.config)
        self.optimiser_critic = torch.optim.RMSprop(
            self.model.critic.parameters(), lr=self.config.learning_rate_critic
        )
        self.optimiser_generator = torch.optim.RMSprop(
            self.model.generator.parameters(), lr=self.config.learning_rate_generator
        )
        self.random = torch.Generator().manual_seed(self.seed)
        self.update = 0
        self.metrics: list[dict[str, float]] = []

    # ------------------------------------------------------------------------------------------ one update

    def real(self) -> Tensor:
        """Return the next batch of training images."""
        chosen = torch.randint(len(self.images), (self.config.batch_size,), generator=self.random)
        return self.images[chosen]

    def latent(self) -> Tensor:
        """Return the next batch of latents."""
        return torch.randn(self.config.batch_size, self.config.n_latent, generator=self.random)

    def advance(self) -> dict[str, float]:
        """Do one generator update, with its critic updates before it, and return the losses.

        As in SGAD's released code, the generator's update uses the same latents as the critic's last.
        """
        self.model.train()
        for _ in range(self.config.critic_steps):
            latent = self.latent()
            fake = self.model.generator(latent)
            critic_loss = self.objective.critic(
                self.model.critic(self.real()), self.model.critic(fake.detach())
            )
            self._descend(self.optimiser_critic, critic_loss, "critic loss")
            self._clip()
        generator_loss = self.objective.generator(self.model.critic(fake))
        self._descend(self.optimiser_generator, generator_loss, "generator loss")
        self.update += 1
        return {"critic_loss": critic_loss.item(), "generator_loss": generator_loss.item()}

    def _descend(self, optimiser: torch.optim.Optimizer, loss: Tensor, term: str) -> None:
        if not math.isfinite(loss.item()):
            raise ValueError(
                f"{term} is {loss.item()} at update {self.update + 1} of {self.config.name}; the last checkpoint is "
                "kept; train into another --out with a smaller rate, for example --set learning_rate_critic=1e-4."
            )
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()

    def _clip(self) -> None:
        if self.config.critic_clip > 0:
            with torch.no_grad():
                for weight in self.model.critic.parameters():
                    weight.clamp_(-self.config.critic_clip, self.config.critic_clip)

    def calibrated(self) -> Model:
        """Return a copy of the model whose batch-norm statistics are averages over fresh batches.

        The critic sees equal shares of real and generated images, as in training. The random stream is a copy, so
        that training goes on as if nothing had been measured.
        """
        model = Model(self.config, self.seed)
        model.load_state_dict(self.model.state_dict())
        stream, self.random = self.random, torch.Generator()
        self.random.set_state(stream.get_state())
        for module in model.modules():
            if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
                module.reset_running_stats()
                module.momentum = None  # plain average over the batches that follow
        with torch.no_grad():
            model.train()
            for _ in range(self.config.calibration_batches):
                model.critic(model.generator(self.latent()))
                model.critic(self.real())
        self.random = stream
        return model.eval()

    # --------------------------------------------------------------------------------------- save and load

    def save(self, run: Path) -> None:
        """Write everything that an exact continuation needs."""
        tensors = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        for label, optimiser in self._optimisers():
            for index, state in optimiser.state_dict()["state"].items():
                tensors |= {f"{label}.{index}.{k}": torch.as_tensor(v) for k, v in state.items()}
        tensors["random"] = self.random.get_state()
        header = {
            "config": to_json(self.config),
            "seed": str(self.seed),
            "update": str(self.update),
            "code_hash": code_hash(),
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
        same = comparable(json.loads(header["config"])) == comparable(dataclasses.asdict(self.config))
        if not same or int(header["seed"]) != self.seed:
            raise ValueError(
                f"{run} was trained with another configuration or seed ({_differences(self.config, header)}); "
                "choose another --out, or delete the folder."
            )
        load_tensors(self.model, _below("model.", stored.tensors), run / STATE_FILE)
        for label, optimiser in self._optimisers():
            entries: dict[int, dict[str, Tensor]] = {}
            for name, tensor in _below(f"{label}.", stored.tensors).items():
                index, key = name.split(".", 1)
                entries.setdefault(int(index), {})[key] = tensor
            optimiser.load_state_dict({**optimiser.state_dict(), "state": entries})
        self.random.set_state(stored.tensors["random"])
        self.update = int(header["update"])
        self.metrics = json.loads(header["metrics"])
        self._write_metrics(run)

    def _optimisers(self) -> list[tuple[str, torch.optim.Optimizer]]:
        return [("critic", self.optimiser_critic), ("generator", self.optimiser_generator)]


# What may change between a run and its continuation without making it another run.
SCHEDULE_FIELDS = ("n_updates", "checkpoint_every")


def comparable(config: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a configuration that a continuation must share, as JSON would give them back."""
    return json.loads(json.dumps({k: v for k, v in config.items() if k not in SCHEDULE_FIELDS}))


def _differences(config: Config, header: dict[str, str]) -> str:
    ours, theirs = comparable(dataclasses.asdict(config)), comparable(json.loads(header["config"]))
    changed = [f"{k}: {theirs.get(k)} there, {v} asked" for k, v in ours.items() if theirs.get(k) != v]
    return "; ".join(changed) or f"seed {header['seed']} there"


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


def run_folder(root: str | Path, config: Config, seed: int) -> Path:
    """Return <root>/<experiment>/<variant>/seed-<n>."""
    return Path(root) / config.experiment / config.variant / f"seed-{seed}"


# Modules on which the result of an update depends.
DECISIVE = (
    *(
        f"trained/{m}.py"
        for m in ("config", "data", "decoder", "network", "neuron", "objective", "surrogate")
    ),
    *("trained/process.py", "trained/training.py", "study/images.py", "study/network.py"),
)
IF_CHANGED = ("stop", "restart", "continue")


def code_hash() -> str:
    """Return a hash of the code that training depends on: a state made by other code is another run."""
    return config_hash({name: sha256(ROOT / name) for name in DECISIVE})


def train(config: Config, seed: int, run: Path, if_changed: str = "stop") -> Path:
    """Train to `config.n_updates`, from the beginning or from the state found in `run`.

    Parameters
    ----------
    config : Config
    seed : int
    run : Path
        Run folder; receives model.safetensors, state.safetensors, metrics.jsonl and samples.png.
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
        trainer = Trainer(config, seed)
        if (run / STATE_FILE).exists() and usable_state(run, if_changed):
            trainer.load(run)
        if trainer.update > config.n_updates:
            raise ValueError(
                f"{run} has {trainer.update} updates already, but n_updates is {config.n_updates}; choose another --out "
                "to train for fewer."
            )
        _train_on(trainer, run)
        model = trainer.calibrated()
        facts = provenance(
            dataclasses.asdict(config), seconds=time.monotonic() - start, seed=seed, torch_threads=N_THREADS
        )
        save_sheet(sample(model, N_SHEET, seed), run / SHEET_FILE)
        save_model(model, run, facts)
    return run


def usable_state(run: Path, if_changed: str) -> bool:
    """Return whether to go on from the state in `run`; False is to begin again.

    Raises
    ------
    ValueError
        If other code made it and `if_changed` is "stop", or `if_changed` is unknown.
    """
    if if_changed not in IF_CHANGED:
        raise unknown("--if-changed", if_changed, IF_CHANGED)
    same = read(run / STATE_FILE, "training state").header.get("code_hash") == code_hash()
    if same or if_changed == "continue":
        return True
    if if_changed == "stop":
        raise ValueError(
            f"{run} was trained by other code than this; --if-changed restart begins again, "
            "--if-changed continue goes on all the same."
        )
    print(f"{run} was trained by other code than this: beginning again")
    return False


def _train_on(trainer: Trainer, run: Path) -> None:
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


def stored_config(run: Path) -> tuple[Config, int]:
    """Return (configuration, seed) of the training state in `run`."""
    header = read(run / STATE_FILE, "training state").header
    return from_mapping(json.loads(header["config"])), int(header["seed"])


def sample_latents(model: Model, n: int, seed: int) -> Tensor:
    """Return `n` latents from N(0, I), (n, n_latent), drawn apart from the stream that training used."""
    random = torch.Generator().manual_seed(seed + 10**6)
    return torch.randn(n, model.config.n_latent, generator=random)


def sample(model: Model, n: int, seed: int, batch_size: int = 256) -> Tensor:
    """Return the images of `sample_latents` in evaluation mode, (n, 1, y, x), in [0, 1]."""
    model.eval()
    with torch.no_grad():
        latents = sample_latents(model, n, seed)
        return torch.cat([model.generator(z) for z in latents.split(batch_size)])
