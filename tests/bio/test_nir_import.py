import itertools
import sys

import numpy as np
import pytest

from bio.levels import find_level
from bio.network import build_network
from bio.nir.files import read_graph, write_graph
from bio.nir.importing import import_graph
from bio.simulate import simulate
from study.network import LIF, Conv2d, CubaLI, CubaLIF, Dense, LeakyIntegrator, Sparse
from tests.bio.reference import trace

nir = pytest.importorskip("nir", reason="nir is not installed: pip install 'spiking-generators-mouse[nir]'")
from tests.bio.nir_reference import Simulation  # noqa: E402  needs nir

DT_MS = 0.5


def normal(*shape):
    """Return numbers that depend on the shape alone, whatever tests ran before."""
    return np.random.default_rng(shape).normal(size=shape)


def full(shape, value):
    return np.full(shape, float(value))


def lif(shape, **changed):
    values = {"tau": 4e-3, "r": 2.0, "v_leak": 0.0, "v_threshold": 0.4, "v_reset": 0.0} | changed
    return nir.LIF(**{name: np.broadcast_to(value, shape).astype(float) for name, value in values.items()})


def chain(input_shape, *nodes, output=None):
    """Return a graph of nodes one after the other, called n0, n1, ..."""
    named = {"input": nir.Input(np.array(input_shape)), **{f"n{k}": node for k, node in enumerate(nodes)}}
    named["output"] = nir.Output(np.array(output or [1]))
    names = list(named)
    return nir.NIRGraph(named, list(itertools.pairwise(names)), type_check=False)


def trains(shape, n_steps, n=3, seed=1):
    return (np.random.default_rng(seed).random((n, n_steps, *shape)) < 0.4).astype(np.uint8)


def assert_same(graph, values, kind="spikes", dt_ms=DT_MS, through=None, fires=(0.02, 0.95)):
    """Compare every population and the output with the graph's own simulation, step for step."""
    n_steps = values.shape[1] if kind == "spikes" else 12
    network = import_graph(graph, dt_ms, n_steps=n_steps, input_kind=kind)
    found = through(network, values) if through else trace(network, values)
    for number, value in enumerate(values):
        inputs = value if kind == "spikes" else [value] * n_steps
        expected = Simulation(graph, dt_ms * 1e-3).run(inputs)
        for layer in network.layers:
            node = network.provenance.get(f"nir_node_{layer.name}", "none").split()[0]
            if node in expected and not (node == "output" and layer.spikes):
                wanted = expected[node].reshape(n_steps, -1)
                if layer.spikes:
                    np.testing.assert_array_equal(found[layer.name][:, number], wanted, err_msg=node)
                else:
                    np.testing.assert_allclose(found[layer.name][:, number], wanted, atol=1e-12, err_msg=node)
        np.testing.assert_allclose(
            found["readout"][:, number], expected["output"].reshape(n_steps, -1), atol=1e-12
        )
    for layer in network.layers:
        if layer.spikes:
            assert fires[0] < found[layer.name].mean() < fires[1], layer.name
    return network


def in_brian(network, values):
    """Return what `trace` does, from Brian2."""
    responses = simulate(network, values, progress=False)
    found = {name: counts[:, 0].transpose(1, 0, 2) for name, counts in responses.counts.items()}
    voltage = (
        responses.readout["voltage"][1][:, 0].transpose(1, 0, 2) if "voltage" in responses.readout else None
    )
    return (
        found
        | {"readout": found[network.readout.name] if network.readout.spikes else voltage}
        | ({} if network.readout.spikes else {network.readout.name: voltage})
    )


# --------------------------------------------------------------------------------------------- linear nodes


