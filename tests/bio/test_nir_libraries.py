"""Files that snnTorch, SpikingJelly and Norse exported, against the spikes of their own simulations.

`benchmarks/nir_files.py` made the files and says with which versions.
"""

from pathlib import Path

import numpy as np
import pytest

from bio.nir.files import read_graph
from bio.nir.importing import import_graph
from bio.simulate import simulate
from study.network import LIF

pytest.importorskip("nir", reason="nir is not installed: pip install 'spiking-generators-mouse[nir]'")

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
