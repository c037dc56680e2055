"""Run folders of any family: train, look up, load."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from trained import training
from trained.checkpoint import HINT, MODEL_FILE, STATE_FILE, load_tensors, read
from trained.config import RunConfig
from trained.families import config_from, family_of
from trained.model import AbstractModel


def run_folder(root: str | Path, config: RunConfig, seed: int) -> Path:
    """Return <root>/<experiment>/<variant>/seed-<n>."""
    return Path(root) / config.experiment / config.variant / f"seed-{seed}"


def train(config: RunConfig, seed: int, run: Path, if_changed: str = "stop") -> Path:
    """Train by the trainer of the configuration's family; see `trained.training.train`."""
    return training.train(family_of(config).trainer, config, seed, run, if_changed)


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
