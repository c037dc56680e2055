import numpy as np
import pytest

from bio.nir.importing import import_graph
from tests.bio.reference import trace

nir = pytest.importorskip("nir", reason="nir is not installed: pip install '.[nir]'")
from tests.bio.nir_graphs import (  # noqa: E402  needs nir
    DT_MS,
    assert_same,
    chain,
    full,
    in_brian,
    lif,
    nested,
    normal,
    opened,
    ring,
    trains,
)


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
