"""A network description run by a few lines of torch, step by step: what exports are compared with."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from study import network as spec


def simulate(network: spec.Network, inputs: Tensor) -> dict[str, np.ndarray]:
    """Return every layer's output, (time, batch, unit), without latency.

    Parameters
    ----------
    network : Network
    inputs : Tensor
        (batch, *input_shape) where the input is constant, else (batch, step, *input_shape): spikes or draws.
    """
    n = len(inputs)
    s = {layer.name: torch.zeros(n, layer.n_units, dtype=torch.float64) for layer in network.layers}
    v = {name: torch.zeros_like(x) for name, x in s.items()}
    out: dict[str, list[Tensor]] = {name: [] for name in s}
    for t in range(network.n_steps):
        shown = inputs.flatten(1) if network.input == "constant" else inputs[:, t].flatten(1)
        below, before = shown.double(), dict(s)
        for layer in network.layers:
            i = torch.from_numpy(np.array(layer.drive)) + arriving(layer.connection, below, shown)
            for recurrent in layer.recurrent:
                i = i + arriving(recurrent.connection, before[recurrent.source], shown)
            below = s[layer.name] = step(layer.neuron, i, v, layer.name)
            out[layer.name].append(below)
    return {name: torch.stack(steps).numpy() for name, steps in out.items()}


def arriving(connection: spec.Connection | None, s: Tensor, draws: Tensor) -> Tensor:
    """Return what a connection makes of the spikes `s`, (batch, unit)."""
    if connection is None:
        return torch.zeros(len(s), 1, dtype=torch.float64)
    if isinstance(connection, spec.Pick):
        return s.gather(1, torch.arange(connection.n_out) * connection.n_each + draws)
    if isinstance(connection, spec.MaxPool2d):
        return functional.max_pool2d(s.reshape(len(s), *connection.input_shape), connection.size).flatten(1)
    weight = torch.from_numpy(np.array(connection.weight))
    if isinstance(connection, spec.Dense):
        return s @ weight.T
    image = s.reshape(len(s), *connection.input_shape)
    grid = {"stride": connection.stride, "padding": connection.padding}
    if isinstance(connection, spec.Conv2d):
        return functional.conv2d(image, weight, **grid).flatten(1)
    return functional.conv_transpose2d(
        image, weight, **grid, output_padding=connection.output_padding
    ).flatten(1)


def step(neuron: spec.Neuron, i: Tensor, v: dict[str, Tensor], name: str) -> Tensor:
    """Return the output of one step, and keep the membrane in `v`."""
    if isinstance(neuron, spec.Current):
        return i
    h = neuron.decay * v[name] + neuron.gain * i
    if isinstance(neuron, spec.LeakyIntegrator):
        v[name] = h
        return h
    fired = h > neuron.v_threshold if neuron.threshold_rule == ">" else h >= neuron.v_threshold
    v[name] = (
        torch.where(fired, neuron.v_reset, h) if neuron.reset == "hard" else h - neuron.v_threshold * fired
    )
    return fired.double()
