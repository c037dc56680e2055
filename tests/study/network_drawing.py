"""Networks of every kind, drawn at random: small, with weights that make units fire now and then."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from hypothesis import strategies as st

from study import network as nw


@st.composite
def networks(draw: st.DrawFn) -> nw.Network:
    """Draw a network of up to four layers, with every kind of connection, neuron, input, latency and decoder."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_steps = draw(st.integers(1, 7))
    kind = draw(st.sampled_from(sorted(nw.INPUTS)))
    before: nw.Shape
    layers: list[nw.Layer] = []
    if kind == "draws":
        n_latent = draw(st.integers(1, 3))
        before = input_shape = (n_latent,)
        layers = _picking(draw, rng, n_latent, None)
        before = layers[-1].shape
    else:
        channels, height, width = (draw(st.integers(a, b)) for a, b in ((1, 2), (3, 6), (3, 6)))
        before = input_shape = (channels, height, width)
    n_more = draw(st.integers(0 if layers else 1, 3))
    for number in range(n_more):
        analog = kind == "constant" and not layers
        layers.append(_layer(draw, rng, f"layer{number}", before, analog))
        before = layers[-1].shape
    if kind != "draws" and draw(st.booleans()):
        layers += _picking(draw, rng, draw(st.integers(1, 3)), before)
        before = layers[-1].shape
    latency = 0 if any(layer.name == "pick" for layer in layers) else draw(st.integers(0, 1))
    role = draw(st.sampled_from(nw.ROLES))
    readout, decoder, decision = _readout(draw, rng, role, before, n_steps)
    layers.append(readout)
    return nw.Network(
        role, input_shape, n_steps, tuple(_recurrent(draw, rng, layers)), decoder, {"seed": "1"},
        input=kind, latency=latency, decision=decision,
        zero_spikes=kind == "first_spike" and draw(st.booleans()),
    )  # fmt: skip


def neurons(draw: st.DrawFn, n_units: int) -> nw.Spiking:
    """Draw a neuron that spikes, for a layer of n_units."""
    rule = draw(st.sampled_from([">", ">="]))
    if draw(st.integers(0, 3)) == 0:
        return nw.FirstSpike(draw(st.floats(0.5, 2)), rule)
    if draw(st.integers(0, 3)) == 0:
        rng = np.random.default_rng(draw(st.integers(0, 99)))
        a, b, c, d, e = rng.uniform(size=(5, n_units))
        return nw.CubaLIF(a, 1 - a / 2, b, 0.3 + c / 2, 0.5 + d / 2, 0.2 * e - 0.1)
    return nw.LIF(
        decay=draw(st.floats(0, 1)),
        gain=draw(st.floats(0.3, 1)),
        v_threshold=draw(st.floats(0.5, 1)),
        v_reset=draw(st.sampled_from([0.0, -0.25])),
        reset=draw(st.sampled_from(["hard", "soft"])),
        threshold_rule=rule,
    )


def _layer(draw: st.DrawFn, rng: np.random.Generator, name: str, before: nw.Shape, analog: bool) -> nw.Layer:
    kinds = ["dense", "sparse"]
    if len(before) == 3 and min(before[1:]) >= 2:
        kinds += ["conv2d", "conv_transpose2d"] + ([] if analog else ["max_pool2d"])
    kind = draw(st.sampled_from(kinds))
    n, taps, stride = (draw(st.integers(1, 3)) for _ in range(3))
    connection: nw.Weighted
    if kind == "max_pool2d":
        return nw.Layer.max_pool(name, nw.MaxPool2d(before, draw(st.integers(1, min(before[1:])))))
    if kind == "conv2d":
        connection = nw.Conv2d(rng.normal(size=(n, before[0], taps, taps)), before, stride, 1)
        shape = connection.output_shape
    elif kind == "conv_transpose2d":
        extra = draw(st.integers(0, stride - 1))
        padding = int(taps > 1 and draw(st.booleans()))
        weight = rng.normal(size=(before[0], n, taps, taps))
        connection = nw.ConvTranspose2d(weight, before, stride, padding, extra)
        shape = connection.output_shape
    else:
        shape = draw(st.sampled_from([(4,), (n, 3, 3)]))
        connection = nw.Dense(rng.normal(size=(math.prod(shape), math.prod(before))))
        if kind == "sparse":
            post, pre = np.nonzero(rng.random(connection.weight.shape) < 0.5)
            connection = nw.Sparse(pre, post, connection.weight[post, pre], connection.n_in, connection.n_out)
    n_units = math.prod(shape)
    return nw.Layer(name, shape, connection, 0.5 * rng.normal(size=n_units), neurons(draw, n_units))


