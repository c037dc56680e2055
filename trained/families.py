"""The families of models that can be trained. Adding one is a line in `FAMILIES`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from study.commands import unknown
from trained import gan
from trained.autoencoder import Autoencoder
from trained.autoencoder_config import AutoencoderConfig
from trained.autoencoder_training import AutoencoderTrainer
from trained.classifier import ClassifierModel
from trained.classifier_config import ClassifierConfig
from trained.classifier_training import ClassifierTrainer
from trained.config import RunConfig, from_mapping
from trained.gan_config import GanConfig
from trained.gan_network import GanModel
from trained.model import AbstractModel
from trained.training import AbstractTrainer
from trained.ttfs.classifier import TTFSClassifier
from trained.ttfs.config import TTFSClassifierConfig
from trained.ttfs.gan import TTFSGan
from trained.ttfs.gan_config import TTFSGanConfig
from trained.ttfs.gan_training import TTFSGanTrainer
from trained.ttfs.training import TTFSClassifierTrainer
from trained.vae import VAE
from trained.vae_config import VAEConfig
from trained.vae_training import VAETrainer


@dataclasses.dataclass(frozen=True)
class Family:
    """What one kind of model needs: its configuration, networks, training and measures.

    Parameters
    ----------
    config : class of RunConfig
        Its `family` is the family's name.
    model : class of AbstractModel
        Made from (config, seed).
    trainer : class of AbstractTrainer
    """

    config: type[RunConfig]
    model: Callable[[Any, int], AbstractModel]
    trainer: type[AbstractTrainer]


FAMILIES: dict[str, Family] = {
    family.config.family: family
    for family in (
        Family(GanConfig, GanModel, gan.GanTrainer),
        Family(VAEConfig, VAE, VAETrainer),
        Family(ClassifierConfig, ClassifierModel, ClassifierTrainer),
        Family(AutoencoderConfig, Autoencoder, AutoencoderTrainer),
        Family(TTFSClassifierConfig, TTFSClassifier, TTFSClassifierTrainer),
        Family(TTFSGanConfig, TTFSGan, TTFSGanTrainer),
    )
}


def family_of(config: RunConfig) -> Family:
    """Return the family that a configuration belongs to."""
    return FAMILIES[config.family]


def config_from(values: Mapping[str, Any]) -> RunConfig:
    """Return the configuration that `values` describe (as read from a file's header).

    Raises
    ------
    ValueError
        For an unknown family or key or a value of the wrong type.
    """
    fields = dict(values)
    name = fields.pop("family", "gan")  # the first checkpoints were GANs and name none
    if name not in FAMILIES:
        raise unknown("family", name, FAMILIES)
    return from_mapping(FAMILIES[name].config, fields)
