"""Generators and critics of spiking GANs, and their analog twins."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from study import network as spec
from study.network import Current, Neuron
from trained.analog import AnalogUnits
from trained.data import distinct_images
from trained.decoder import AbstractDecoder, build_decoder
from trained.folding import export_network
from trained.gan_config import GanConfig
from trained.model import AbstractModel, Trace
from trained.network import READOUT, SPIKING, Population, SpikingNetwork
from trained.trace import trace


class Generator(SpikingNetwork):
    """Two dense layers, transposed convolutions, frames, one decoded image.

    Layer sizes follow `models/generators.py` of SGAD's released code (Generator_MP_Scoring_Mnist and _CelebA) with the
    widths of the configuration.
    """

    def __init__(self, config: GanConfig):
        spiking = config.generator == "spiking"
        n_steps = config.n_steps if spiking else 1
        super().__init__("generator", generator_populations(config, n_steps), n_steps)
        self.decoder: AbstractDecoder = build_decoder(
            config.decoder,
            math.prod(self.chain[-1].shape),
            n_steps=n_steps,
            n_channels=config.n_colours,
            activation=config.decoder_activation,
            n_features=config.attention_features,
        )

    def frames(self, latent: Float[Tensor, "batch latent"]) -> Float[Tensor, "time batch colour y x"]:
        """Return X[t], the image at each step, in [0, 1]."""
        readout = self.readout(latent)
        return readout if self.decoder.activation == "none" else torch.sigmoid(readout)

    def forward(self, latent: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch colour y x"]:
        """Return the decoded image, in [0, 1]."""
        return self.decoder.decode(self.readout(latent))


def generator_populations(config: GanConfig, n_steps: int) -> list[Population]:
    """Return the layers of a generator."""
    widths, full = config.generator_channels, config.image_size
    side = full >> len(widths)
    n_start = widths[0] * side**2
    hidden: Neuron | AnalogUnits = SPIKING if config.generator == "spiking" else AnalogUnits()
    outputs: dict[str, Neuron] = {"current": Current(), "membrane": READOUT, "spikes": SPIKING}
    output = outputs[config.generator_output] if config.generator == "spiking" else AnalogUnits(linear=True)
    layers = [
        Population("dense1", (config.n_latent,), (config.generator_hidden,),
                   nn.Linear(config.n_latent, config.generator_hidden), hidden),
        Population("dense2", (config.generator_hidden,), (n_start,),
                   nn.Linear(config.generator_hidden, n_start), hidden),
    ]  # fmt: skip
    for number, (before, after) in enumerate(itertools.pairwise(widths), start=1):
        shapes = (before, side, side), (after, 2 * side, 2 * side)
        layers.append(
            Population(f"convt{number}", *shapes, nn.ConvTranspose2d(before, after, 4, 2, 1), hidden)
        )
        side *= 2
    shapes = (widths[-1], side, side), (config.n_colours, full, full)
    last = nn.ConvTranspose2d(widths[-1], config.n_colours, 4, 2, 1)
    scale = 1 / n_steps if config.generator_output_over_steps else 1.0
    return [*layers, Population("readout", *shapes, last, output, norm=False, scale=scale)]


class Critic(SpikingNetwork):
    """A score for each image: U[T] / T of a membrane that never fires; any real number.

    The convolutional one has two convolutions with average pooling and a dense layer, as `models/discriminators.py` of
    SGAD's released code (Discriminator_EM_MNIST), the other one hidden layer, as its Discriminator_MP, with the widths of
    the configuration.
    """

    def __init__(self, config: GanConfig):
        n_steps = config.n_steps if config.critic == "spiking" else 1
        build = conv_critic if config.critic_architecture == "conv" else mlp_critic
        super().__init__("critic", build(config), n_steps)

    def forward(self, image: Tensor) -> Float[Tensor, " batch"]:
        """Return the score of images, (batch, colour, y, x), or of sequences of frames, (time, batch, colour, y, x)."""
        return self._score(self.readout(image))

    def one_after_another(self, *images: Tensor) -> list[Tensor]:
        """Return the scores of batches that are seen with no reset between them."""
        return [self._score(readout) for readout in self.readouts_without_reset(*images)]

    def _score(self, readout: Tensor) -> Tensor:
        return readout[-1, :, 0] / self.n_steps


def critic_units(config: GanConfig) -> tuple[Neuron | AnalogUnits, Neuron | AnalogUnits]:
    """Return the units of a critic's hidden layers and of its readout."""
    if config.critic == "spiking":
        return SPIKING, READOUT
    n_levels = config.n_steps if config.critic == "quantised" else 0
    return AnalogUnits(n_levels), AnalogUnits(linear=True)


