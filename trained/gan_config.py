"""What a generative adversarial run can be asked, one independent field per choice."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from study.commands import unknown
from trained.config import RunConfig, at_least

GENERATORS = ("spiking", "analog")
GENERATOR_OUTPUTS = ("current", "membrane", "spikes")
CRITICS = ("spiking", "analog", "quantised")
CRITIC_ARCHITECTURES = ("conv", "mlp")
CRITIC_INPUTS = ("image", "frames")
OUTGROWING = ("decaying-sum", "learned-sum", "taid")  # decoders whose weights need not sum to at most 1


@dataclasses.dataclass(frozen=True)
class GanConfig(RunConfig):
    """A generative adversarial run.

    SGAN, SWGAN and SGAD of Feng, Zhao, Zeng 2023 (arXiv 2305.10246) differ in many of these at once in the released code;
    here each can be changed alone.

    Parameters
    ----------
    experiment, variant, dataset, image_size, n_updates, batch_size, checkpoint_every, precision
        See `trained.config.RunConfig`; images can be halved as often as the generator has transposed convolutions,
        updates are those of the generator, and 0 of them make an untrained twin, its batch norm calibrated.
    n_colours : int
        1 (gray) or 3.
    mirror : bool
        Mirror every second training image on average, as SGAD does with CelebA.
    n_steps : int
        T, network steps per image. Analog networks have one.
    n_latent : int
    generator : "spiking" or "analog"
        Analog is the twin of equal shape: LeakyReLU where the neurons were, and no time.
    generator_hidden : int
        Units of the generator's first layer.
    generator_channels : tuple of int
        Channels before each transposed convolution, each of which doubles the side.
    generator_output : "current", "membrane" or "spikes"
        The last layer's output at step t: the current itself (SGAD), a membrane of tau = 2 that never fires (SWGAN), or
        the spikes of LIF neurons (SGAN); the first two go through a sigmoid.
    generator_output_over_steps : bool
        Divide the last layer's current by T, as SWGAN does.
    decoder : str
        How the frames become one image, see `trained.decoder.DECODERS`.
    attention_features : int
        Units of a linear map with a ReLU before the keys and queries of attention scoring; 0 is none. SGAD's released scorer has
        1,024 for colour images and none for gray ones.
    decoder_activation : "sigmoid_frames" or "sigmoid_sum"
        Whether the sigmoid acts on each frame or on the sum of a decoder that weights the readout over time.
    critic : "spiking", "analog" or "quantised"
        Quantised is the analog critic with activations held to T + 1 levels from 0 to 1.
    critic_architecture : "conv" or "mlp"
        SGAD's two convolutions with average pooling and a dense layer, or SGAN's single hidden layer.
    critic_channels : (int, int)
    critic_kernel : int
    critic_hidden : int
    critic_dense_norm : bool
        Batch norm in the critic's dense layer. SGAD's released code has none; without it the layer starts silent.
    critic_sees : "image" or "frames"
        Of the generator: its decoded image at every step, or frame t at step t. Real images are shown at every step.
    critic_reset : bool
        Whether the critic's membranes start from rest for generated images, too; SGAN's released code goes on from where
        the real images left them.
    objective : "em" or "bce"
        Earth-Mover difference of critic means (SGAD), or binary cross entropy (SGAN).
    critic_clip : float
        Bound on the critic's weights after each of its steps; 0 is none, as in SGAD's released code.
    gradient_penalty : float
        Weight of (||gradient of the score|| - 1)^2 between real and generated images (Gulrajani et al. 2017); 0 is none.
        The gradient of a spiking critic is its surrogate gradient.
    critic_steps : int
        Critic updates per generator update.
    learning_rate_generator, learning_rate_critic : float
        Of RMSprop.
    calibration_batches : int
        Batches over which the batch-norm statistics of the final weights are measured.
    """

    n_colours: int = 1
    mirror: bool = False
    n_steps: int = 16
    n_latent: int = 32
    generator: str = "spiking"
    generator_hidden: int = 256
    generator_channels: tuple[int, ...] = (32, 16)
    generator_output: str = "current"
    generator_output_over_steps: bool = False
    decoder: str = "attention"
    attention_features: int = 0
    decoder_activation: str = "sigmoid_frames"
    critic: str = "spiking"
    critic_architecture: str = "conv"
    critic_channels: tuple[int, int] = (16, 32)
    critic_kernel: int = 5
    critic_hidden: int = 256
    critic_dense_norm: bool = True
    critic_sees: str = "image"
    critic_reset: bool = True
    objective: str = "em"
    critic_clip: float = 0.0
    gradient_penalty: float = 0.0
    critic_steps: int = 1
    learning_rate_generator: float = 2e-3
    learning_rate_critic: float = 2e-4
    calibration_batches: int = 10

    family: ClassVar[str] = "gan"

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, 1, "n_steps", "n_latent", "critic_steps", "calibration_batches")
        at_least(self, 0, "critic_clip", "gradient_penalty", "attention_features")
        for name, allowed in (
            ("generator", GENERATORS),
            ("generator_output", GENERATOR_OUTPUTS),
            ("critic", CRITICS),
            ("critic_architecture", CRITIC_ARCHITECTURES),
            ("critic_sees", CRITIC_INPUTS),
        ):
            if getattr(self, name) not in allowed:
                raise unknown(name, getattr(self, name), allowed)
        halvings = 2 ** len(self.generator_channels)
        if self.image_size % halvings:
            raise ValueError(f"image_size is {self.image_size}; it must be a multiple of {halvings}.")
        if self.n_colours not in (1, 3):
            raise ValueError(f"n_colours is {self.n_colours}; allowed are 1 (gray) and 3.")
        if (self.generator_output == "spikes") != (self.decoder == "rate"):
            raise ValueError(
                f"generator_output={self.generator_output} with decoder={self.decoder}; spikes are decoded by their rate, and "
                "nothing else is."
            )
        if self.attention_features and self.decoder not in ("attention", "attention-current"):
            raise ValueError(
                f"attention_features is {self.attention_features} with decoder={self.decoder}, which has no keys and queries; "
                "set it to 0, or decoder=attention."
            )
        if self.decoder in OUTGROWING and self.decoder_activation == "sigmoid_frames":
            raise ValueError(
                f"decoder={self.decoder} sums frames with weights beyond 1, so that images would leave [0, 1]; "
                "it needs decoder_activation=sigmoid_sum."
            )
        self._check_twins()

    def _check_twins(self) -> None:
        """Raise ValueError for choices that a network without spikes or time cannot have."""
        if self.generator == "analog" and (
            self.generator_output != "current" or self.critic_sees == "frames"
        ):
            raise ValueError(
                "generator=analog has no frames, membranes or spikes; it needs generator_output=current and critic_sees=image."
            )
        if self.critic != "spiking" and (self.critic_sees == "frames" or not self.critic_reset):
            raise ValueError(
                f"critic={self.critic} has no time; it needs critic_sees=image and critic_reset=true."
            )
