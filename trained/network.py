"""Spiking generator and critic: populations in a chain, time folded into the batch."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from study.network import LIF, Current, LeakyIntegrator, Neuron, Shape
from trained.config import Config
from trained.decoder import build_decoder
from trained.neuron import Membrane

TAU = 2.0  # steps; SGAD's released LIF and readout
SPIKING = LIF(decay=1 - 1 / TAU, gain=1 / TAU)
READOUT = LeakyIntegrator(decay=1 - 1 / TAU, gain=1 / TAU)

Synapse = nn.Linear | nn.Conv2d | nn.ConvTranspose2d


class Population(nn.Module):
    """One layer: optional average pooling, synapses, optional batch norm, neurons.

    Parameters
    ----------
    name : str
    input_shape, shape : tuple of int
        Of one step of one sample: (unit,) or (channel, y, x).
    synapse : Linear, Conv2d or ConvTranspose2d
    neuron : LIF, LeakyIntegrator or Current
    norm : bool
        Batch norm between synapses and neurons, over batch and time (and place).
    pool : int
        Side of the average pooling before the synapses; 1 is none.
    """

    def __init__(
        self,
        name: str,
        input_shape: Shape,
        shape: Shape,
        synapse: Synapse,
        neuron: Neuron = SPIKING,
        norm: bool = True,
        pool: int = 1,
    ):
        super().__init__()
        self.name, self.input_shape, self.shape, self.pool = name, input_shape, shape, pool
        self.synapse = synapse
        batch_norm = nn.BatchNorm1d if len(shape) == 1 else nn.BatchNorm2d
        self.norm = batch_norm(shape[0]) if norm else None
        self.membrane = Membrane(neuron)

    def forward(self, x: Float[Tensor, "time batch *unit"], n_steps: int) -> Tensor:
        """Return the output at all steps, (n_steps, batch, *shape).

        An input that is the same at all steps comes as a single one: its current is computed once.
        """
        n_time, n_batch = x.shape[:2]
        folded = x.reshape(n_time * n_batch, *self.input_shape)
        if self.pool > 1:
            folded = nn.functional.avg_pool2d(folded, self.pool)
        if isinstance(self.synapse, nn.Linear):
            folded = folded.flatten(1)
        current = self.synapse(folded)
        if self.norm is not None:
            current = self.norm(current)
        current = current.unflatten(0, (n_time, n_batch))
        return self.membrane(current.expand(n_steps, -1, *self.shape))


class SpikingNetwork(nn.Module):
    """A chain of populations with a constant analog input.

    Parameters
    ----------
    role : "generator" or "critic"
    populations : list of Population
        All spike but the last.
    n_steps : int
    """

    def __init__(self, role: str, populations: list[Population], n_steps: int):
        super().__init__()
        self.role = role
        self.chain = populations
        self.populations = nn.ModuleList(populations)  # registers their weights
        self.n_steps = n_steps

    @property
    def input_shape(self) -> Shape:
        """Shape of one input."""
        return self.chain[0].input_shape

    def states(self, x: Float[Tensor, " batch *input"]) -> dict[str, Tensor]:
        """Return every layer's output by name, (time, batch, *shape); spikes, and the readout last."""
        if tuple(x.shape[1:]) != self.input_shape:
            raise ValueError(
                f"the {self.role} takes inputs of shape {self.input_shape}, not {tuple(x.shape[1:])}."
            )
        outputs: dict[str, Tensor] = {}
        x = x.unsqueeze(0)
        for population in self.chain:
            x = outputs[population.name] = population(x, self.n_steps)
        return outputs

    def readout(self, x: Float[Tensor, " batch *input"]) -> Tensor:
        """Return the readout at all steps, (time, batch, *shape)."""
        return self.states(x)[self.chain[-1].name]


class Generator(SpikingNetwork):
    """SGAD's generator: two dense layers, two transposed convolutions, sigmoid frames, one decoded image.

    Layer sizes follow `models/generators.py` of the released code (Generator_MP_Scoring_Mnist) with the widths of
    the configuration.
    """

    def __init__(self, config: Config):
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
        self.decoder = build_decoder(config.decoder, full * full)

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

    def __init__(self, config: Config):
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


class Model(nn.Module):
    """A generator and its critic.

    Parameters
    ----------
    config : Config
    seed : int
        Of the initial weights. Drawn from torch's global generator, which is left as it was.
    """

    def __init__(self, config: Config, seed: int = 0):
        super().__init__()
        self.config, self.seed = config, seed
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            # In this order, decoders differ only in what is drawn last: variants of one seed share all other weights.
            self.critic = Critic(config)
            self.generator = Generator(config)
