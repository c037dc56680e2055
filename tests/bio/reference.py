"""An independent reference: the equations of `study.network` as a loop over dense matrices, and small networks."""

import dataclasses

import numpy as np
import torch

from study.network import (
    LIF,
    Conv2d,
    ConvTranspose2d,
    CubaLI,
    CubaLIF,
    Current,
    Dense,
    FirstSpike,
    Layer,
    LeakyIntegrator,
    MaxPool2d,
    MeanFrames,
    Network,
    Pick,
    Sparse,
)


def apply(connection, spikes, draw=None):
    """Return the current (batch, unit) through torch's own layers."""
    x = torch.from_numpy(np.ascontiguousarray(spikes))
    if isinstance(connection, Pick):
        candidates = x.reshape(len(x), connection.n_out, connection.n_each)
        return candidates.gather(2, torch.from_numpy(draw)[..., None])[..., 0].numpy()
    if isinstance(connection, MaxPool2d):
        x = x.reshape(len(x), *connection.input_shape)
        return torch.nn.functional.max_pool2d(x, connection.size).flatten(1).numpy()
    if isinstance(connection, Sparse):
        matrix = np.zeros((connection.n_out, connection.n_in), spikes.dtype)
        matrix[connection.post, connection.pre] = connection.weight
        return spikes @ matrix.T
    weight = torch.from_numpy(connection.weight.astype(spikes.dtype))
    if isinstance(connection, Dense):
        return (x @ weight.T).numpy()
    x = x.reshape(len(x), *connection.input_shape)
    if isinstance(connection, ConvTranspose2d):
        more = {"output_padding": connection.output_padding}
        y = torch.nn.functional.conv_transpose2d(
            x, weight, None, connection.stride, connection.padding, **more
        )
    else:
        y = torch.nn.functional.conv2d(x, weight, None, connection.stride, connection.padding)
    return y.flatten(1).numpy()


def trace(network, stimuli, draws=None, dtype=np.float64, repeats=1, blank_steps=0, reset=True):
    """Return {layer name: (time, batch, unit)}; `readout` is the last layer whatever its name.

    Stimuli from rest are a batch. Without reset they follow one another, and the batch is of one.
    """
    if not reset:
        return sequence(network, stimuli, draws, dtype, repeats, blank_steps)
    state = State(network, len(stimuli), dtype)
    steps = [state.step(*shown(network, stimuli, draws, t)) for t in range(network.n_steps)]
    return {name: np.array([outputs[name] for outputs in steps]) for name in steps[0]}


def sequence(network, stimuli, draws, dtype, repeats, blank_steps):
    """Return the same as `trace`, with repeats one after the other in the batch, from one state that goes on."""
    state, found = State(network, 1, dtype), []
    blank = np.zeros((1, int(np.prod(network.input_shape))))
    for _ in range(repeats):
        for k in range(len(stimuli)):
            one, drawn = stimuli[k : k + 1], None if draws is None else draws[k : k + 1]
            steps = [state.step(*shown(network, one, drawn, t)) for t in range(network.n_steps)]
            found.append({name: np.array([outputs[name] for outputs in steps]) for name in steps[0]})
            no_draw = None if network.pick is None else np.zeros((1, network.pick.n_units), np.int64)
            for _ in range(blank_steps):
                state.step(blank, no_draw)
    return {name: np.concatenate([one[name] for one in found], axis=1) for name in found[0]}


def shown(network, stimuli, draws, t):
    """Return what the first layer and the pick see at step t: (batch, unit) and (batch, n_out)."""
    n, draw = len(stimuli), None
    if network.pick is not None:
        draw = np.asarray(stimuli if network.input == "draws" else draws)[:, t].astype(np.int64)
    if network.input == "draws":
        return None, draw
    values = np.asarray(stimuli, np.float64)
    if network.input == "spikes":
        return values[:, t].reshape(n, -1), draw
    if network.input == "constant":
        return values.reshape(n, -1), draw
    when = (1 - values.reshape(n, -1)) * network.n_steps // 1
    if network.zero_spikes:
        when[when == network.n_steps] -= 1
    return (when == t).astype(float), draw


class State:
    """Membranes and last spikes of a batch, by the equation in the docstring of `study.network.Network`."""

    def __init__(self, network, n, dtype):
        self.network, self.dtype = network, dtype
        self.v = {layer.name: np.zeros((n, layer.n_units), dtype) for layer in network.layers}
        self.last = {layer.name: np.zeros((n, layer.n_units), dtype) for layer in network.layers}
        for layer in network.layers:
            if isinstance(layer.neuron, CubaLI | CubaLIF):  # synaptic current and membrane
                rest = layer.neuron.v_rest if isinstance(layer.neuron, CubaLI) else np.zeros(layer.n_units)
                self.v[layer.name] = np.stack([np.zeros((n, layer.n_units)), np.tile(rest, (n, 1))]).astype(
                    dtype
                )
        self.fired = {layer.name: np.zeros((n, layer.n_units), bool) for layer in network.layers}
        self.last_input = np.zeros((n, int(np.prod(network.input_shape))), dtype)

    def step(self, values, draw):
        """Return {layer: output (batch, unit)} of one step."""
        network, now = self.network, {}
        analog = network.input == "constant"
        before, before_last = values, self.last_input
        if values is not None and not analog:
            before = before.astype(self.dtype)
        for number, layer in enumerate(network.layers):
            current = np.zeros_like(self.last[layer.name])
            if layer.connection is not None:
                late = network.latency == 1 and not (analog and number == 0)
                current = current + apply(layer.connection, before_last if late else before, draw)
            if analog and number == 0:
                current = (current + layer.drive).astype(self.dtype)  # the analog current is made in float64
            for recurrent in layer.recurrent:
                current = current + apply(recurrent.connection, self.last[recurrent.source])
            if not (analog and number == 0):
                current = current + layer.drive.astype(self.dtype)
            output, self.v[layer.name] = step(
                layer.neuron, self.v[layer.name], current, self.fired[layer.name]
            )
            before, before_last, now[layer.name] = output, self.last[layer.name], output
        self.last = now
        self.last_input = None if values is None else values.astype(self.dtype)
        return {**now, "readout": now[network.readout.name]}


