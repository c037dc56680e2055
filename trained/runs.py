"""Run folders of any family: train, look up, load."""

from __future__ import annotations

import json
import os
import time
from contextlib import nullcontext
from pathlib import Path

import torch
from tqdm import tqdm

from study.commands import unknown
from study.files import locked
from study.provenance import provenance
from trained import parallel
from trained.checkpoint import HINT, MODEL_FILE, STATE_FILE, load_tensors, read, save_model
from trained.config import RunConfig, to_mapping
from trained.families import config_from, family_of
from trained.model import AbstractModel
from trained.process import n_threads, prepare
from trained.sheet import save_sheet
from trained.training import AbstractTrainer

SHEET_FILE = "samples.png"
N_SHEET = 64
IF_CHANGED = ("stop", "restart", "continue")


def run_folder(root: str | Path, config: RunConfig, seed: int) -> Path:
    """Return <root>/<experiment>/<variant>/seed-<n>."""
    return Path(root) / config.experiment / config.variant / f"seed-{seed}"


def train(config: RunConfig, seed: int, run: Path, if_changed: str = "stop", device: str = "cpu") -> Path:
    """Train to `config.n_updates`, from the beginning or from the state found in `run`, by the trainer of the configuration's family.

    Parameters
    ----------
    config : RunConfig
    seed : int
    run : Path
        Run folder; receives model.safetensors, state.safetensors, metrics.jsonl and, from generators, samples.png.
    if_changed : "stop", "restart" or "continue"
        What to do with a state that other code made: refuse, begin again, or go on all the same.
    device : "cpu" or "cuda"
        See `trained.parallel`, also for several processes, of which the first writes.

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
    place = parallel.device_of_process(device)
    with locked(run / ".lock") if parallel.is_first() else nullcontext():
        with parallel.processes(place):
            n_processes = parallel.n_processes()
            trainer = _begun(config, seed, run, if_changed, place)
            _train_on(trainer, run)
            trainer.replicas.clear()  # or they keep the connection
        if parallel.is_first():
            model = trainer.finished()
            facts = provenance(
                to_mapping(config),
                seconds=time.monotonic() - start,
                seed=seed,
                torch_threads=n_threads(),
                device=place.type,
                processes=n_processes,
            )
            if trainer.draws_sheet:
                save_sheet(model.sample(N_SHEET, seed), run / SHEET_FILE)
            save_model(model, run, facts)
    return run


def _begun(config: RunConfig, seed: int, run: Path, if_changed: str, place: torch.device) -> AbstractTrainer:
    """Return a trainer at update 0, or where the state in `run` stands."""
    trainer = family_of(config).trainer(config, seed)
    trainer.place(place)
    if (run / STATE_FILE).exists() and usable_state(run, trainer.code_hash(), if_changed):
        trainer.load(run)
    if trainer.update > config.n_updates:
        raise ValueError(
            f"{run} has {trainer.update} updates already, but n_updates is {config.n_updates}; choose another --out "
            "to train for fewer."
        )
    return trainer


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
        disable=not parallel.is_first(),
    )
    with bar:
        while trainer.update < config.n_updates:
            losses = trainer.advance()
            bar.update()
            if trainer.update % config.checkpoint_every == 0 or trainer.update == config.n_updates:
                trainer.metrics.append({"update": trainer.update, **losses})
                if parallel.is_first():
                    trainer.save(run)
                bar.set_postfix({k: f"{v:.3f}" for k, v in losses.items()})


def stored_config(run: Path) -> tuple[RunConfig, int]:
    """Return (configuration, seed) of the training state in `run`."""
    header = read(run / STATE_FILE, "training state").header
    return config_from(json.loads(header["config"])), int(header["seed"])


def load_model(run: str | Path, dtype: torch.dtype = torch.float32) -> AbstractModel:
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
    config = config_from(json.loads(stored.header["config"]))
    model = family_of(config).model(config, int(stored.header.get("seed", 0)))
    load_tensors(model, stored.tensors, run / MODEL_FILE)
    return model.to(dtype).eval()
