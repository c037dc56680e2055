import numpy as np
import pytest

from bio.levels import find_level
from bio.network import build_network
from bio.nir.importing import import_graph
from study.network import Conv2d, Dense, Sparse
from tests.bio.reference import trace

nir = pytest.importorskip("nir", reason="nir is not installed: pip install '.[nir]'")
from tests.bio.nir_graphs import (  # noqa: E402  needs nir
    DT_MS,
    IMAGE,
    NEURONS,
    READOUTS,
    assert_same,
    chain,
    conv2d,
    full,
    in_brian,
    lif,
    normal,
    trains,
)

LINEAR = {
    "linear": ((4,), [nir.Linear(normal(3, 4))], (3,)),
    "linear on the last axis": ((2, 4), [nir.Linear(normal(3, 4))], (2, 3)),
    "linear with one matrix per row": ((2, 4), [nir.Linear(normal(2, 3, 4))], (2, 3)),
    "affine": ((4,), [nir.Affine(normal(3, 4), normal(3))], (3,)),
    "scale": ((4,), [nir.Scale(np.array([0.5, 2.0, -1.0, 3.0]))], (4,)),
    "conv2d": (IMAGE, [conv2d(IMAGE, 3, (3, 2), (2, 1), (1, 0))], (3, 3, 4)),
    "conv2d same": (IMAGE, [conv2d(IMAGE, 3, (4, 3), padding="same")], (3, 6, 5)),
    "conv2d valid": (IMAGE, [conv2d(IMAGE, 3, (3, 3), padding="valid")], (3, 4, 3)),
    "conv2d dilated": (IMAGE, [conv2d(IMAGE, 3, (2, 2), dilation=(2, 3), padding=1)], (3, 6, 4)),
    "conv2d grouped": (IMAGE, [conv2d(IMAGE, 4, (3, 3), groups=2)], (4, 4, 3)),
    "conv2d plain": (IMAGE, [conv2d(IMAGE, 3, (3, 3), 2, 1)], (3, 3, 3)),
    "conv1d": (
        (2, 9),
        [nir.Conv1d(9, normal(4, 1, 3), 2, 1, 2, 2, normal(4) * 0.2)],
        (4, 4),
    ),
    "conv1d same": (
        (2, 9),
        [nir.Conv1d(9, normal(3, 2, 4), 1, "same", 1, 1, np.zeros(3))],
        (3, 9),
    ),
    "sum pool": (IMAGE, [nir.SumPool2d(np.array([2, 3]), np.array([2, 1]), np.array([1, 0]))], (2, 4, 3)),
    "average pool": (IMAGE, [nir.AvgPool2d(np.array([3, 2]), np.array([1, 2]), np.array([1, 1]))], (2, 6, 3)),
    "all folded": (
        IMAGE,
        [
            conv2d(IMAGE, 4, (3, 3)),
            nir.AvgPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
            nir.Scale(1 + normal(4, 2, 1) ** 2),
            nir.Flatten({"input": np.array([4, 2, 1])}, 0, -1),
            nir.Affine(normal(5, 8), normal(5)),
        ],
        (5,),
    ),
}


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.parametrize("kind", ["spikes", "constant"])
def test_linear_nodes(name, kind):
    """A map into neurons, and from them into the Output."""
    shape, nodes, out = LINEAR[name]
    wide = int(np.prod(out))
    last = nir.Linear(normal(3, wide))
    flat = [] if len(out) == 1 else [nir.Flatten({"input": np.array(out)}, 0, -1)]
    graph = chain(shape, *nodes, lif(out, v_threshold=0.15), *flat, last, output=[3])
    values = trains(shape, 12) if kind == "spikes" else np.random.default_rng(3).random((3, *shape))
    network = assert_same(graph, values, kind, fires=(0.01, 0.97 if kind == "spikes" else 1.1))
    assert isinstance(network.layers[0].connection, Conv2d) == (name in ("conv2d plain", "conv2d valid"))
    assert isinstance(network.layers[1].connection, Dense)


def test_sparse_maps_become_listed_synapses():
    shape, nodes, out = LINEAR["conv2d grouped"]
    network = import_graph(chain(shape, *nodes, lif(out)), DT_MS, n_steps=4)
    connection = network.layers[0].connection
    assert isinstance(connection, Sparse)
    assert (
        len(connection.weight) == 4 * 9 * 12
    )  # outputs of 4 channels, 9 taps of 1 channel each, 4 x 3 places
    level = find_level("lif")
    build_network(network, np.ones((1, *shape)), level)


