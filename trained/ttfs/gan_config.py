"""What a time-to-first-spike GAN can be asked, one independent field per choice."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from trained.config import at_least
from trained.ttfs.config import TTFSConfig


@dataclasses.dataclass(frozen=True)
class TTFSGanConfig(TTFSConfig):
    """A generator and a discriminator of two layers each, whose outputs race. The wiring is ours: the paper's is unknown.

    Parameters
    ----------
    n_latent : int
        Latent values in [0, 1], one spike each.
    conditional : bool
        Whether a class is asked for: ten more input units, of which the class's fires at step 0, and one racing output
        per class beside "made"; without it two outputs race, "real" and "made".
    n_generator_hidden : int
    revive : bool
        Whether silent units learn from the layer after them, see `trained.ttfs.neuron`: without it, a pixel that has
        once gone dark stays so.
    race_steps : float
        Cross entropy is taken of -t / race_steps.
    learning_rate_generator, learning_rate_discriminator : float
        Of Adam, in units of the membrane; fall along a line to 0 at `decay_updates`.
    decay_updates : int
    generator_sd, discriminator_sd : (float, float)
        Of the Gaussian initial weights of the two layers.
    generator_mean, discriminator_mean : (float, float)
    """

    n_latent: int = 64
    conditional: bool = True
    n_generator_hidden: int = 400
    revive: bool = True
    race_steps: float = 10.0
    learning_rate_generator: float = 0.02
    learning_rate_discriminator: float = 0.01
    decay_updates: int = 20000
    generator_mean: tuple[float, float] = (3.0, 0.2)
    generator_sd: tuple[float, float] = (20.0, 5.0)
    discriminator_mean: tuple[float, float] = (1.0, 0.5)
    discriminator_sd: tuple[float, float] = (2.0, 5.0)
    n_updates: int = 20000
    batch_size: int = 50
    checkpoint_every: int = 500

    family: ClassVar[str] = "ttfs-gan"

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, 1, "n_latent", "n_generator_hidden", "decay_updates")
        if self.race_steps <= 0:
            raise ValueError(f"race_steps is {self.race_steps}; it must be above 0.")
