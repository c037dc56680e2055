import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bio.connectivity import analog_current, edges, synapse_text, weights
from study.network import Conv2d, ConvTranspose2d, Current, Dense, Layer, MaxPool2d, Pick
from tests.bio.reference import apply


@st.composite
def connections(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(st.sampled_from((Dense, Conv2d, ConvTranspose2d, MaxPool2d, Pick)))
    n_in, n_out, taps_y, taps_x = (draw(st.integers(1, 4)) for _ in range(4))
    if kind is Dense:
        return Dense(rng.normal(size=(n_out, n_in * taps_y)))
    if kind is Pick:
        return Pick(n_out, n_in)
    stride = draw(st.integers(1, 3))
    shape = (n_in, draw(st.integers(taps_y, 6)), draw(st.integers(taps_x, 6)))
    if kind is MaxPool2d:
        return MaxPool2d(shape, draw(st.integers(1, min(shape[1:]))))
    if kind is Conv2d:
        weight = rng.normal(size=(n_out, n_in, taps_y, taps_x))
        return Conv2d(weight, shape, stride, draw(st.integers(0, 2)))
    weight = rng.normal(size=(n_in, n_out, taps_y, taps_x))
    smallest = min((shape[1] - 1) * stride + taps_y, (shape[2] - 1) * stride + taps_x)
    padding, extra = draw(st.integers(0, min(2, (smallest - 1) // 2))), draw(st.integers(0, stride - 1))
    return ConvTranspose2d(weight, shape, stride, padding, extra)


@given(connections())
@settings(deadline=None, max_examples=150)
def test_edges_give_the_current_of_torch(connection):
    i, j, k = edges(connection)
    spikes = np.random.default_rng(0).normal(size=(3, connection.n_in))
    current = np.zeros((3, connection.n_out))
    for stimulus in range(3):
        np.add.at(current[stimulus], j, weights(connection)[k] * spikes[stimulus, i])
    np.testing.assert_allclose(current, summed(connection, spikes), atol=1e-12)
    assert len({*zip(i.tolist(), j.tolist(), strict=True)}) == len(i)


def summed(connection, values):
    """Return what arrives if every synapse passes on what it gets: sums of windows and of candidates."""
    if isinstance(connection, MaxPool2d):
        x = torch.from_numpy(values).reshape(len(values), *connection.input_shape)
        mean = torch.nn.functional.avg_pool2d(x, connection.size)
        return mean.flatten(1).numpy() * connection.size**2
    if isinstance(connection, Pick):
        return values.reshape(len(values), connection.n_out, connection.n_each).sum(axis=2)
    return apply(connection, values)


@given(connections())
@settings(deadline=None, max_examples=60)
def test_generator_text_gives_the_same_synapses(connection):
    text = synapse_text(connection)
    unit, loop = text.connect.split(" for q in ")
    ranged, _, inside = loop.partition(" if ")
    found = set()
    for i in range(connection.n_in):
        for q in eval(ranged):
            if eval(inside or "True", {"i": i, "q": q}):
                j = eval(unit, {"i": i, "q": q})
                found.add((i, j, eval(text.kernel_index, {"i": i, "j": j})))
    assert found == {*zip(*(index.tolist() for index in edges(connection)), strict=True)}


@pytest.mark.parametrize(
    "connection",
    [
        Dense(np.arange(12.0).reshape(4, 3)),
        Conv2d(np.arange(24.0).reshape(2, 3, 2, 2), (3, 4, 5), 2, 1),
        ConvTranspose2d(np.arange(24.0).reshape(3, 2, 2, 2), (3, 4, 5), 2, 1),
    ],
)
def test_analog_current_is_the_connection_plus_drive(connection):
    drive = np.linspace(-1, 1, connection.n_out)
    layer = Layer("first", (connection.n_out,), connection, drive, Current())
    values = np.random.default_rng(1).normal(size=(5, connection.n_in))
    np.testing.assert_allclose(analog_current(layer, values), apply(connection, values) + drive, atol=1e-12)
