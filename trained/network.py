"""Spiking networks: populations in a chain, time folded into the batch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from study.network import LIF, LeakyIntegrator, Neuron, Shape
from trained.analog import AnalogUnits
from trained.average_pooling import average_pool
from trained.batch_norm import BatchNorm
from trained.decoder import AbstractDecoder
from trained.max_pool import MaxPool
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
    neuron : LIF, LeakyIntegrator or Current; or AnalogUnits
    norm : bool
        Batch norm between synapses and neurons, over batch and time (and place).
    pool : int
        Side of the average pooling before the synapses; 1 is none.
    scale : float
        The current is multiplied by it before it reaches the neurons.
    """

    def __init__(
        self,
        name: str,
        input_shape: Shape,
        shape: Shape,
        synapse: Synapse,
        neuron: Neuron | AnalogUnits = SPIKING,
        norm: bool = True,
        pool: int = 1,
        scale: float = 1.0,
    ):
        super().__init__()
        self.name, self.input_shape, self.shape, self.pool = name, input_shape, shape, pool
        self.scale = scale
        self.synapse = synapse
        self.norm = BatchNorm(shape[0]) if norm else None
        self.membrane = neuron if isinstance(neuron, AnalogUnits) else Membrane(neuron)

    def current(self, x: Float[Tensor, "time batch *unit"]) -> Tensor:
        """Return the current into the neurons at all steps of `x`, (time, batch, *shape)."""
        n_time, n_batch = x.shape[:2]
        folded = x.reshape(n_time * n_batch, *self.input_shape)
        if self.pool > 1:
            folded = average_pool(folded, self.pool)
        if isinstance(self.synapse, nn.Linear):
            folded = folded.flatten(1)
        current = self.synapse(folded)
        if self.norm is not None:
            current = self.norm(current)
        if self.scale != 1:
            current = current * self.scale
        return current.reshape(n_time, n_batch, *self.shape)

    def forward(self, x: Float[Tensor, "time batch *unit"], n_steps: int) -> Tensor:
        """Return the output at all steps, (n_steps, batch, *shape).

        An input that is the same at all steps comes as a single one: its current is computed once.
        """
        return self.membrane(self.current(x), n_steps)


class SpikingNetwork(nn.Module):
    """A chain of populations with an analog input.

    Parameters
    ----------
    role : str
        As in `study.network.Network`.
    populations : list of Population or MaxPool
        The first is a Population; all spike but the last, which may.
    n_steps : int
    """

    def __init__(self, role: str, populations: Sequence[Population | MaxPool], n_steps: int):
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

    def states(self, x: Tensor) -> dict[str, Tensor]:
        """Return every layer's output by name, (time, batch, *shape); spikes, and the readout last.

        Parameters
        ----------
        x : Tensor, (batch, *input_shape) or (time, batch, *input_shape)
            The same at all steps, or one input per step.
        """
        (outputs,) = self._run(x)
        return outputs

    def _run(self, *inputs: Tensor) -> list[dict[str, Tensor]]:
        """Run one input after another; membranes go on from one to the next, batch norm sees each by itself."""
        xs = [self._sequence(x) for x in inputs]
        outputs: list[dict[str, Tensor]] = [{} for _ in xs]
        for population in self.chain:
            if len(xs) == 1 or not isinstance(population, Population):
                xs = [population(x, self.n_steps) for x in xs]
            else:
                currents = [population.current(x).expand(self.n_steps, -1, *population.shape) for x in xs]
                xs = list(population.membrane(torch.cat(currents)).split(self.n_steps))
            for found, x in zip(outputs, xs, strict=True):
                found[population.name] = x
        return outputs

    def _sequence(self, x: Tensor) -> Tensor:
        shape = self.input_shape
        constant = tuple(x.shape[1:]) == shape
        if not constant and not (tuple(x.shape[2:]) == shape and len(x) == self.n_steps):
            raise ValueError(f"the {self.role} takes inputs of shape {shape}, not {tuple(x.shape[1:])}.")
        return x.unsqueeze(0) if constant else x

    def readouts_without_reset(self, *inputs: Tensor) -> list[Tensor]:
        """Return the readouts of inputs that follow one another with no reset between them."""
        return [outputs[self.chain[-1].name] for outputs in self._run(*inputs)]

    def readout(self, x: Tensor) -> Tensor:
        """Return the readout at all steps, (time, batch, *shape)."""
        return self.states(x)[self.chain[-1].name]
