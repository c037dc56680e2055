"""What a generative adversarial run can be asked, one independent field per choice."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from trained.config import RunConfig, at_least


@dataclasses.dataclass(frozen=True)
class GanConfig(RunConfig):
    """A generative adversarial run.

    Parameters
    ----------
    experiment, variant, dataset, image_size, n_updates, batch_size, checkpoint_every
        See `trained.config.RunConfig`; image sizes are multiples of 4, updates are those of the generator, and 0 of them
        make an untrained twin, its batch norm calibrated.
    n_steps : int
        T, network steps per image.
    n_latent : int
    generator_hidden : int
        Units of the generator's first layer.
    generator_channels : (int, int)
        Channels at a quarter and at half of the image size.
    decoder : str
        See `trained.decoder.DECODERS`.
    critic_channels : (int, int)
    critic_kernel : int
    critic_hidden : int
    critic_dense_norm : bool
        Batch norm in the critic's dense layer. SGAD's released code has none; without it the layer starts silent.
    objective : "em" or "bce"
        Earth-Mover difference of critic means (SGAD), or binary cross entropy.
    critic_clip : float
        Bound on the critic's weights after each of its steps; 0 is none, as in SGAD's released code.
    critic_steps : int
        Critic updates per generator update.
    learning_rate_generator, learning_rate_critic : float
        Of RMSprop.
    calibration_batches : int
        Batches over which the batch-norm statistics of the final weights are measured.
    """

    n_steps: int = 16
    n_latent: int = 32
    generator_hidden: int = 256
    generator_channels: tuple[int, int] = (32, 16)
    decoder: str = "attention"
    critic_channels: tuple[int, int] = (16, 32)
    critic_kernel: int = 5
    critic_hidden: int = 256
    critic_dense_norm: bool = True
    objective: str = "em"
    critic_clip: float = 0.0
    critic_steps: int = 1
    learning_rate_generator: float = 2e-3
    learning_rate_critic: float = 2e-4
    calibration_batches: int = 10

    family: ClassVar[str] = "gan"

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, 1, "n_steps", "n_latent", "critic_steps", "calibration_batches")
        if self.image_size % 4:
            raise ValueError(f"image_size is {self.image_size}; it must be a multiple of 4.")
