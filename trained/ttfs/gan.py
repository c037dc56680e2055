"""Spiking-GAN: a generator whose pixels are first spikes, a discriminator whose outputs race."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import torch
from jaxtyping import Float, Int
from torch import Tensor

from study import network as spec
from study.commands import unknown
from trained.model import AbstractModel, Trace
from trained.ttfs.data import N_CLASSES
from trained.ttfs.gan_config import TTFSGanConfig
from trained.ttfs.network import FirstSpikeNetwork

ROLES = ("generator", "discriminator")
NAMES = ("hidden", "output")
N_LAYERS = 2


class TTFSGan(AbstractModel):
    """Two chains of two layers; every unit of both fires at most once.

    Latent values in [0, 1] and, of a conditional GAN, a one-hot class are the generator's input, coded as images are:
    the larger, the earlier. A pixel is bright if its unit fires early, black if it is silent. The last output of the
    discriminator says "made"; the others say "real", one per class of a conditional GAN.

    Parameters
    ----------
    config : TTFSGanConfig
    seed : int
        Of the initial weights.
    """

    roles = ("generator",)
    config: TTFSGanConfig

    def __init__(self, config: TTFSGanConfig, seed: int = 0):
        super().__init__(config, seed)
        random = torch.Generator().manual_seed(seed)
        side = config.image_size
        rule = dataclasses.replace(config.rule, revive=config.revive)
        n_real = N_CLASSES if config.conditional else 1
        n_in = config.n_latent + (N_CLASSES if config.conditional else 0)

        def weights(*sizes: int, mean: tuple[float, ...], sd: tuple[float, ...]) -> list[Tensor]:
            pairs = zip(sizes[1:], sizes[:-1], mean, sd, strict=True)
            return [torch.randn(before, n, generator=random) * s + m for n, before, m, s in pairs]

        self.generator = FirstSpikeNetwork(
            "generator",
            ((n_in,), (config.n_generator_hidden,), (1, side, side)),
            weights(
                n_in, config.n_generator_hidden, side**2, mean=config.generator_mean, sd=config.generator_sd
            ),
            (rule, rule),
            spec.FirstSpikeTime(N_LAYERS * config.latency),
        )
        self.discriminator = FirstSpikeNetwork(
            "classifier",
            ((1, side, side), (config.n_hidden,), (n_real + 1,)),
            weights(
                side**2,
                config.n_hidden,
                n_real + 1,
                mean=config.discriminator_mean,
                sd=config.discriminator_sd,
            ),
            (rule, rule),
        )

    @property
    def made(self) -> int:
        """Number of the output that says "made"."""
        return self.discriminator.shapes[-1][0] - 1

    def inputs(self, n: int, random: torch.Generator) -> tuple[Float[Tensor, "n n_in"], Int[Tensor, " n"]]:
        """Return `n` inputs of the generator and the number of the output that should win for each."""
        latent = torch.rand(n, self.config.n_latent, generator=random)
        if not self.config.conditional:
            return latent, torch.zeros(n, dtype=torch.long)
        label = torch.randint(N_CLASSES, (n,), generator=random)
        return torch.cat([latent, torch.nn.functional.one_hot(label, N_CLASSES)], 1), label

    def pixels(self, values: Float[Tensor, "batch n_in"]) -> Float[Tensor, "batch pixel"]:
        """Return the spike times of the pixels as an encoded image has them: from 0, t_max for silent."""
        times = self.generator(self.generator.encode(values))[-1]
        assert self.generator.decoder is not None
        return torch.where(times < self.config.t_max, times - self.generator.decoder.first_step, times)

    def sample(self, n: int, seed: int) -> Tensor:
        """Return `n` images; see `AbstractModel`."""
        return self.sample_labelled(n, seed)[0]

    def sample_labelled(self, n: int, seed: int, batch_size: int = 500) -> tuple[Tensor, Tensor]:
        """Return `n` images, (n, 1, y, x), and the class that was asked for (0 where none was)."""
        values, label = self.inputs(n, torch.Generator().manual_seed(seed + 10**6))
        with torch.no_grad():
            times = [self.generator(self.generator.encode(x))[-1] for x in values.split(batch_size)]
            return torch.cat([self.generator.image(t) for t in times]), label

    def network(self, role: str) -> FirstSpikeNetwork:
        """Return one network.

        Raises
        ------
        ValueError
            For an unknown role.
        """
        if role not in self.roles:
            raise unknown(f"network of {self.config.name}", role, self.roles)
        return self.generator

    def export(self, role: str, facts: Mapping[str, str]) -> spec.Network:
        """Describe the generator; see `AbstractModel`."""
        return self.network(role).export(facts, NAMES)

    def trace(self, role: str, inputs: Tensor) -> Trace:
        """Run the generator; see `AbstractModel`. Its pixels' spikes are the readout."""
        return self.network(role).trace(inputs, NAMES)

    def verification_inputs(self, role: str, n: int, seed: int) -> Tensor:
        """Return inputs of the generator; see `AbstractModel`."""
        self.network(role)
        return self.inputs(n, torch.Generator().manual_seed(seed))[0]
