"""The named configurations of the GANs. Adding one is a line in `CONFIGS`; it touches no run of another."""

from __future__ import annotations

import dataclasses

from trained.gan_config import GanConfig


def _variants(sgad: GanConfig) -> list[GanConfig]:
    """Return SGAD, its control with mean decoding, and its untrained twin."""
    return [
        sgad,
        dataclasses.replace(sgad, variant="sgad-mean", decoder="mean"),
        dataclasses.replace(sgad, variant="untrained", n_updates=0),
    ]


PATCHES = GanConfig("quick-patches", "sgad", "patches")
DIGITS = GanConfig("quick-digits", "sgad", "digits", image_size=28, n_latent=10, n_updates=200)
# Next to nothing, so that the whole pipeline can be tried in a minute.
TINY = dataclasses.replace(
    PATCHES,
    experiment="tiny-patches",
    image_size=16,
    n_latent=4,
    generator_hidden=16,
    generator_channels=(4, 4),
    critic_channels=(4, 4),
    critic_hidden=16,
    n_updates=4,
    batch_size=8,
    checkpoint_every=2,
    calibration_batches=2,
)
FULL = {"n_updates": 5000, "batch_size": 64, "checkpoint_every": 250, "calibration_batches": 50}
# The released SGAD sizes and rates for 28x28 images.
RELEASED = {
    "learning_rate_generator": 2e-4,
    "generator_hidden": 1024,
    "generator_channels": (128, 64),
    "critic_channels": (32, 64),
    "critic_hidden": 1024,
    "critic_dense_norm": False,
}

CONFIGS: list[GanConfig] = [
    *_variants(PATCHES),
    *_variants(DIGITS),
    *_variants(TINY),
    *_variants(dataclasses.replace(TINY, experiment="tiny-digits", dataset="digits")),
    *_variants(dataclasses.replace(PATCHES, experiment="patches", **FULL)),  # type: ignore[arg-type]
    *_variants(
        dataclasses.replace(DIGITS, experiment="mnist", dataset="mnist", **FULL, **RELEASED)  # type: ignore[arg-type]
    ),
]
