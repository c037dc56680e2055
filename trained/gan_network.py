"""SGAD's spiking generator and critic."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from study import network as spec
from study.network import Current
from trained.data import distinct_images
from trained.decoder import AbstractDecoder, build_decoder
from trained.folding import export_network
from trained.gan_config import GanConfig
from trained.model import AbstractModel, Trace
from trained.network import READOUT, Population, SpikingNetwork
from trained.trace import trace


class Generator(SpikingNetwork):
    """SGAD's generator: two dense layers, two transposed convolutions, sigmoid frames, one decoded image.

    Layer sizes follow `models/generators.py` of the released code (Generator_MP_Scoring_Mnist) with the widths of
    the configuration.
    """

    def __init__(self, config: GanConfig):
        quarter, half, full = config.image_size // 4, config.image_size // 2, config.image_size
        c1, c2 = config.generator_channels
        start = (c1, quarter, quarter)
        n_start = math.prod(start)
        populations = [
            Population(
                "dense1",
                (config.n_latent,),
                (config.generator_hidden,),
                nn.Linear(config.n_latent, config.generator_hidden),
            ),
            Population(
                "dense2",
                (config.generator_hidden,),
                (n_start,),
                nn.Linear(config.generator_hidden, n_start),
            ),
            Population("convt1", start, (c2, half, half), nn.ConvTranspose2d(c1, c2, 4, 2, 1)),
            Population(
                "readout",
                (c2, half, half),
                (1, full, full),
                nn.ConvTranspose2d(c2, 1, 4, 2, 1),
                Current(),
                norm=False,
            ),
        ]
        super().__init__("generator", populations, config.n_steps)
        self.decoder: AbstractDecoder = build_decoder(config.decoder, full * full)

    def frames(self, latent: Float[Tensor, "batch latent"]) -> Float[Tensor, "time batch 1 y x"]:
        """Return X[t], the image at each step, in (0, 1)."""
        return torch.sigmoid(self.readout(latent))

    def forward(self, latent: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch 1 y x"]:
        """Return the decoded image, in [0, 1]."""
        return self.decoder(self.frames(latent))


class Critic(SpikingNetwork):
    """SGAD's spiking critic: two convolutions with average pooling, a dense layer, a membrane readout.

    Layer sizes follow `models/discriminators.py` of the released code (Discriminator_EM_MNIST) with the widths of
    the configuration; the score is U[T] / T.
    """

    def __init__(self, config: GanConfig):
        c1, c2 = config.critic_channels
        kernel, size = config.critic_kernel, config.image_size
        side1 = size - kernel + 1
        side2 = side1 // 2 - kernel + 1
        if side1 % 2 or side2 < 2 or side2 % 2:
            raise ValueError(
                f"image_size {size} with critic_kernel {kernel} leaves layers of {side1} and {side2} pixels, "
                "which pooling cannot halve; image sizes 28, 32 and 64 go with a kernel of 5."
            )
        n_flat = c2 * (side2 // 2) ** 2
        hidden = config.critic_hidden
        populations = [
            Population("conv1", (1, size, size), (c1, side1, side1), nn.Conv2d(1, c1, kernel)),
            Population("conv2", (c1, side1, side1), (c2, side2, side2), nn.Conv2d(c1, c2, kernel), pool=2),
            Population(
                "dense1",
                (c2, side2, side2),
                (hidden,),
                nn.Linear(n_flat, hidden),
                norm=config.critic_dense_norm,
                pool=2,
            ),
            Population("readout", (hidden,), (1,), nn.Linear(hidden, 1), READOUT, norm=False),
        ]
        super().__init__("critic", populations, config.n_steps)

    def forward(self, image: Float[Tensor, "batch 1 y x"]) -> Float[Tensor, " batch"]:
        """Return the score U[T] / T of each image; any real number."""
        return self.readout(image)[-1, :, 0] / self.n_steps


class GanModel(AbstractModel):
    """A generator and its critic.

    Parameters
    ----------
    config : GanConfig
    seed : int
        Of the initial weights. Torch's global generator is left as it was.
    """

    roles = ("generator", "critic")
    config: GanConfig

    def __init__(self, config: GanConfig, seed: int = 0):
        super().__init__(config, seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            # In this order, decoders differ only in what is drawn last: variants of one seed share all other weights.
            self.critic = Critic(config)
            self.generator = Generator(config)

    def network(self, role: str) -> SpikingNetwork:
        """Return the generator or the critic."""
        return self.generator if role == "generator" else self.critic

    def export(self, role: str, facts: Mapping[str, str]) -> spec.Network:
        """Describe the generator or the critic, batch norm and average pooling folded in."""
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
        """Return the images of `latents` in evaluation mode, (n, 1, y, x), in [0, 1]."""
        self.eval()
        with torch.no_grad():
            return torch.cat([self.generator(z) for z in self.latents(n, seed).split(batch_size)])
