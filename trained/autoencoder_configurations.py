"""The named configurations of the autoencoders. Adding one is a line in `CONFIGS`."""

from __future__ import annotations

import dataclasses

from trained.autoencoder_config import AutoencoderConfig

# Half of the published channels, so that the weights can be committed; 30 epochs of the JPEG subset.
CIFAR10 = AutoencoderConfig(
    "cifar10-autoencoder",
    "plain",
    "cifar10",
    channels=(16, 32, 64, 128),
    batch_size=100,
    n_updates=3000,
    cosine_updates=3000,
    checkpoint_every=100,
)
TINY = AutoencoderConfig(
    "tiny-autoencoder",
    "plain",
    "digits",
    image_size=16,
    n_colours=1,
    mirror=False,
    n_latent=4,
    channels=(4, 4, 8),
    batch_size=16,
    n_updates=4,
    checkpoint_every=2,
)

CONFIGS: list[AutoencoderConfig] = [
    CIFAR10,
    dataclasses.replace(
        CIFAR10,
        experiment="celeba-autoencoder",
        dataset="celeba",
        image_size=64,
        channels=(16, 32, 64, 128, 256),
    ),
    TINY,
]
