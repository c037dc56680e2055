"""Small variational autoencoders that tests share."""

from __future__ import annotations

import dataclasses

import torch

from trained.configurations import named_config
from trained.vae import VAE
from trained.vae_config import VAEConfig
from trained.vae_training import VAETrainer


def arm(name: str) -> VAEConfig:
    config = named_config(f"tiny-vae/{name}")
    assert isinstance(config, VAEConfig)
    return config


def lively(name: str, seed: int = 0) -> VAE:
    """Return an untrained model in float64 whose batch norm has seen data, so that every layer spikes."""
    trainer = VAETrainer(dataclasses.replace(arm(name), calibration_batches=5), seed)
    return trainer.finished().double()


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