def conv2d(shape, out, taps, stride=1, padding=0, dilation=1, groups=1):
    weight = normal(out, shape[0] // groups, *taps)
    return nir.Conv2d(shape[1:], weight, stride, padding, dilation, groups, normal(out) * 0.2)


IMAGE = (2, 6, 5)
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


# -------------------------------------------------------------------------------------------------- neurons

PER_UNIT = np.array([0.7, 1.0, 1.4])
NEURONS = {
    "LIF": (lif(3, v_leak=-0.2, v_reset=-0.5), LIF),
    "LIF of different units": (lif(3, tau=4e-3 * PER_UNIT, v_leak=0.1 * PER_UNIT, v_reset=-PER_UNIT), CubaLIF),
    "LIF without resistance": (lif(3, r=0.0, v_leak=1.0), LIF),
    "IF": (nir.IF(full(3, 500.0), full(3, 0.8), full(3, -0.3)), LIF),
    "IF of different units": (nir.IF(500 * PER_UNIT, PER_UNIT, 0 * PER_UNIT), CubaLIF),
    "Threshold": (nir.Threshold(full(3, 0.3)), LIF),
    "Threshold of different units": (nir.Threshold(0.3 * PER_UNIT), CubaLIF),
    "CubaLIF": (
        nir.CubaLIF(2e-3 * PER_UNIT, full(3, 5e-3), full(3, 6.0), full(3, -0.1), full(3, 0.3), full(3, -0.2), full(3, 2.0)),
        CubaLIF,
    ),
}  # fmt: skip
READOUTS = {
    "LI": (nir.LI(full(3, 4e-3), full(3, 2.0), full(3, 0.0)), LeakyIntegrator),
    "LI that leaks to another value": (nir.LI(full(3, 4e-3), full(3, 2.0), full(3, -0.7)), CubaLI),
    "LI of different units": (nir.LI(4e-3 * PER_UNIT, PER_UNIT, PER_UNIT), CubaLI),
    "I": (nir.I(full(3, 100.0)), LeakyIntegrator),
    "CubaLI": (nir.CubaLI(full(3, 2e-3), 5e-3 * PER_UNIT, full(3, 2.0), full(3, 0.3), full(3, 1.5)), CubaLI),
}


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


# --------------------------------------------------------------------------------- recurrence, nesting, delays


def ring(size=4, delay_ms=None, **changed):
    """Return a graph as snnTorch exports RLeaky between two Linears: a graph with a cycle in a graph."""
    nodes = {
        "input": nir.Input(np.array([size])),
        "lif": lif(size, **changed),
        "w_rec": nir.Linear(normal(size, size)),
    }
    edges = [("input", "lif"), ("w_rec", "lif"), ("lif", "output")]
    if delay_ms is None:
        edges += [("lif", "w_rec")]
    else:
        nodes["late"] = nir.Delay(np.asarray(delay_ms) * 1e-3)
        edges += [("lif", "late"), ("late", "w_rec")]
    nodes["output"] = nir.Output(np.array([size]))
    return nir.NIRGraph(nodes, edges, type_check=False)  # fmt: skip


def nested(inner, size=4):
    nodes = {
        "0": nir.Input(np.array([3])),
        "1": nir.Affine(normal(size, 3), full(size, 0.3)),
        "2": inner,
        "3": nir.Linear(normal(2, size) + 0.5),
        "4": lif(2, v_threshold=0.1),
        "5": nir.Output(np.array([2])),
    }
    edges = [(str(k), str(k + 1)) for k in range(5)]
    return nir.NIRGraph(nodes, edges, type_check=False)


def opened(graph, inner="2"):
    """Return the nested graph by hand, for the simulation that knows no graphs in graphs."""
    nodes = {name: node for name, node in graph.nodes.items() if name != inner} | {
        f"{inner}.{name}": node
        for name, node in graph.nodes[inner].nodes.items()
        if name not in ("input", "output")
    }
    edges = [("0", "1"), ("1", f"{inner}.lif"), (f"{inner}.lif", "3"), ("3", "4"), ("4", "output")]
    nodes["output"] = nodes.pop("5")
    for pre, post in graph.nodes[inner].edges:
        if "input" not in (pre, post) and "output" not in (pre, post):
            edges.append((f"{inner}.{pre}", f"{inner}.{post}"))
    return nir.NIRGraph(nodes, edges, type_check=False)


@pytest.mark.parametrize("delay_ms", [None, 4 * [DT_MS], [DT_MS, 2 * DT_MS, 3 * DT_MS, 2 * DT_MS]])
def test_a_cycle_takes_one_step_or_its_delay(delay_ms):
    graph = nested(ring(delay_ms=delay_ms))
    network = import_graph(graph, DT_MS, n_steps=20, input_kind="spikes")
    by_hand = assert_same(opened(graph), trains((3,), 20), through=None if delay_ms is None else in_brian)
    assert network.layers[0].name == by_hand.layers[0].name == "node2lif"
    one, other = (trace(x, trains((3,), 20)) for x in (network, by_hand))
    np.testing.assert_array_equal(one["readout"], other["readout"])


def test_feedback_from_a_later_population():
    nodes = {
        "input": nir.Input(np.array([3])),
        "up": nir.Linear(normal(4, 3) + 0.5),
        "a": lif(4),
        "on": nir.Linear(normal(5, 4) + 0.3),
        "b": lif(5),
        "back": nir.Linear(normal(4, 5)),
        "output": nir.Output(np.array([5])),
    }
    edges = [
        ("input", "up"),
        ("up", "a"),
        ("a", "on"),
        ("on", "b"),
        ("b", "back"),
        ("back", "a"),
        ("b", "output"),
    ]
    assert_same(nir.NIRGraph(nodes, edges, type_check=False), trains((3,), 20))


def test_parallel_linear_maps_of_one_population_add_up():
    nodes = {
        "input": nir.Input(np.array([3])),
        "a": nir.Linear(normal(4, 3)),
        "b": nir.Affine(normal(4, 3), full(4, 0.2)),
        "lif": lif(4),
        "output": nir.Output(np.array([4])),
    }
    edges = [("input", "a"), ("input", "b"), ("a", "lif"), ("b", "lif"), ("lif", "output")]
    assert_same(nir.NIRGraph(nodes, edges, type_check=False), trains((3,), 20))


@pytest.mark.parametrize("delay_ms", [[DT_MS] * 3, [0, 2 * DT_MS, DT_MS]])
def test_delays_between_populations(delay_ms):
    delay = nir.Delay(np.array(delay_ms) * 1e-3)
    nodes = [delay, nir.Linear(normal(4, 3) + 0.5), lif(4), nir.Delay(full(4, DT_MS * 1e-3))]
    network = assert_same(chain((3,), *nodes, nir.Linear(normal(2, 4) + 0.3), lif(2)), trains((3,), 20))
    assert network.latency == int(delay_ms[1] == DT_MS)


def test_delays_of_maps_and_of_the_output():
    late = nir.Delay(np.array([2, 0, 3, 1]) * DT_MS * 1e-3)
    nodes = [nir.Linear(normal(4, 3) + 0.5), late, lif(4), nir.Delay(full(4, 2 * DT_MS * 1e-3))]
    network = assert_same(chain((3,), *nodes), trains((3,), 20))
    assert [layer.name for layer in network.layers] == ["inputdelay", "n2", "n2delay", "output"]


def test_the_output_of_a_population_with_a_late_cycle():
    graph = ring(3, [2 * DT_MS] * 3, v_threshold=0.2)
    network = assert_same(graph, trains((3,), 20))
    assert network.readout.spikes
    assert network.layers[-1].name == "output"


# ------------------------------------------------------------------------------------------- closed forms


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


# ------------------------------------------------------------------------------------------ files, levels, errors


def test_files_with_graphs_that_the_package_itself_refuses(tmp_path):
    """nir's own check has the wrong shape for groups and for kernels that are not square."""
    graph = chain(IMAGE, conv2d(IMAGE, 4, (3, 1), groups=2), lif((4, 4, 5)), output=[4, 4, 5])
    write_graph(graph, tmp_path / "graph.nir")
    one, other = (import_graph(g, DT_MS, n_steps=5) for g in (graph, read_graph(tmp_path / "graph.nir")))
    np.testing.assert_array_equal(one.layers[0].connection.weight, other.layers[0].connection.weight)
    assert one.provenance == other.provenance
    write_graph(nested(ring()), tmp_path / "nested.nir")
    assert len(import_graph(read_graph(tmp_path / "nested.nir"), DT_MS).layers) == 2


def test_higher_levels_take_lif_and_refuse_the_rest():
    plain = import_graph(chain((3,), nir.Linear(np.eye(3) * 2), lif(3, v_leak=-0.1)), DT_MS, n_steps=10)
    assert simulate(plain, full((1, 3), 1.0), "lif", dt_ms=25 / 4, progress=False).counts["n1"].sum() > 0
    cuba = import_graph(chain((3,), NEURONS["CubaLIF"][0]), DT_MS, n_steps=10)
    readout = import_graph(chain((3,), READOUTS["CubaLI"][0]), DT_MS, n_steps=10)
    for level in ("lif", "cuba", "coba", "adex", "hh"):
        with pytest.raises(ValueError, match=f"level {level} cannot express neurons of the kind 'cuba_lif'"):
            build_network(cuba, np.ones((1, 3)), level)
        with pytest.raises(ValueError, match=f"level {level} cannot express neurons of the kind 'cuba_li'"):
            build_network(readout, np.ones((1, 3)), level)


def branches():
    graph = chain((3,), lif(3), lif(3), lif(3))
    graph.edges.append(("n0", "n2"))
    return graph


def two_inputs():
    graph = chain((3,), lif(3))
    graph.nodes["other"] = nir.Input(np.array([3]))
    return graph


def loose_edge():
    graph = chain((3,), lif(3))
    graph.edges.append(("n0", "nowhere"))
    return graph


def loop_of_maps():
    graph = chain((3,), nir.Linear(np.eye(3)), nir.Scale(np.ones(3)), lif(3))
    graph.edges.append(("n1", "n0"))
    return graph


def output_of_the_first():
    graph = chain((3,), lif(3), lif(3))
    graph.edges[-1] = ("n0", "output")
    return graph


def alone():
    graph = chain((3,), lif(3))
    graph.nodes["alone"] = lif(3)
    return graph


class Sigmoid(nir.ir.NIRNode):
    def __init__(self):
        self.input_type = self.output_type = {}


BAD = {
    "nodes n1 and n2 both get input from n0": branches,
    "has 2 nodes Input, input, other": two_inputs,
    "names node nowhere": loose_edge,
    "n1 -> n0 -> n1 feed one another without a neuron": loop_of_maps,
    "listens to n0, but the last population is n1": output_of_the_first,
    "nothing leads from the Input to node alone": alone,
    "holds one LIF node": lambda: lif(3),
    "has 0 nodes Input": lambda: nir.NIRGraph({"a": lif(3), "output": nir.Output(np.array([3]))}, [("a", "output")], type_check=False),
    "node input .Input. has no shape": lambda: chain_without_shape(),
    "node n0 is a Sigmoid": lambda: chain((3,), Sigmoid(), lif(3)),
    "node n0 .LI. does not fire, but feeds node n1": lambda: chain((3,), READOUTS["LI"][0], lif(3)),
    "node n1 .Linear. takes .4., but what reaches it has the shape .2, 2.": lambda: chain((2, 2), lif((2, 2)), nir.Linear(np.eye(4)), lif(4)),
    "node n0: v_leak has the shape .2,., but its input .3,.": lambda: chain((3,), lif(2)),
    "node n0: r holds NaN": lambda: chain((3,), lif(3, r=np.nan)),
    "node n0: tau is 0.1 ms, below the time step of 0.5 ms": lambda: chain((3,), lif(3, tau=1e-4)),
    "node n1 delays by 0.7 ms": lambda: chain((3,), lif(3), nir.Delay(full(3, 7e-4)), lif(3)),
    "node n2 delays a bias": lambda: chain((3,), lif(3), nir.Affine(np.eye(3), np.ones(3)), nir.Delay(full(3, 1e-3)), lif(3)),
    "a Delay stands between the analog input and node n1": lambda: chain((3,), nir.Delay(full(3, 1e-3)), lif(3)),
    "padding 'same' needs a stride of 1": lambda: chain(IMAGE, conv2d(IMAGE, 2, (3, 3), 2, "same"), lif((2, 6, 5))),
}  # fmt: skip


def chain_without_shape():
    graph = chain((3,), lif(3))
    graph.nodes["input"].input_type["input"] = None
    return graph


@pytest.mark.parametrize("message", BAD)
def test_what_is_not_expressible_is_one_sentence(message):
    with pytest.raises(ValueError, match=message):
        import_graph(BAD[message](), DT_MS)


@pytest.mark.parametrize("dt_ms", [0.0, -1.0, np.nan])
def test_time_steps_are_positive(dt_ms):
    with pytest.raises(ValueError, match="dt_ms is"):
        import_graph(chain((3,), lif(3)), dt_ms)


def test_without_the_package(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "nir", None)
    with pytest.raises(ValueError, match="pip install 'spiking-generators-mouse"):
        read_graph(tmp_path / "graph.nir")


def test_other_files_are_refused(tmp_path):
    (tmp_path / "no.nir").write_text("no graph")
    with pytest.raises(ValueError, match=r"no.nir cannot be read as a NIR graph"):
        read_graph(tmp_path / "no.nir")
    with pytest.raises(FileNotFoundError, match=r"absent\.nir"):
        read_graph(tmp_path / "absent.nir")
