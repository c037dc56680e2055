"""Variational autoencoders: encoder, latent and generator in one model."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from study import network as spec
from study.commands import unknown
from trained.data import distinct_images
from trained.latent import AbstractLatent, AutoregressiveLatent, GaussianLatent, RateLatent
from trained.model import AbstractModel, Trace
from trained.vae_config import VAEConfig
from trained.vae_export import export_encoder, export_generator, trace_draws, trace_encoder, trace_spikes
from trained.vae_network import Encoder, Generator

# Added to the seed of samples, which are then drawn apart from the stream that training used.
SAMPLE_STREAM = 10**6
ROLES = ("generator", "encoder")


class VAE(AbstractModel):
    """Encoder, latent and generator.

    Parameters
    ----------
    config : VAEConfig
    seed : int
        Of the initial weights. Drawn from torch's global generator, which is left as it was.
    """

    config: VAEConfig
    latent: AbstractLatent

    def __init__(self, config: VAEConfig, seed: int = 0):
        super().__init__(config, seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            # In this order, variants that differ in latent or decoder share the weights drawn before.
            self.encoder = Encoder(config)
            self.generator = Generator(config)
            self.latent = _latent(config, self.encoder.n_out)

    def reconstruct(
        self, images: Float[Tensor, "batch colour y x"], random: torch.Generator, scheduled: float = 0.0
    ) -> tuple[Float[Tensor, "batch colour y x"], Float[Tensor, ""]]:
        """Return (images made of the latents of `images`, divergence of posterior and prior)."""
        posterior = self.latent.posterior(self.encoder(images), random, scheduled)
        return self.generator(posterior.z), posterior.divergence

    def forward(
        self, images: Float[Tensor, "batch colour y x"], random: torch.Generator, scheduled: float = 0.0
    ) -> tuple[Float[Tensor, "batch colour y x"], Float[Tensor, ""]]:
        """Return what `reconstruct` does."""
        return self.reconstruct(images, random, scheduled)

    @property
    def roles(self) -> tuple[str, ...]:  # type: ignore[override]
        """Names of the networks that can be exported; the analog twin has none."""
        return ROLES if self.config.spiking else ()

    def export(self, role: str, facts: Mapping[str, str]) -> spec.Network:
        """Describe generator (with the autoregressive prior in front) or encoder; see `AbstractModel`."""
        self._check_role(role)
        if role == "encoder":
            return export_encoder(self.encoder, facts)
        return export_generator(self.generator, self.latent, facts)

    def trace(self, role: str, inputs: Tensor) -> Trace:
        """Run one network as it stands; see `AbstractModel`."""
        self._check_role(role)
        dtype = next(self.parameters()).dtype
        if role == "encoder":
            return trace_encoder(self.encoder, inputs.to(dtype))
        over_time = inputs.transpose(0, 1)
        if isinstance(self.latent, AutoregressiveLatent):
            return trace_draws(self.generator, self.latent, over_time.long())
        return trace_spikes(self.generator, over_time.to(dtype))

    def verification_inputs(self, role: str, n: int, seed: int) -> Tensor:
        """Return images (n, colour, y, x), or draws or spikes of the prior, (n, step, latent); see `AbstractModel`."""
        self._check_role(role)
        if role == "encoder":
            return distinct_images(self.config, n, seed)
        return self.latent.draw(n, torch.Generator().manual_seed(seed)).transpose(0, 1).contiguous()

    def _check_role(self, role: str) -> None:
        if role not in self.roles:
            raise unknown(f"network of {self.config.name}", role, self.roles)

    @torch.no_grad()
    def sample(self, n: int, seed: int, batch_size: int = 256) -> Tensor:
        """Return `n` generated images in evaluation mode, (n, colour, y, x), in [0, 1]."""
        self.eval()
        drawn = self.latent.draw(n, torch.Generator().manual_seed(seed + SAMPLE_STREAM))
        return torch.cat([self.generator(self.latent.prior(d)) for d in drawn.split(batch_size, dim=1)])


def _latent(config: VAEConfig, n_in: int) -> AbstractLatent:
    if config.latent == "gaussian":
        return GaussianLatent(config, n_in)
    return (AutoregressiveLatent if config.latent == "autoregressive" else RateLatent)(config)
