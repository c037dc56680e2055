"""The autoencoder of ours in whose latent colour images are judged, where the published ones are not to be had."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import NoReturn

import torch
from jaxtyping import Float
from torch import Tensor, nn

from study import network as spec
from trained.autoencoder_config import AutoencoderConfig
from trained.fad import INNERMOST, Encoder
from trained.model import AbstractModel, Trace


class Autoencoder(AbstractModel):
    """Encoder as in the published autoencoders (`trained.fad.Encoder`), and a decoder of transposed convolutions.

    The decoder is a dense layer, transposed convolutions 3x3 of stride 2 with batch norm and LeakyReLU up to the size of
    the image, and one of stride 1 with tanh.

    Parameters
    ----------
    config : AutoencoderConfig
    seed : int
        Of the initial weights. Drawn from torch's global generator, which is left as it was.
    """

    config: AutoencoderConfig

    def __init__(self, config: AutoencoderConfig, seed: int = 0):
        super().__init__(config, seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.encoder = Encoder((config.n_colours, *config.channels), config.n_latent)
            self.decoder = _decoder(config)

    def forward(self, images: Float[Tensor, "batch colour y x"]) -> Float[Tensor, "batch colour y x"]:
        """Return images made of the latents of `images`, both in [0, 1]."""
        return (self.decoder(self.encoder(images * 2 - 1)) + 1) / 2

    def export(self, role: str, facts: Mapping[str, str]) -> spec.Network:
        """Raise ValueError: nothing in it spikes."""
        self._refuse()

    def trace(self, role: str, inputs: Tensor) -> Trace:
        """Raise ValueError: nothing in it spikes."""
        self._refuse()

    def verification_inputs(self, role: str, n: int, seed: int) -> Tensor:
        """Raise ValueError: nothing in it spikes."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise ValueError(f"{self.config.name} is an analog autoencoder; it has no spiking network.")


def _decoder(config: AutoencoderConfig) -> nn.Sequential:
    widths = (*reversed(config.channels), config.channels[0])
    stages = [
        nn.Sequential(nn.ConvTranspose2d(a, b, 3, 2, 1, output_padding=1), nn.BatchNorm2d(b), nn.LeakyReLU())
        for a, b in itertools.pairwise(widths)
    ]
    return nn.Sequential(
        nn.Linear(config.n_latent, widths[0] * INNERMOST**2),
        nn.Unflatten(1, (widths[0], INNERMOST, INNERMOST)),
        *stages,
        nn.Conv2d(widths[-1], config.n_colours, 3, 1, 1),
        nn.Tanh(),
    )
