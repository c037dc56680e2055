"""The named configurations of the GANs. Adding one is a line in `CONFIGS`; it touches no run of another."""

from __future__ import annotations

import dataclasses

from trained.gan_config import OUTGROWING, GanConfig


def _variants(sgad: GanConfig) -> list[GanConfig]:
    """Return SGAD, its control with mean decoding, and its untrained twin."""
    return [
        sgad,
        dataclasses.replace(sgad, variant="sgad-mean", decoder="mean", attention_features=0),
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

COLOUR_FEATURES = 1024  # of the released scorer for colour images
# Colour and faces. The released SGAD for CelebA: 100 epochs of 162,770 images. The layers for CIFAR-10 were not released.
CELEBA = GanConfig(
    "celeba",
    "sgad",
    "celeba",
    image_size=64,
    n_colours=3,
    mirror=True,
    n_latent=20,
    generator_hidden=1024,
    generator_channels=(128, 64, 32),
    attention_features=COLOUR_FEATURES,
    critic_channels=(32, 64),
    critic_hidden=2048,
    critic_dense_norm=False,
    learning_rate_generator=1.5e-4,
    learning_rate_critic=1.5e-4,
    batch_size=64,
    n_updates=254_300,
    checkpoint_every=2543,
    calibration_batches=50,
)
# For a CPU: 16 bits, 8 steps; 3 epochs of the 10,000 images of the JPEG subset.
CIFAR10 = GanConfig(
    "cifar10-gan",
    "sgad",
    "cifar10",
    n_colours=3,
    mirror=True,
    n_steps=8,
    generator_hidden=512,
    generator_channels=(64, 32),
    attention_features=COLOUR_FEATURES,
    batch_size=64,
    n_updates=468,
    checkpoint_every=39,
    precision="bfloat16",
)
# Stand-ins for CelebA: about 27 epochs of 360 gray pictures, and 60 of 80 small ones.
FACES = GanConfig(
    "faces-gan",
    "sgad",
    "orl-faces",
    image_size=64,
    mirror=True,
    n_steps=8,
    n_latent=20,
    generator_channels=(32, 16, 8),
    critic_channels=(8, 16),
    n_updates=300,
    checkpoint_every=30,
    precision="bfloat16",
)
LFW = {
    "dataset": "lfw-faces",
    "image_size": 32,
    "generator_channels": (32, 16),
    "batch_size": 16,
    "n_updates": 300,
}

STEPS = dataclasses.replace(DIGITS, experiment="sgan-to-sgad", n_updates=600, precision="bfloat16")


def single_steps() -> list[GanConfig]:
    """Return the way from SGAN by SWGAN to SGAD, each configuration one switch from the one before.

    The switches are those in which the released models differ, at the widths and the batch norm of the quick digits and
    with one learning rate of the generator.
    """
    steps: list[tuple[str, dict[str, object]]] = [
        ("1-sgan", dict(generator_output="spikes", decoder="rate", critic_sees="frames", critic_reset=False,
                        critic_architecture="mlp", objective="bce", n_latent=100, learning_rate_critic=4e-4)),
        ("2-reset", dict(critic_reset=True)),
        ("3-earth-mover", dict(objective="em")),
        ("4-conv-critic", dict(critic_architecture="conv")),
        ("5-membrane-output", dict(generator_output="membrane", decoder="last")),
        ("6-output-over-steps", dict(generator_output_over_steps=True)),
        ("7-critic-sees-image", dict(critic_sees="image")),
        ("8-latent-10", dict(n_latent=10)),
        ("9-swgan", dict(learning_rate_critic=2e-4)),
        ("10-full-output", dict(generator_output_over_steps=False)),
        ("11-current-output", dict(generator_output="current")),
        ("12-sgad", dict(decoder="attention")),
    ]  # fmt: skip
    configs = [STEPS]
    for variant, switch in steps:
        configs.append(dataclasses.replace(configs[-1], variant=variant, **switch))  # type: ignore[arg-type]
    return configs[1:]


def twins(config: GanConfig) -> list[GanConfig]:
    """Return spiking, quantised and analog critics, untrained and with both objectives.

    The generator and all else are equal, so that what the neurons do can be told from what the objective does.
    """
    return [
        dataclasses.replace(config, variant=f"{critic}-{way}", critic=critic, **switches)
        for critic in ("spiking", "quantised", "analog")
        for way, switches in (
            ("em", {"objective": "em"}),
            ("bce", {"objective": "bce"}),
            ("untrained", {"n_updates": 0}),
        )
    ]


CONFIGS: list[GanConfig] = [
    *_variants(PATCHES),
    *_variants(DIGITS),
    *_variants(TINY),
    *_variants(dataclasses.replace(TINY, experiment="tiny-digits", dataset="digits")),
    *_variants(dataclasses.replace(PATCHES, experiment="patches", **FULL)),  # type: ignore[arg-type]
    *_variants(
        dataclasses.replace(DIGITS, experiment="mnist", dataset="mnist", **FULL, **RELEASED)  # type: ignore[arg-type]
    ),
    *_variants(
        dataclasses.replace(
            PATCHES,
            experiment="cifar10",
            dataset="cifar10",
            n_colours=3,
            generator_channels=(128, 64),
            generator_hidden=1024,
            attention_features=COLOUR_FEATURES,
            critic_channels=(32, 64),
            **FULL,  # type: ignore[arg-type]
        )
    ),
    *_variants(CELEBA),
    *_variants(CIFAR10),
    dataclasses.replace(CIFAR10, variant="sgad-linear", attention_features=0),
    *_variants(FACES),
    dataclasses.replace(FACES, variant="sgad-lfw", **LFW),  # type: ignore[arg-type]
    *single_steps(),
    *twins(dataclasses.replace(PATCHES, experiment="patches-twins")),
    *(
        dataclasses.replace(
            STEPS,
            experiment="decoders",
            variant=decoder,
            decoder=decoder,
            decoder_activation="sigmoid_sum" if decoder in OUTGROWING else "sigmoid_frames",
        )
        for decoder in (
            "last",
            "mean",
            "leaky-sum",
            "decaying-sum",
            "learned-sum",
            "attention",
            "attention-current",
            "taid",
        )
    ),
]
