"""The named configurations of the classifiers. Adding one is a line in `CONFIGS`."""

from __future__ import annotations

import dataclasses

from trained.classifier_config import ClassifierConfig


def _neurons(alif: ClassifierConfig) -> list[ClassifierConfig]:
    """Return the classifier with ALIF, PLIF and LIF neurons, and LIF at ALIF's first threshold.

    ALIF begins at 0.5, PLIF and LIF at 1: the last arm tells whether learning or the lower threshold is at work.
    """
    return [
        alif,
        dataclasses.replace(alif, variant="plif", neuron="plif", v_threshold=1.0),
        dataclasses.replace(alif, variant="lif", neuron="lif", v_threshold=1.0),
        dataclasses.replace(alif, variant="lif-half", neuron="lif", v_threshold=0.5),
    ]


# For a CPU: 12 epochs of 55,000 images. Fewer widths and epochs than published need less against overfitting: after 3 epochs
# ALIF has 98.92 % of the validation images so, 98.62 % with dropout of 0.25 (one seed).
MNIST = ClassifierConfig(
    "mnist-classifier",
    "alif",
    "mnist",
    augmentation=0.3,
    dropout=(0.0, 0.0),
    n_updates=5160,
    cosine_updates=5160,
)
CIFAR10 = ClassifierConfig(
    "cifar10-classifier",
    "alif",
    "cifar10",
    image_size=32,
    stages=(2, 2),
    n_channels=64,
    dropout=(0.5, 0.0),
    n_validation=1000,
    n_updates=4200,  # 60 epochs of the 9,000 images of the JPEG subset
    cosine_updates=4200,
    checkpoint_every=70,
    validate_every=70,
)
# As published: 64 epochs are one fall of the cosine; the published 1,024 epochs let it rise and fall 8 times.
PUBLISHED_MNIST = dataclasses.replace(
    MNIST,
    experiment="published-classifier-mnist",
    augmentation=1.0,
    dropout=(0.5, 0.5),
    n_channels=128,
    n_hidden=2048,
    batch_size=16,
    n_updates=64 * 3437,
    cosine_updates=64 * 3437,
    checkpoint_every=3437,
    validate_every=3437,
)
PUBLISHED_CIFAR10 = dataclasses.replace(
    PUBLISHED_MNIST,
    experiment="published-classifier-cifar10",
    dataset="cifar10",
    image_size=32,
    stages=(3, 3),
    n_channels=256,
    dropout=(0.5, 0.0),
    n_updates=64 * 2812,
    cosine_updates=64 * 2812,
    checkpoint_every=2812,
    validate_every=2812,
)
TINY = dataclasses.replace(
    MNIST,
    experiment="tiny-classifier",
    dataset="digits",
    augmentation=1.0,
    dropout=(0.5, 0.5),
    n_steps=4,
    n_channels=4,
    n_hidden=16,
    batch_size=16,
    n_updates=4,
    cosine_updates=4,
    checkpoint_every=2,
    n_validation=200,
    validate_every=2,
)

CONFIGS: list[ClassifierConfig] = [
    *_neurons(MNIST),
    dataclasses.replace(MNIST, variant="alif-average", pool="average"),
    *_neurons(dataclasses.replace(MNIST, experiment="fashion-classifier", dataset="fashion")),
    *_neurons(CIFAR10),
    *_neurons(PUBLISHED_MNIST),
    *_neurons(PUBLISHED_CIFAR10),
    *_neurons(TINY),
    dataclasses.replace(TINY, variant="alif-average", pool="average"),
]
