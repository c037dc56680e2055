import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bio.connectivity import analog_current, edges, synapse_text
from study.network import Conv2d, ConvTranspose2d, Current, Dense, Layer
from tests.bio.reference import apply


@st.composite
def connections(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(st.sampled_from((Dense, Conv2d, ConvTranspose2d)))
    n_in, n_out, taps_y, taps_x = (draw(st.integers(1, 4)) for _ in range(4))
    if kind is Dense:
        return Dense(rng.normal(size=(n_out, n_in * taps_y)))
    stride = draw(st.integers(1, 3))
    shape = (n_in, draw(st.integers(taps_y, 6)), draw(st.integers(taps_x, 6)))
    if kind is Conv2d:
        weight = rng.normal(size=(n_out, n_in, taps_y, taps_x))
        return Conv2d(weight, shape, stride, draw(st.integers(0, 2)))
    weight = rng.normal(size=(n_in, n_out, taps_y, taps_x))
    smallest = min((shape[1] - 1) * stride + taps_y, (shape[2] - 1) * stride + taps_x)
    return ConvTranspose2d(weight, shape, stride, draw(st.integers(0, min(2, (smallest - 1) // 2))))


@given(connections())
@settings(deadline=None, max_examples=150)
def test_edges_give_the_current_of_torch(connection):
    i, j, k = edges(connection)
    spikes = np.random.default_rng(0).normal(size=(3, connection.n_in))
    current = np.zeros((3, connection.n_out))
    for stimulus in range(3):
        np.add.at(current[stimulus], j, connection.weight.ravel()[k] * spikes[stimulus, i])
    np.testing.assert_allclose(current, apply(connection, spikes), atol=1e-12)
    assert len({*zip(i.tolist(), j.tolist(), strict=True)}) == len(i)


@given(connections())
@settings(deadline=None, max_examples=40)
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
