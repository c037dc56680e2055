"""A spiking network described once: `trained` exports it, `bio` simulates it.

One small frozen class per primitive, its equation in the docstring, its fields the symbols of that equation
(after NIR, Pedersen et al. 2024, doi 10.1038/s41467-024-52259-9). Arrays are float64 and in C order. Units of a
layer are numbered in C order of its shape: (channel, y, x) for images. How layers hang together: `Network`.
Batch norm and average pooling have no class of their own: they are folded into weights and drive.
"""

from study.network.arrays import Shape
from study.network.connections import (
    Connection,
    Conv2d,
    ConvTranspose2d,
    Dense,
    MaxPool2d,
    Pick,
    Sparse,
    Weighted,
)
from study.network.decoders import (
    ACTIVATIONS,
    AttentionScoring,
    Decoder,
    FirstSpikeTime,
    LastFrame,
    MeanFrames,
    SpikeRate,
    TemporalAttention,
    WeightedSum,
)
from study.network.file import PRIMITIVES, SCHEMA_VERSION, load_network, network_hash, save_network
from study.network.inputs import INPUTS, first_spike_steps, first_spike_trains
from study.network.layer import Layer, Recurrent
from study.network.network import DECISIONS, ROLES, Network
from study.network.neurons import (
    LIF,
    RELAY,
    CubaLI,
    CubaLIF,
    Current,
    FirstSpike,
    LeakyIntegrator,
    Neuron,
    Spiking,
)
from study.network.rounding import round_to_grid

__all__ = [
    "ACTIVATIONS", "DECISIONS", "INPUTS", "LIF", "PRIMITIVES", "RELAY", "ROLES", "SCHEMA_VERSION",
    "AttentionScoring", "Connection", "Conv2d", "ConvTranspose2d", "CubaLI", "CubaLIF", "Current", "Decoder", "Dense", "FirstSpike",
    "FirstSpikeTime", "LastFrame", "Layer", "LeakyIntegrator", "MaxPool2d", "MeanFrames", "Network", "Neuron",
    "Pick", "Recurrent", "Shape", "Sparse", "SpikeRate", "Spiking", "TemporalAttention", "Weighted", "WeightedSum", "first_spike_steps",
    "first_spike_trains", "load_network", "network_hash", "round_to_grid", "save_network",
]  # fmt: skip
