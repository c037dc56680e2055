"""What an autoencoder, whose latent image quality is judged in, can be asked."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from trained.config import RunConfig, at_least


@dataclasses.dataclass(frozen=True)
class AutoencoderConfig(RunConfig):
    """A plain convolutional autoencoder, analog throughout.

    The defaults are those of FullySpikingVAE (`ann_models/ann_ae.py`, `main_ann_ae.py`) for CIFAR-10 and CelebA.

    Parameters
    ----------
    n_colours : int
    mirror : bool
        Mirror every second training image on average.
    n_latent : int
        Features that the Fréchet distance is taken of.
    channels : tuple of int
        Of the encoder's convolutions, each of which halves the image, down to 2 x 2; the decoder has them backwards.
    learning_rate, weight_decay : float
        Of AdamW.
    cosine_updates : int
        Updates over which the learning rate falls along a cosine to 0; 0 keeps it, as published.
    """

    image_size: int = 32
    n_colours: int = 3
    mirror: bool = True
    n_latent: int = 128
    channels: tuple[int, ...] = (32, 64, 128, 256)
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    cosine_updates: int = 0
    batch_size: int = 250
    n_updates: int = 30000
    checkpoint_every: int = 200

    family: ClassVar[str] = "autoencoder"

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, 1, "n_colours", "n_latent")
        at_least(self, 0, "cosine_updates")
        if self.image_size != 2 ** (len(self.channels) + 1):
            raise ValueError(
                f"image_size is {self.image_size} with {len(self.channels)} channels {self.channels}; every convolution halves "
                f"the image, down to 2 x 2, so {len(self.channels)} of them need {2 ** (len(self.channels) + 1)} pixels."
            )
