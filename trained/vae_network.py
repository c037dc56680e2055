"""Encoder and generator of the variational autoencoders (FSVAE's layers, with the widths of the configuration)."""

from __future__ import annotations

import itertools
import math

from jaxtyping import Float
from torch import Tensor, nn

from study.network import Current
from trained.analog import AnalogUnits
from trained.decoder import AbstractDecoder, build_decoder
from trained.input_map import InputMap
from trained.network import Population, SpikingNetwork
from trained.vae_config import VAEConfig
from trained.vae_layers import hidden

SIDE = 2  # pixels of the innermost layer
KERNEL, STRIDE, PADDING = 3, 2, 1


class Encoder(SpikingNetwork):
    """Convolutions 3x3 of stride 2 and a dense layer, spiking throughout; the image in [0, 1] is a constant current.

    The image is mapped to [-1, 1], as FSVAE's are.
    """

    def __init__(self, config: VAEConfig):
        side = config.image_size
        widths = (config.n_colours, *config.channels)
        populations = []
        for i, (a, b) in enumerate(itertools.pairwise(widths), 1):
            synapse = nn.Conv2d(a, b, KERNEL, STRIDE, PADDING)
            populations.append(
                hidden(config, f"conv{i}", (a, side, side), (b, side // 2, side // 2), synapse)
            )
            side //= 2
        innermost = (config.channels[-1], SIDE, SIDE)
        if config.spiking:
            dense = nn.Linear(math.prod(innermost), config.n_latent)
            populations.append(hidden(config, "latent", innermost, (config.n_latent,), dense))
        super().__init__("encoder", populations, config.n_steps)
        self.input_map = InputMap.symmetric(config.n_colours)
        self.n_out = config.n_latent if config.spiking else math.prod(innermost)

    def forward(self, image: Float[Tensor, "batch colour y x"]) -> Float[Tensor, "time batch unit"]:
        """Return the last layer's output at all steps."""
        return self.readout(self.input_map(image)).flatten(2)


class Generator(SpikingNetwork):
    """A dense layer and transposed convolutions 3x3 of stride 2; the readout is summed over time, then tanh.

    Its input is the latent's spikes, others at every step.
    """

    def __init__(self, config: VAEConfig):
        innermost = (config.channels[-1], SIDE, SIDE)
        n_inner = math.prod(innermost)
        dense = nn.Linear(config.n_latent, n_inner)
        populations = [hidden(config, "dense", (config.n_latent,), (n_inner,), dense)]
        if not config.spiking:  # the twin's first layer is linear
            linear = AnalogUnits(linear=True)
            populations = [Population("dense", (config.n_latent,), (n_inner,), dense, linear, norm=False)]
        side = SIDE
        widths = (*reversed(config.channels), config.channels[0])
        for i, (a, b) in enumerate(itertools.pairwise(widths), 1):
            synapse = nn.ConvTranspose2d(a, b, KERNEL, STRIDE, PADDING, output_padding=1)
            populations.append(hidden(config, f"convt{i}", (a, side, side), (b, 2 * side, 2 * side), synapse))
            side *= 2
        last, colours = widths[-1], config.n_colours
        synapse = nn.ConvTranspose2d(last, colours, KERNEL, 1, PADDING)
        shapes = (last, side, side), (colours, side, side)
        populations.append(Population("readout", *shapes, synapse, Current(), norm=False))
        super().__init__("generator", populations, config.n_steps)
        self.decoder: AbstractDecoder = build_decoder(
            config.decoder if config.spiking else "uniform-sum",
            colours * side * side,
            n_steps=config.n_steps,
            n_channels=colours,
            activation="tanh_sum",
        )

    def forward(self, z: Float[Tensor, "time batch latent"]) -> Float[Tensor, "batch colour y x"]:
        """Return the images, in [0, 1]."""
        return self.decoder.decode(self.readout(z))
