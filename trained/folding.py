"""A trained network as a `study.network.Network`, batch norm and average pooling folded in."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from study import network as spec
from trained.max_pool import MaxPool
from trained.network import Population, SpikingNetwork
from trained.neuron import Membrane


def export_network(
    network: SpikingNetwork, facts: Mapping[str, str] | None = None, **fields: Any
) -> spec.Network:
    """Describe a network as it is in evaluation mode, in float64.

    Parameters
    ----------
    network : SpikingNetwork
    facts : mapping of str, optional
        Provenance.
    **fields
        Further fields of `study.network.Network`: input, decision.

    Returns
    -------
    study.network.Network
    """
    network = copy.deepcopy(network).double().eval()
    return spec.Network(
        role=network.role,
        input_shape=network.input_shape,
        n_steps=network.n_steps,
        layers=tuple(export_layer(population) for population in network.chain),
        decoder=None if network.decoder is None else network.decoder.export(),
        provenance=facts or {},
        **fields,
    )


def export_layer(population: Population | MaxPool) -> spec.Layer:
    """Fold one population: I = scale · (synapse(pool(s)) + bias) + shift, with those of its batch norm."""
    if isinstance(population, MaxPool):
        return spec.Layer.max_pool(population.name, spec.MaxPool2d(population.input_shape, population.size))
    assert isinstance(population.membrane, Membrane)  # analog twins are not exported
    weight = population.synapse.weight.detach().numpy()
    scale, shift = (population.scale * x for x in _norm(population))
    channel_axis = 1 if isinstance(population.synapse, nn.ConvTranspose2d) else 0
    weight = weight * np.expand_dims(scale, [axis for axis in range(weight.ndim) if axis != channel_axis])
    bias = population.synapse.bias
    offset = shift if bias is None else scale * bias.detach().numpy() + shift
    per_channel = np.prod(population.shape[1:], dtype=int)  # 1 for dense layers
    return spec.Layer(
        name=population.name,
        shape=population.shape,
        connection=_connection(population, weight),
        drive=np.repeat(offset, per_channel),
        neuron=population.membrane.neuron,
    )


def _norm(population: Population) -> tuple[np.ndarray, np.ndarray]:
    norm = population.norm
    if norm is None:
        ones = np.ones(population.shape[0])
        return ones, np.zeros_like(ones)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight.detach() / torch.sqrt(norm.running_var + norm.eps)
    return scale.numpy(), (norm.bias.detach() - norm.running_mean * scale).numpy()


def _connection(population: Population, weight: np.ndarray) -> spec.Connection:
    synapse, pool = population.synapse, population.pool
    spread = np.ones((pool, pool)) / pool**2
    if isinstance(synapse, nn.Linear):
        if pool > 1:
            channels, height, width = population.input_shape
            pooled = weight.reshape(-1, channels, height // pool, width // pool)
            weight = np.kron(pooled, spread).reshape(len(weight), -1)
        return spec.Dense(weight)
    stride, padding = int(synapse.stride[0]), int(synapse.padding[0])
    if isinstance(synapse, nn.ConvTranspose2d):
        beyond = int(synapse.output_padding[0])
        return spec.ConvTranspose2d(weight, population.input_shape, stride, padding, beyond)
    return spec.Conv2d(np.kron(weight, spread), population.input_shape, stride * pool, padding * pool)
