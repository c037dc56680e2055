"""Synaptic operations of a spiking network and of its analog twin, and an estimate of their energy.

A spike that arrives costs one accumulation per synapse that it reaches, an analog value one multiply-accumulation. The
first layer's input is analog and constant: its current is computed once per image, as in training. Updates of membranes,
memory and decoders are not counted, which flatters spikes; it is the convention of the field.
"""

from __future__ import annotations

import copy
import dataclasses

import torch
from jaxtyping import Float
from torch import Tensor, nn

from trained.max_pool import MaxPool
from trained.network import Population, SpikingNetwork

# Picojoule in 45 nm, float32 (Horowitz 2014, ISSCC, doi 10.1109/ISSCC.2014.6757323): an addition, and a multiplication
# and an addition.
ACCUMULATION_PJ = 0.9
MULTIPLY_ACCUMULATION_PJ = 0.9 + 3.7


@dataclasses.dataclass(frozen=True)
class Operations:
    """What one layer's input costs per image.

    Parameters
    ----------
    layer : str
        Name of the layer that receives.
    synapses : int
        Connections into it, average pooling folded in: what each analog value passes once.
    accumulations : float
        Spikes that arrive, each times the synapses that it reaches; 0 in the first layer.
    """

    layer: str
    synapses: int
    accumulations: float


def operations(network: SpikingNetwork, inputs: Tensor) -> list[Operations]:
    """Count the operations per image of a network of spiking layers.

    Parameters
    ----------
    network : SpikingNetwork
    inputs : Tensor, (batch, *input_shape)

    Returns
    -------
    list of Operations
        One per layer.
    """
    with torch.no_grad():
        states = network.states(inputs)
    found = []
    for before, population in zip([None, *network.chain], network.chain, strict=False):
        reached = fan_out(population)
        arriving = 0.0
        if before is not None:
            spikes = states[before.name].sum((0, 1)).reshape(population.input_shape)
            arriving = float((spikes * reached).sum()) / len(inputs)
        found.append(Operations(population.name, int(reached.sum()), arriving))
    return found


def fan_out(population: Population | MaxPool) -> Float[Tensor, " *unit"]:
    """Return how many synapses each unit of a layer's input has onto the layer, pooling folded in."""
    if isinstance(population, MaxPool):
        return torch.ones(population.input_shape)
    synapse = copy.deepcopy(population.synapse).float()
    nn.init.ones_(synapse.weight)
    x = torch.zeros(1, *population.input_shape, requires_grad=True)
    pooled = nn.functional.avg_pool2d(x, population.pool) * population.pool**2 if population.pool > 1 else x
    reached = synapse(pooled.flatten(1) if isinstance(synapse, nn.Linear) else pooled)
    (count,) = torch.autograd.grad(reached.sum(), x)
    return count[0]


def energy_nj(found: list[Operations]) -> tuple[float, float]:
    """Return the energy per image in nJ of the spiking network and of an analog one of equal shape."""
    first, *rest = found
    spiking = first.synapses * MULTIPLY_ACCUMULATION_PJ + ACCUMULATION_PJ * sum(x.accumulations for x in rest)
    analog = MULTIPLY_ACCUMULATION_PJ * sum(x.synapses for x in found)
    return spiking / 1000, analog / 1000
