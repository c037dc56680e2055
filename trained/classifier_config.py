"""What a spiking classifier can be asked, one independent field per choice."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from study.commands import unknown
from trained.config import RunConfig, at_least

NEURONS = ("lif", "plif", "alif")
POOLS = ("max", "average")


@dataclasses.dataclass(frozen=True)
class ClassifierConfig(RunConfig):
    """A spiking convolutional classifier (PLIF, Fang et al. 2021; ALIF, Qiu et al. 2023).

    The defaults are the published MNIST network's, but for the widths, the batch and the length of training.

    Parameters
    ----------
    dataset : str
        A name in `trained.classifier_data.LABELLED`.
    image_size : int
        Side of the images in pixels, 28 for digits and 32 for CIFAR-10: images are not resized.
    n_steps : int
        T.
    n_channels : int
        Of every convolution; published: 128 (MNIST), 256 (CIFAR-10).
    stages : tuple of int
        Convolutions before each pooling; published: 1,1 (MNIST), 3,3 (CIFAR-10).
    n_hidden : int
        Units of the dense layer; published: 2048.
    n_voters : int
        Output neurons per class, whose mean spike rate is the class's score.
    pool : "max" or "average"
    neuron : "lif", "plif" or "alif"
        Constant leak and threshold, the leak learned per layer, or both learned per layer.
    tau : float
        Membrane time constant in steps, at the start where it is learned.
    v_threshold : float
        Published: 1 (LIF, PLIF), 0.5 at the start (ALIF).
    dropout : (float, float)
        Share of units left out before the dense and before the output layer, the same at all steps.
    augmentation : float
        How far training images are moved, turned and scaled (digits), or cropped (others, which are mirrored as well): 1 is
        as far as published, 0 leaves them as they are.
    learning_rate : float
        Of Adam at the start; falls along a cosine to 0 at `cosine_updates`.
    cosine_updates : int
    n_validation : int
        Training images held out, on which the selected weights are chosen.
    validate_every : int
        Updates between measurements of the validation accuracy.
    """

    image_size: int = 28
    n_steps: int = 8
    n_channels: int = 32
    stages: tuple[int, ...] = (1, 1)
    n_hidden: int = 512
    n_voters: int = 10
    pool: str = "max"
    neuron: str = "alif"
    tau: float = 2.0
    v_threshold: float = 0.5
    dropout: tuple[float, float] = (0.5, 0.5)
    augmentation: float = 1.0
    learning_rate: float = 1e-3
    cosine_updates: int = 8600
    batch_size: int = 128
    n_updates: int = 8600
    checkpoint_every: int = 430
    n_validation: int = 5000
    validate_every: int = 430

    family: ClassVar[str] = "classifier"

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, 1, "n_steps", "n_channels", "n_hidden", "n_voters", "cosine_updates", "validate_every")
        at_least(self, 1, "n_validation")
        for name, allowed in (("neuron", NEURONS), ("pool", POOLS)):
            if getattr(self, name) not in allowed:
                raise unknown(name, getattr(self, name), allowed)
        if not self.stages or min(self.stages) < 1:
            raise ValueError(
                f"stages are {self.stages}; at least one stage of at least 1 convolution is needed."
            )
        if self.tau < 1:
            raise ValueError(f"tau is {self.tau} steps; at least 1 is needed.")
        if self.v_threshold <= 0:
            raise ValueError(f"v_threshold is {self.v_threshold}; it must be above 0.")
        if not all(0 <= share < 1 for share in self.dropout):
            raise ValueError(f"dropout is {self.dropout}; allowed are shares from 0 to below 1.")
        if not 0 <= self.augmentation <= 1:
            raise ValueError(
                f"augmentation is {self.augmentation}; allowed are shares of the published ranges, 0 to 1."
            )
        if self.image_size < 2 ** len(self.stages):
            raise ValueError(
                f"image_size is {self.image_size}; {len(self.stages)} poolings need {2 ** len(self.stages)} pixels."
            )
