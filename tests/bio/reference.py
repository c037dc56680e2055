"""An independent reference: the equations of `study.network` as a loop over dense matrices, and small networks."""

import numpy as np
import torch

from study.network import (
    LIF,
    Conv2d,
    ConvTranspose2d,
    Current,
    Dense,
    Layer,
    LeakyIntegrator,
    MeanFrames,
    Network,
)


def apply(connection, spikes):
    """Return the current (batch, unit) through torch's own layers."""
    x, weight = torch.from_numpy(np.ascontiguousarray(spikes)), torch.from_numpy(connection.weight.copy())
    if isinstance(connection, Dense):
        return (x @ weight.T).numpy()
    x = x.reshape(len(x), *connection.input_shape)
    function = torch.nn.functional.conv2d
    if isinstance(connection, ConvTranspose2d):
        function = torch.nn.functional.conv_transpose2d
    return function(x, weight, stride=connection.stride, padding=connection.padding).flatten(1).numpy()


def trace(network, stimuli):
    """Return {layer name: (time, batch, unit)}; `readout` is the last layer whatever its name."""
    values = np.asarray(stimuli, np.float64).reshape(len(stimuli), -1)
    membranes = [np.zeros((len(values), layer.n_units)) for layer in network.layers]
    recorded = {layer.name: [] for layer in network.layers[:-1]} | {"readout": []}
    for _ in range(network.n_steps):
        signal = values
        for depth, layer in enumerate(network.layers):
            current = apply(layer.connection, signal) + layer.drive
            signal, membranes[depth] = step(layer.neuron, membranes[depth], current)
            recorded["readout" if depth == len(network.layers) - 1 else layer.name].append(signal)
    return {name: np.array(samples) for name, samples in recorded.items()}


def step(neuron, v, current):
    """Return (output, membrane)."""
    if isinstance(neuron, Current):
        return current, v
    h = neuron.decay * v + neuron.gain * current
    if isinstance(neuron, LeakyIntegrator):
        return h, h
    spikes = h > neuron.v_threshold if neuron.threshold_rule == ">" else h >= neuron.v_threshold
    if neuron.reset == "hard":
        return spikes.astype(float), np.where(spikes, neuron.v_reset, h)
    return spikes.astype(float), h - neuron.v_threshold * spikes


def critic(rng, neuron=None, n_steps=6):
    """Conv, strided conv, dense, membrane readout on 1 x 8 x 8 images; every layer fires now and then."""
    neuron = neuron or LIF(0.5, 0.5)
    first = Conv2d(rng.normal(size=(2, 1, 3, 3)), (1, 8, 8))
    second = Conv2d(rng.normal(size=(3, 2, 4, 4)) * 0.5, first.output_shape, stride=2, padding=1)
    third = Dense(rng.normal(size=(5, second.n_out)) * 0.6)
    last = Dense(rng.normal(size=(2, 5)))
    return Network(
        "critic",
        (1, 8, 8),
        n_steps,
        (
            Layer("conv1", first.output_shape, first, rng.normal(size=first.n_out) * 0.5 + 0.8, neuron),
            Layer("conv2", second.output_shape, second, rng.normal(size=second.n_out) * 0.5 + 0.8, neuron),
            Layer("dense1", (5,), third, rng.normal(size=5) * 0.3 + 1.0, neuron),
            Layer("readout", (2,), last, rng.normal(size=2), LeakyIntegrator(0.5, 0.5)),
        ),
    )


def generator(rng, neuron=None, n_steps=6, decoder=None):
    """Dense, transposed conv, transposed conv current readout on 3 latents."""
    neuron = neuron or LIF(0.5, 0.5)
    first = Dense(rng.normal(size=(18, 3)))
    second = ConvTranspose2d(rng.normal(size=(2, 3, 4, 4)) * 0.6, (2, 3, 3), stride=2, padding=1)
    last = ConvTranspose2d(rng.normal(size=(3, 1, 2, 2)), second.output_shape, stride=1, padding=1)
    return Network(
        "generator",
        (3,),
        n_steps,
        (
            Layer("dense1", (2, 3, 3), first, rng.normal(size=18) * 0.5 + 1.0, neuron),
            Layer("convt1", second.output_shape, second, rng.normal(size=second.n_out) * 0.5 + 0.8, neuron),
            Layer("readout", last.output_shape, last, rng.normal(size=last.n_out), Current()),
        ),
        decoder or MeanFrames(),
    )


def stimuli_for(network, rng, n=4):
    """Return n random stimuli, (stimulus, *input_shape)."""
    if network.role == "critic":
        return rng.random((n, *network.input_shape))
    return rng.normal(size=(n, *network.input_shape))
