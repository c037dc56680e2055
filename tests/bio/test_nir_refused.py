import sys

import numpy as np
import pytest

from bio.network import build_network
from bio.nir.files import read_graph, write_graph
from bio.nir.importing import import_graph
from bio.simulate import simulate

nir = pytest.importorskip("nir", reason="nir is not installed: pip install '.[nir]'")
from tests.bio.nir_graphs import (  # noqa: E402  needs nir
    DT_MS,
    IMAGE,
    NEURONS,
    READOUTS,
    chain,
    conv2d,
    full,
    lif,
    nested,
    ring,
)


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
    r"nothing stands between node input .Input. and node output .Output.; export the whole": lambda: chain((3,)),
    "nothing stands between node input": lambda: chain((2, 3), nir.Flatten({"input": np.array([2, 3])}, start_dim=0)),
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
    "node n0: a window of .7, 3. does not fit into what reaches it": lambda: chain(IMAGE, conv2d(IMAGE, 2, (7, 3)), lif((2, 1, 1))),
    "node n0: a window of .9, 9. does not fit": lambda: chain(IMAGE, nir.SumPool2d(np.array([9, 9]), np.array([9, 9]), np.array([0, 0])), lif((2, 1, 1))),
    "node n0: stride .0, 0. and dilation": lambda: chain(IMAGE, nir.AvgPool2d(np.array([2, 2]), np.array([0, 0]), np.array([0, 0])), lif((2, 1, 1))),
    "node n0: bias has the shape .2,., but its output .3,.": lambda: chain((3,), nir.Affine(np.eye(3), np.ones(2)), lif(3)),
    "node n0: bias holds NaN": lambda: chain((3,), nir.Affine(np.eye(3), np.full(3, np.nan)), lif(3)),
    "node n0: weight holds NaN": lambda: chain((3,), nir.Linear(np.full((3, 3), np.nan)), lif(3)),
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
    with pytest.raises(ValueError, match=r"pip install '.\[nir\]'"):
        read_graph(tmp_path / "graph.nir")


def test_other_files_are_refused(tmp_path):
    (tmp_path / "no.nir").write_text("no graph")
    with pytest.raises(ValueError, match=r"no.nir cannot be read as a NIR graph"):
        read_graph(tmp_path / "no.nir")
    with pytest.raises(FileNotFoundError, match=r"absent\.nir"):
        read_graph(tmp_path / "absent.nir")
