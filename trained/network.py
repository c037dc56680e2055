"""Spiking networks: populations in a chain, time folded into the batch."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from study.network import LIF, LeakyIntegrator, Neuron, Shape
from trained.decoder import AbstractDecoder
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
    role : str
        As in `study.network.Network`.
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
        self.decoder: AbstractDecoder | None = None  # set by networks that make images

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
