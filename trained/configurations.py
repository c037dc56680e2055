"""All named configurations."""

from __future__ import annotations

from study.commands import unknown
from trained import (
    autoencoder_configurations,
    classifier_configurations,
    gan_configurations,
    vae_configurations,
)
from trained.config import RunConfig
from trained.ttfs import configurations as ttfs_configurations

CONFIGS: dict[str, RunConfig] = {
    config.name: config
    for config in [
        *gan_configurations.CONFIGS,
        *vae_configurations.CONFIGS,
        *classifier_configurations.CONFIGS,
        *autoencoder_configurations.CONFIGS,
        *ttfs_configurations.CONFIGS,
    ]
}


def named_config(name: str) -> RunConfig:
    """Return the configuration called `name` (<experiment>/<variant>).

    Raises
    ------
    ValueError
        If there is none; the nearest name is suggested.
    """
    if name not in CONFIGS:
        raise unknown("configuration", name, CONFIGS)
    return CONFIGS[name]
