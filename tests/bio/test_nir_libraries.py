"""Files that snnTorch, SpikingJelly and Norse exported, against the spikes of their own simulations.

`benchmarks/nir_files.py` made the files and says with which versions.
"""

from pathlib import Path

import numpy as np
import pytest

from bio.nir.files import read_graph
from bio.nir.importing import import_graph
from bio.simulate import simulate
from study.network import LIF, CubaLI, CubaLIF, Dense, Layer, Network, Sparse
from tests.bio.reference import trace

pytest.importorskip("nir", reason="nir is not installed: pip install '.[nir]'")

FILES = Path(__file__).parent / "nir_files"
DT_MS = {"snntorch_conv": 0.1, "snntorch_recurrent": 0.1, "spikingjelly_conv": 0.1, "norse_dense": 1.0}


@pytest.mark.parametrize("name", DT_MS)
def test_every_spike_is_that_of_the_library(name):
    with np.load(FILES / f"{name}.npz") as arrays:
        told = dict(arrays)
    graph = read_graph(FILES / f"{name}.nir")
    network = import_graph(graph, DT_MS[name], n_steps=told["inputs"].shape[1], input_kind="spikes")
    found = simulate(network, told["inputs"], progress=False)
    assert len(found.counts) == sum(key.startswith("spikes") for key in told)
    for number, (layer, counts) in enumerate(found.counts.items()):
        expected = told[f"spikes{number}"]
        assert 0.02 < expected.mean() < 0.5
        np.testing.assert_array_equal(counts[:, 0], expected, err_msg=layer)
    if "membrane" in told:
        np.testing.assert_allclose(found.readout["voltage"][1][:, 0], told["membrane"], atol=1e-6)


def test_decays_are_those_of_euler():
    """0.9 comes back as 0.9 up to the rounding of a time constant in float32, and not as exp(-0.1) = 0.905."""
    first = import_graph(read_graph(FILES / "snntorch_conv.nir"), 0.1, n_steps=2).layers[0].neuron
    assert isinstance(first, LIF)
    assert first.decay == pytest.approx(0.9, abs=1e-7)
    assert first.gain == pytest.approx(1.0, abs=1e-7)


@pytest.mark.slow
def test_compiled_listed_synapses_and_parameters_of_units_are_read_anew(tmp_path, monkeypatch):
    """Two networks of one architecture share a compiled program; which units are joined is data, not text."""
    monkeypatch.setenv("STUDY_CACHE", str(tmp_path))
    for seed in (0, 1):
        rng = np.random.default_rng(seed)
        post, pre = np.divmod(rng.permutation(30)[:18], 5)
        some = Sparse(pre, post, rng.normal(size=18) + 0.6, 5, 6)
        cuba = CubaLIF(*rng.uniform(size=(4, 6)), 0.5 + rng.uniform(size=6), np.zeros(6))
        last = CubaLI(*rng.uniform(size=(5, 3)))
        layers = (
            Layer("first", (6,), some, np.full(6, 0.2), cuba),
            Layer("last", (3,), Dense(rng.normal(size=(3, 6))), np.zeros(3), last),
        )
        network = Network("encoder", (5,), 8, layers, input="spikes")
        trains = (rng.random((3, 8, 5)) < 0.4).astype(np.uint8)
        found, expected = (
            simulate(network, trains, backend="cpp_standalone", progress=False),
            trace(network, trains),
        )
        np.testing.assert_array_equal(found.counts["first"][:, 0].transpose(1, 0, 2), expected["first"])
        assert expected["first"].any()
        voltage = found.readout["voltage"][1][:, 0].transpose(1, 0, 2)
        np.testing.assert_allclose(voltage, expected["readout"], atol=1e-12)
    assert len(list((tmp_path / "builds").glob("*.program"))) == 1