@pytest.mark.parametrize("name", NEURONS)
@pytest.mark.parametrize("kind", ["spikes", "constant"])
def test_neurons_that_fire(name, kind):
    node, neuron = NEURONS[name]
    weight = np.random.default_rng(5).normal(size=(3, 4)) + 0.4
    values = trains((4,), 40) if kind == "spikes" else np.random.default_rng(2).random((3, 4))
    network = assert_same(chain((4,), nir.Linear(weight), node), values, kind, fires=(0.01, 1.1))
    assert isinstance(network.layers[0].neuron, neuron)


@pytest.mark.parametrize("name", READOUTS)
def test_neurons_that_do_not_fire(name):
    node, neuron = READOUTS[name]
    network = assert_same(chain((4,), nir.Linear(normal(3, 4)), node), trains((4,), 20))
    assert isinstance(network.readout.neuron, neuron)


@pytest.mark.parametrize(
    ("first", "last"), [("CubaLIF", "CubaLI"), ("LIF", "LI that leaks to another value")]
)
def test_brian2_gives_the_same(first, last):
    nodes = [
        nir.Linear(normal(3, 4) + 0.5),
        NEURONS[first][0],
        nir.Linear(normal(3, 3)),
    ]
    assert_same(chain((4,), *nodes, READOUTS[last][0]), trains((4,), 20), through=in_brian)


def test_a_leaky_integrator_after_a_step():
    """v[n] = v_leak + r I (1 - (1 - dt/tau)^n), and exp(-t/tau) within the error of Euler's method."""
    tau, r, leak, dt_ms = 20e-3, 1.5, -0.3, 0.1
    graph = chain((1,), nir.LI(full(1, tau), full(1, r), full(1, leak)))
    n = np.arange(1, 201)
    network = import_graph(graph, dt_ms, n_steps=200)
    found = in_brian(network, np.array([[2.0]]))["readout"].ravel()
    np.testing.assert_allclose(found, leak + r * 2 * (1 - (1 - dt_ms * 1e-3 / tau) ** n), atol=1e-12)
    np.testing.assert_allclose(found, leak + r * 2 * (1 - np.exp(-n * dt_ms * 1e-3 / tau)), atol=3e-3)


def test_the_period_of_a_lif_under_constant_current():
    """T = tau ln((r I + v_leak - v_reset) / (r I + v_leak - v_threshold)), and in whole Euler steps exactly."""
    tau, r, leak, threshold, reset, current, dt_ms = 20e-3, 2.0, -0.1, 1.0, -0.4, 0.9, 0.01
    node = lif(1, tau=tau, r=r, v_leak=leak, v_threshold=threshold, v_reset=reset)
    network = import_graph(chain((1,), node), dt_ms, n_steps=10_000)
    times = np.flatnonzero(trace(network, np.array([[current]]))["readout"])
    gaps, drive = np.diff(times), r * current + leak
    shrink = np.log((drive - threshold) / (drive - reset)) / np.log(1 - dt_ms * 1e-3 / tau)
    assert set(gaps) == {int(np.floor(shrink)) + 1}
    continuous = tau * np.log((drive - reset) / (drive - threshold))
    assert gaps[0] * dt_ms * 1e-3 == pytest.approx(continuous, rel=1e-3)


def test_one_spike_into_a_current_based_integrator():
    """v(t) = r w dt/(tau_mem - tau_syn) (exp(-t/tau_mem) - exp(-t/tau_syn)) after w dt/tau_syn of current at once."""
    syn, mem, r, w, dt_ms = 5e-3, 20e-3, 1.5, 4.0, 0.01
    node = nir.CubaLI(full(1, syn), full(1, mem), full(1, r), full(1, 0.0), full(1, w))
    train = np.zeros((1, 3000, 1))
    train[0, 0] = 1
    network = import_graph(chain((1,), node), dt_ms, n_steps=3000, input_kind="spikes")
    found = trace(network, train)["readout"].ravel()
    dt, t = dt_ms * 1e-3, np.arange(1, 3001) * dt_ms * 1e-3
    smooth = r * w * dt / (mem - syn) * (np.exp(-t / mem) - np.exp(-t / syn))
    assert np.abs(found - smooth).max() < 2e-3 * smooth.max()
    a, b = 1 - dt / syn, 1 - dt / mem
    n = np.arange(1, 3001)
    np.testing.assert_allclose(found, dt / mem * r * w * dt / syn * (a**n - b**n) / (a - b), atol=1e-13)