def _picking(
    draw: st.DrawFn, rng: np.random.Generator, n_latent: int, before: nw.Shape | None
) -> list[nw.Layer]:
    """Return a layer of candidates and the layer that picks among them and feeds back to it."""
    n = n_latent * draw(st.integers(1, 3))
    connection = None if before is None else nw.Dense(rng.normal(size=(n, math.prod(before))))
    back = nw.Recurrent("pick", nw.Dense(rng.normal(size=(n, n_latent))))
    return [
        nw.Layer("candidates", (n,), connection, rng.normal(size=n), neurons(draw, n), (back,)),
        nw.Layer("pick", (n_latent,), nw.Pick(n_latent, n // n_latent), np.zeros(n_latent), nw.RELAY),
    ]


def _readout(
    draw: st.DrawFn, rng: np.random.Generator, role: str, before: nw.Shape, n_steps: int
) -> tuple[nw.Layer, nw.Decoder | None, str | None]:
    shape = (2, 2, 2)
    per_unit = nw.CubaLI(*rng.uniform(size=(5, 8)))
    neuron: nw.Neuron = draw(st.sampled_from([nw.Current(), nw.LeakyIntegrator(0.5, 0.5), per_unit]))
    decoder, decision = None, None
    if role == "generator":
        decoder = draw(st.sampled_from(decoders(rng, 8, n_steps)))
        spiking = getattr(decoder, "takes_spikes", False)
    else:
        decision = draw(st.sampled_from(sorted(nw.DECISIONS)))
        spiking = decision != "membrane"
        decision = None if role == "encoder" or (role == "critic" and not spiking) else decision
    if spiking:
        neuron = neurons(draw, 8)
    connection = nw.Dense(rng.normal(size=(8, math.prod(before))))
    return nw.Layer("readout", shape, connection, 0.5 * rng.normal(size=8), neuron), decoder, decision


def decoders(rng: np.random.Generator, n_pixels: int, n_steps: int) -> list[nw.Decoder | None]:
    """Return one decoder of every kind, activation and query, for readouts of two channels."""
    d = dict(
        weight_query=rng.normal(size=(2, n_pixels)),
        bias_query=rng.normal(size=2),
        weight_key=rng.normal(size=(2, n_pixels)),
        bias_key=rng.normal(size=2),
    )
    features = d | dict(weight_query=rng.normal(size=(2, 3)), weight_key=rng.normal(size=(2, 3)))
    features |= dict(weight_features=rng.normal(size=(3, n_pixels)), bias_features=rng.normal(size=3))
    weights, matrix = rng.normal(size=n_steps), rng.normal(size=(n_steps, n_steps))
    return [
        None,
        nw.LastFrame(),
        nw.MeanFrames(),
        nw.FirstSpikeTime(),
        nw.FirstSpikeTime(n_steps - 1),
        nw.SpikeRate(),
        nw.WeightedSum.decaying(n_steps, 0.8),
        *(nw.WeightedSum(weights, activation) for activation in nw.ACTIVATIONS),
        *(nw.TemporalAttention(matrix, 2, activation) for activation in nw.ACTIVATIONS),
        *(nw.AttentionScoring(**d, query=query) for d in (d, features) for query in ("previous", "current")),
    ]


def _recurrent(draw: st.DrawFn, rng: np.random.Generator, layers: list[nw.Layer]) -> list[nw.Layer]:
    """Give some layers further recurrent input."""
    changed = []
    for number, layer in enumerate(layers):
        more = [x for x in layers[number:] if x.spikes and x.name not in {r.source for r in layer.recurrent}]
        if more and not isinstance(layer.connection, nw.MaxPool2d | nw.Pick) and draw(st.integers(0, 3)) == 0:
            source = draw(st.sampled_from(more))
            connection = nw.Dense(0.5 * rng.normal(size=(layer.n_units, source.n_units)))
            new = nw.Recurrent(source.name, connection)
            layer = dataclasses.replace(layer, recurrent=(*layer.recurrent, new))
        changed.append(layer)
    return changed
