"""The named configurations of the variational autoencoders. Adding one is a line in `CONFIGS`."""

from __future__ import annotations

import dataclasses

from trained.vae_config import VAEConfig

RATE = {
    "latent": "rate",
    "n_latent": 32,
    "divergence": "mmd-rbf",
    "divergence_weight": 1e-3,
    "scheduled_sampling": False,
}
ESVAE_LEARNING_RATE = 3e-3
# Of `ann_models/ann_vae.py`: the divergence weighs 1 / number of batches of an epoch, 1 / 240 for 60,000 images.
ANALOG = {
    "latent": "gaussian",
    "n_steps": 1,
    "divergence": "gaussian-kld",
    "divergence_weight": 1 / 240,
    "scheduled_sampling": False,
    "weight_decay": 1e-2,
}


def _decoders(fsvae: VAEConfig) -> list[VAEConfig]:
    """Return FSVAE with every way of summing over time."""
    return [
        fsvae,
        dataclasses.replace(fsvae, variant="fsvae-taid", decoder="taid"),
        dataclasses.replace(fsvae, variant="fsvae-mean", decoder="uniform-sum"),
        dataclasses.replace(fsvae, variant="fsvae-static", decoder="learned-sum"),
    ]


def _arms(fsvae: VAEConfig, learning_rate_of_rates: float = ESVAE_LEARNING_RATE) -> list[VAEConfig]:
    """Return FSVAE with every decoder, latent, neuron and surrogate, one changed at a time, and its analog twin."""
    rate = dataclasses.replace(fsvae, variant="esvae", learning_rate=learning_rate_of_rates, **RATE)  # type: ignore[arg-type]
    return [
        *_decoders(fsvae),
        dataclasses.replace(fsvae, variant="fsvae-plif", neuron="plif"),
        dataclasses.replace(fsvae, variant="fsvae-alif", neuron="alif"),
        dataclasses.replace(fsvae, variant="fsvae-window-threshold", surrogate="window-threshold"),
        rate,
        dataclasses.replace(rate, variant="esvae-mixture", prior="mixture"),
        dataclasses.replace(rate, variant="esvae-taid", decoder="taid"),
        dataclasses.replace(fsvae, variant="ann-vae", **ANALOG),  # type: ignore[arg-type]
    ]


# Half of FSVAE's channels, smaller batches and 10 epochs of 50,000 images: for a CPU.
CPU = {
    "channels": (16, 32, 64, 128),
    "batch_size": 64,
    "n_updates": 7810,
    "scheduled_updates": 7810,
    "cosine_updates": 7810,
    "checkpoint_every": 355,
}
CPU_LEARNING_RATE_OF_RATES = 2e-3
MNIST = VAEConfig("mnist-vae", "fsvae", "mnist", **CPU)  # type: ignore[arg-type]
PUBLISHED = VAEConfig("published-vae-mnist", "fsvae", "mnist", n_validation=0)
# Colour. Published: 150 epochs of 50,000 images (CIFAR-10) and 162,770 (CelebA).
PUBLISHED_CIFAR10 = dataclasses.replace(
    PUBLISHED,
    experiment="published-vae-cifar10",
    dataset="cifar10",
    n_colours=3,
    mirror=True,
    n_updates=30000,
)
PUBLISHED_CELEBA = dataclasses.replace(
    PUBLISHED_CIFAR10,
    experiment="published-vae-celeba",
    dataset="celeba",
    image_size=64,
    channels=(32, 64, 128, 256, 512),
    n_updates=97650,
)
# For a CPU: 16 bits, 8 steps, a narrow prior and posterior; 4 epochs of the 9,000 images of the JPEG subset that are not held out.
CIFAR10 = VAEConfig(
    "cifar10-vae",
    "fsvae",
    "cifar10",
    n_colours=3,
    mirror=True,
    n_steps=8,
    channels=(16, 32, 64, 128),
    n_candidates=10,
    posterior_hidden=(128, 256),
    prior_hidden=(128, 256),
    batch_size=64,
    n_updates=560,
    scheduled_updates=560,
    cosine_updates=560,
    checkpoint_every=70,
    n_validation=1000,
    precision="bfloat16",
)
# Stand-ins for CelebA: 30 epochs of 360 gray pictures, and 40 of 80 small ones.
FACES = dataclasses.replace(
    CIFAR10,
    experiment="faces-vae",
    dataset="orl-faces",
    image_size=64,
    n_colours=1,
    channels=(8, 16, 32, 64, 128),
    batch_size=32,
    n_updates=330,
    scheduled_updates=330,
    cosine_updates=330,
    checkpoint_every=33,
    n_validation=0,
)
LFW = {
    **{"dataset": "lfw-faces", "image_size": 32, "channels": (16, 32, 64, 128), "batch_size": 16},
    **{"n_updates": 200, "scheduled_updates": 200, "cosine_updates": 200, "checkpoint_every": 20},
}
TINY = VAEConfig(
    "tiny-vae",
    "fsvae",
    "digits",
    image_size=16,
    channels=(4, 4, 8),
    n_steps=6,
    n_latent=6,
    n_candidates=4,
    posterior_hidden=(8, 8),
    prior_hidden=(8, 8),
    n_updates=4,
    batch_size=16,
    checkpoint_every=2,
    calibration_batches=2,
    n_validation=500,
)

CONFIGS: list[VAEConfig] = [
    *_arms(MNIST, CPU_LEARNING_RATE_OF_RATES),
    *_arms(
        dataclasses.replace(MNIST, experiment="fashion-vae", dataset="fashion"), CPU_LEARNING_RATE_OF_RATES
    ),
    *_arms(PUBLISHED),
    *_arms(dataclasses.replace(PUBLISHED, experiment="published-vae-fashion", dataset="fashion")),
    *_decoders(PUBLISHED_CIFAR10),
    *_decoders(PUBLISHED_CELEBA),
    *_decoders(CIFAR10),
    *_decoders(FACES),
    dataclasses.replace(FACES, variant="fsvae-lfw", **LFW),  # type: ignore[arg-type]
    *_arms(TINY),
]