def step(neuron, v, current, fired=None):
    """Return (output, membrane); `fired` is kept up to date in place."""
    kind = current.dtype.type
    if isinstance(neuron, Current):
        return current, v
    if isinstance(neuron, FirstSpike):
        h = v + current
        above = (
            h > kind(neuron.v_threshold) if neuron.threshold_rule == ">" else h >= kind(neuron.v_threshold)
        )
        spikes = above & ~fired
        fired |= spikes
        return spikes.astype(kind), h
    if isinstance(neuron, CubaLI | CubaLIF):
        return cuba_step(neuron, v, current)
    h = kind(neuron.decay) * v + kind(neuron.gain) * current
    if isinstance(neuron, LeakyIntegrator):
        return h, h
    threshold = kind(neuron.v_threshold)
    spikes = h > threshold if neuron.threshold_rule == ">" else h >= threshold
    if neuron.reset == "hard":
        return spikes.astype(kind), np.where(spikes, kind(neuron.v_reset), h)
    return spikes.astype(kind), h - threshold * spikes


def cuba_step(neuron, state, current):
    """Return (output, (synaptic current, membrane))."""
    p = {
        field.name: getattr(neuron, field.name).astype(current.dtype) for field in dataclasses.fields(neuron)
    }
    a, v = state
    a = p["decay_syn"] * a + p["gain_syn"] * current
    if isinstance(neuron, CubaLI):
        u = p["v_rest"] + p["decay"] * (v - p["v_rest"]) + p["gain"] * a
        return u, np.stack([a, u])
    h = p["decay"] * v + p["gain"] * a
    spikes = h > p["v_threshold"]
    return spikes.astype(current.dtype), np.stack([a, np.where(spikes, p["v_reset"], h)])


def image(network, readout):
    """Return the decoded images (batch, unit) of a readout (time, batch, unit), by the decoders' equations."""
    decoder, s, n_steps = network.decoder, torch.from_numpy(readout), network.n_steps
    kind = decoder.kind
    if kind == "spike_rate":
        return s.to(torch.float64).mean(0).numpy()
    if kind == "first_spike_time":
        times = torch.arange(n_steps)[:, None, None].expand(s.shape)
        first = torch.where(s > 0, times, n_steps).amin(0).clamp(min=decoder.first_step)
        return (1 - (first - decoder.first_step) / (n_steps - decoder.first_step)).numpy()
    if kind in ("weighted_sum", "temporal_attention"):
        x = torch.sigmoid(s) if decoder.activation == "sigmoid_frames" else s
        if kind == "weighted_sum":
            total = sum(float(w) * frame for w, frame in zip(decoder.weights, x, strict=True))
        else:
            x = x.unflatten(2, (decoder.n_channels, -1))
            squeezed = x.mean(-1).flatten(1)
            gate = torch.sigmoid(torch.from_numpy(decoder.weight.copy()) @ squeezed).reshape(*x.shape[:3], 1)
            total = (gate * x).sum(0).flatten(1)
        if decoder.activation == "tanh_sum":
            total = (torch.tanh(total) + 1) / 2
        elif decoder.activation == "sigmoid_sum":
            total = torch.sigmoid(total)
        return total.numpy()
    x = torch.sigmoid(s)
    if kind == "last":
        return x[-1].numpy()
    if kind == "mean":
        return x.mean(0).numpy()
    w = {
        name: torch.from_numpy(getattr(decoder, name).copy())
        for name in ("weight_query", "bias_query", "weight_key", "bias_key")
    }
    if decoder.weight_features is not None:
        w |= {
            name: torch.from_numpy(getattr(decoder, name).copy())
            for name in ("weight_features", "bias_features")
        }

    def seen(image):
        return (
            torch.relu(image @ w["weight_features"].T + w["bias_features"]) if "bias_features" in w else image
        )

    v = x[0]
    for new in x[1:]:
        q = seen(v if decoder.query == "previous" else new) @ w["weight_query"].T + w["bias_query"]
        scores = torch.stack([(q * (seen(k) @ w["weight_key"].T + w["bias_key"])).sum(1) for k in (v, new)])
        share = torch.softmax(scores / q.shape[1] ** 0.5, 0)[..., None]
        v = share[0] * v + share[1] * new
    return v.numpy()


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
    """Return n random stimuli of the kind that the network takes."""
    shape = network.input_shape
    if network.input == "draws":
        return draws_for(network, rng, n)
    if network.input == "spikes":
        return (rng.random((n, network.n_steps, *shape)) < 0.4).astype(np.uint8)
    if network.role == "generator" and network.input == "constant":
        return rng.normal(size=(n, *shape))
    values = rng.random((n, *shape))
    return np.where(values < 0.1, 0.0, values)  # some never spike


def draws_for(network, rng, n=4):
    """Return n random tables of draws for the network's pick."""
    pick = network.pick.connection
    return rng.integers(0, pick.n_each, (n, network.n_steps, pick.n_out))


def inputs_for(network, rng, n=4):
    """Return (stimuli, draws beside them or None)."""
    both = network.pick is not None and network.input != "draws"
    return stimuli_for(network, rng, n), draws_for(network, rng, n) if both else None