def conv_critic(config: GanConfig) -> list[Population]:
    """Return the layers of the convolutional critic.

    Raises
    ------
    ValueError
        If the image size leaves layers that pooling cannot halve.
    """
    c1, c2 = config.critic_channels
    kernel, size, colours = config.critic_kernel, config.image_size, config.n_colours
    side1 = size - kernel + 1
    side2 = side1 // 2 - kernel + 1
    if side1 % 2 or side2 < 2 or side2 % 2:
        raise ValueError(
            f"image_size {size} with critic_kernel {kernel} leaves layers of {side1} and {side2} pixels, "
            "which pooling cannot halve; image sizes 28, 32 and 64 go with a kernel of 5."
        )
    n_flat, hidden = c2 * (side2 // 2) ** 2, config.critic_hidden
    units, readout = critic_units(config)
    return [
        Population("conv1", (colours, size, size), (c1, side1, side1), nn.Conv2d(colours, c1, kernel), units),
        Population("conv2", (c1, side1, side1), (c2, side2, side2), nn.Conv2d(c1, c2, kernel), units, pool=2),
        Population("dense1", (c2, side2, side2), (hidden,), nn.Linear(n_flat, hidden), units,
                   norm=config.critic_dense_norm, pool=2),
        Population("readout", (hidden,), (1,), nn.Linear(hidden, 1), readout, norm=False),
    ]  # fmt: skip


def mlp_critic(config: GanConfig) -> list[Population]:
    """Return the layers of the critic with one hidden layer."""
    image, hidden = (config.n_colours, config.image_size, config.image_size), config.critic_hidden
    units, readout = critic_units(config)
    return [
        Population("dense1", image, (hidden,), nn.Linear(math.prod(image), hidden), units,
                   norm=config.critic_dense_norm),
        Population("readout", (hidden,), (1,), nn.Linear(hidden, 1), readout, norm=False),
    ]  # fmt: skip


class GanModel(AbstractModel):
    """A generator and its critic.

    Parameters
    ----------
    config : GanConfig
    seed : int
        Of the initial weights. Torch's global generator is left as it was.
    """

    roles: tuple[str, ...] = ("generator", "critic")
    config: GanConfig

    def __init__(self, config: GanConfig, seed: int = 0):
        super().__init__(config, seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            # In this order, decoders differ only in what is drawn last: variants of one seed share all other weights.
            self.critic = Critic(config)
            self.generator = Generator(config)
        spiking = {"generator": config.generator == "spiking", "critic": config.critic == "spiking"}
        self.roles = tuple(role for role in GanModel.roles if spiking[role])

    def network(self, role: str) -> SpikingNetwork:
        """Return the generator or the critic."""
        return self.generator if role == "generator" else self.critic

    def export(self, role: str, facts: Mapping[str, str]) -> spec.Network:
        """Describe the generator or the critic, batch norm and average pooling folded in.

        Raises
        ------
        ValueError
            If it does not spike.
        """
        if role not in self.roles:
            raise ValueError(
                f"the {role} of {self.config.name} does not spike; `bio` simulates spiking networks."
            )
        return export_network(self.network(role), facts)

    def trace(self, role: str, inputs: Tensor) -> Trace:
        """Return what every unit of the generator or the critic does at every step."""
        return trace(self.network(role), inputs)

    def verification_inputs(self, role: str, n: int, seed: int) -> Tensor:
        """Return latents from N(0, I), (n, n_latent), or training images, (n, 1, y, x)."""
        if role == "critic":
            return distinct_images(self.config, n, seed)
        random = torch.Generator().manual_seed(seed)
        return torch.randn(n, self.config.n_latent, generator=random)

    def latents(self, n: int, seed: int) -> Tensor:
        """Return `n` latents from N(0, I), (n, n_latent), drawn apart from the stream that training used."""
        random = torch.Generator().manual_seed(seed + 10**6)
        return torch.randn(n, self.config.n_latent, generator=random)

    def sample(self, n: int, seed: int, batch_size: int = 256) -> Tensor:
        """Return the images of `latents` in evaluation mode, (n, colour, y, x), in [0, 1]."""
        self.eval()
        with torch.no_grad():
            return torch.cat([self.generator(z) for z in self.latents(n, seed).split(batch_size)])
