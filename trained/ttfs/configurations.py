"""The named configurations of the time-to-first-spike networks. Adding one is a line in `CONFIGS`."""

from __future__ import annotations

import dataclasses

from trained.ttfs.config import TTFSClassifierConfig, TTFSConfig
from trained.ttfs.gan_config import TTFSGanConfig

S4NN = TTFSClassifierConfig("ttfs-classifier", "s4nn", "mnist")
GAN = TTFSGanConfig("ttfs-gan", "conditional", "mnist")
TINY = {
    "dataset": "digits",
    "n_hidden": 16,
    "t_max": 32,
    "n_updates": 4,
    "decay_updates": 4,
    "batch_size": 8,
    "checkpoint_every": 2,
    "margin": 2.0,
}

CONFIGS: list[TTFSConfig] = [
    S4NN,
    GAN,
    dataclasses.replace(GAN, variant="two-outputs", conditional=False),
    dataclasses.replace(S4NN, experiment="tiny-ttfs-classifier", **TINY),  # type: ignore[arg-type]
    dataclasses.replace(GAN, experiment="tiny-ttfs-gan", n_latent=8, n_generator_hidden=16, **TINY),  # type: ignore[arg-type]
]
