"""NIR graphs for tests, and their comparison with a simulation of their own."""

import itertools

import nir
import numpy as np

from bio.nir.importing import import_graph
from bio.simulate import simulate
from study.network import LIF, CubaLI, CubaLIF, LeakyIntegrator
from tests.bio.nir_reference import Simulation
from tests.bio.reference import trace

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


def conv2d(shape, out, taps, stride=1, padding=0, dilation=1, groups=1):
    weight = normal(out, shape[0] // groups, *taps)
    return nir.Conv2d(shape[1:], weight, stride, padding, dilation, groups, normal(out) * 0.2)


IMAGE = (2, 6, 5)
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
