"""The exported description, simulated by a few lines of torch, gives the training model's spikes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from study import network as spec
from study.files import sha256
from study.network import load_network
from trained.checkpoint import MODEL_FILE
from trained.data import distinct_images
from trained.runs import load_model


def simulate(network: spec.Network, x: torch.Tensor) -> dict[str, np.ndarray]:
    """Run a description step by step, layer by layer."""
    states = {layer.name: 0.0 for layer in network.layers}
    out: dict[str, list[torch.Tensor]] = {layer.name: [] for layer in network.layers}
    for _ in range(network.n_steps):
        s = x.reshape(len(x), -1)
        for layer in network.layers:
            h = current(layer, s)
            if not isinstance(layer.neuron, spec.Current):
                h = layer.neuron.decay * states[layer.name] + layer.neuron.gain * h
            s = h
            if isinstance(layer.neuron, spec.LIF):
                s = (h > layer.neuron.v_threshold).double()
                h = torch.where(s > 0, layer.neuron.v_reset, h)
            states[layer.name] = h
            out[layer.name].append(s)
    return {name: torch.stack(steps).numpy() for name, steps in out.items()}


def current(layer: spec.Layer, s: torch.Tensor) -> torch.Tensor:
    connection = layer.connection
    weight = torch.from_numpy(np.array(connection.weight))
    if isinstance(connection, spec.Dense):
        i = s @ weight.T
    else:
        image = s.reshape(len(s), *connection.input_shape)
        conv = functional.conv2d if isinstance(connection, spec.Conv2d) else functional.conv_transpose2d
        i = conv(image, weight, stride=connection.stride, padding=connection.padding).flatten(1)
    return i + torch.from_numpy(np.array(layer.drive))


@pytest.mark.parametrize("role", ["generator", "critic"])
def test_export_gives_the_same_spikes(tiny_run: Path, role: str) -> None:
    model = load_model(tiny_run, torch.float64)
    inputs = model.verification_inputs(role, 40, seed=1).double()
    torch_side = model.trace(role, inputs)
    network = load_network(tiny_run / f"{role}.safetensors")
    described = simulate(network, inputs)
    assert network.provenance["model_sha256"] == sha256(tiny_run / MODEL_FILE)
    assert sum(torch_side[layer.name].sum() for layer in network.layers if layer.spikes) > 1000
    for layer in network.layers:
        if layer.spikes:
            assert np.array_equal(described[layer.name], torch_side[layer.name]), layer.name
    np.testing.assert_allclose(described["readout"], torch_side["readout"], atol=1e-12)


def test_verification_inputs_are_distinct_and_bounded(tiny_run: Path) -> None:
    config = load_model(tiny_run).config
    images = distinct_images(config, 200, seed=0)
    assert len(torch.unique(images, dim=0)) == 200
    assert 0 <= images.min() <= images.max() <= 1
    with pytest.raises(ValueError, match=r"999999 inputs are asked for, but patches has \d+ distinct images"):
        distinct_images(config, 999999, seed=0)
