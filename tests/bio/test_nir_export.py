import dataclasses

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bio.__main__ import main
from bio.nir.exporting import export_graph
from bio.nir.files import read_graph, write_graph
from bio.nir.importing import import_graph
from study.network import (
    LIF,
    RELAY,
    Conv2d,
    CubaLI,
    CubaLIF,
    Current,
    Dense,
    FirstSpike,
    Layer,
    LeakyIntegrator,
    MaxPool2d,
    Network,
    Pick,
    Recurrent,
    first_spike_trains,
    load_network,
    save_network,
)
from tests.bio.reference import critic, generator, stimuli_for, trace
from tests.study.network_drawing import networks

nir = pytest.importorskip("nir", reason="nir is not installed: pip install '.[nir]'")

DT_MS = 15.625


def and_back(network, tmp_path, dt_ms=DT_MS):
    write_graph(export_graph(network, dt_ms), tmp_path / "graph.nir")
    nir.read(tmp_path / "graph.nir")  # with the package's own check of shapes
    return import_graph(
        read_graph(tmp_path / "graph.nir"),
        dt_ms,
        n_steps=network.n_steps,
        input_kind=network.input,
        role="encoder",
    )


def assert_same(network, tmp_path, dt_ms=DT_MS):
    """Every layer of the network gives the same outputs after the way through a file."""
    again = and_back(network, tmp_path, dt_ms)
    stimuli = stimuli_for(network, np.random.default_rng(1))
    one, other = trace(network, stimuli), trace(again, stimuli)
    for layer in network.layers:
        name = layer.name if layer is not network.readout else "readout"
        if layer.spikes:
            np.testing.assert_array_equal(one[name], other[name], err_msg=name)
            assert 0 < one[name].mean() < 1
        else:
            np.testing.assert_allclose(one[name], other[name], atol=1e-12)
    assert again.latency == network.latency
    return again


NEURONS = {
    "as SGAD": LIF(0.5, 0.5),
    "learned": LIF(0.8123456789, 0.3123456789, v_threshold=0.7, v_reset=-0.1),
    "without leak": LIF(1.0, 0.37),
    "at the threshold": LIF(0.5, 0.5, threshold_rule=">="),
    "without memory": LIF(0.0, 0.7),
}


@pytest.mark.parametrize("neuron", NEURONS)
@pytest.mark.parametrize("make", [critic, generator])
def test_the_way_there_and_back(make, neuron, tmp_path):
    network = make(np.random.default_rng(7), NEURONS[neuron])
    again = assert_same(network, tmp_path)
    assert [layer.name for layer in again.layers][:2] == [layer.name for layer in network.layers][:2]
    for old, new in zip(network.layers[:-1], again.layers[:-1], strict=True):
        assert isinstance(new.neuron, LIF)
        assert (new.neuron.decay, new.neuron.v_reset) == (old.neuron.decay, old.neuron.v_reset)
        assert new.neuron.gain == old.neuron.gain


@pytest.mark.parametrize("latency", [0, 1])
def test_recurrence_pooling_latency_and_parameters_per_unit(latency, tmp_path):
    rng = np.random.default_rng(3)
    conv = Conv2d(rng.normal(size=(2, 1, 3, 3)), (1, 6, 6), padding=1)
    cuba = CubaLIF(*rng.uniform(0.2, 0.8, (5, 5)), np.zeros(5))
    per_unit = CubaLIF(np.zeros(4), np.ones(4), *rng.uniform(0.2, 0.8, (4, 4)))
    layers = (
        Layer("first", (2, 6, 6), conv, np.repeat([0.3, 0.1], 36), LIF(0.6, 0.9)),
        Layer.max_pool("pool", MaxPool2d((2, 6, 6), 3)),
        Layer("second", (5,), Dense(rng.normal(size=(5, 8))), rng.normal(size=5), cuba, (Recurrent("third", Dense(rng.normal(size=(5, 4)))),)),
        Layer("third", (4,), Dense(rng.normal(size=(4, 5)) + 0.5), np.zeros(4), per_unit, (Recurrent("third", Dense(rng.normal(size=(4, 4)))),)),
        Layer("readout", (3,), Dense(rng.normal(size=(3, 4))), np.zeros(3), CubaLI(*rng.uniform(size=(5, 3)))),
    )  # fmt: skip
    network = Network("encoder", (1, 6, 6), 20, layers, input="spikes", latency=latency)
    again = assert_same(network, tmp_path)
    assert [type(layer.neuron) for layer in again.layers] == [type(layer.neuron) for layer in layers]
    assert again.layers[1].neuron == RELAY


def test_a_layer_of_images_with_recurrent_input(tmp_path):
    rng = np.random.default_rng(3)
    conv = Conv2d(rng.normal(size=(2, 2, 3, 3)), (2, 4, 4), padding=1)
    ring = (Recurrent("image", conv),)
    layers = (
        Layer("image", (2, 4, 4), conv, np.zeros(32), LIF(0.6, 0.9), ring),
        Layer("next", (2, 4, 4), conv, np.zeros(32), LIF(0.6, 0.9)),
    )
    assert_same(Network("encoder", (2, 4, 4), 12, layers, input="spikes"), tmp_path)


def expressible(network):
    """Return the network with neurons that NIR has in place of those that it does not."""

    def changed(neuron):
        if isinstance(neuron, LIF):
            return dataclasses.replace(neuron, reset="hard", decay=min(neuron.decay, 0.99))
        return LIF(0.6, 0.7, 0.8) if isinstance(neuron, FirstSpike) else neuron

    layers = [
        layer if layer.neuron == RELAY else dataclasses.replace(layer, neuron=changed(layer.neuron))
        for layer in network.layers
    ]
    return dataclasses.replace(network, layers=tuple(layers))


@given(networks().filter(lambda network: network.pick is None).map(expressible), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=20, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
def test_random_networks_come_back(network, seed):
    kind = "spikes" if network.input == "first_spike" else network.input
    graph = export_graph(network, DT_MS)
    again = import_graph(graph, DT_MS, n_steps=network.n_steps, input_kind=kind)
    shown = stimuli = stimuli_for(network, np.random.default_rng(seed))
    if network.input == "first_spike":
        shown = first_spike_trains(stimuli, network.n_steps, network.zero_spikes)
    one, other = trace(network, stimuli), trace(again, shown)
    for layer in network.layers[:-1]:
        np.testing.assert_array_equal(one[layer.name], other[layer.name], err_msg=layer.name)
    np.testing.assert_allclose(one["readout"], other["readout"], atol=1e-12)


def with_neuron(neuron):
    return critic(np.random.default_rng(0), neuron)


def wide():
    rng = np.random.default_rng(0)
    conv = Conv2d(rng.normal(size=(1, 1, 1, 1)), (1, 70, 70))
    drive = rng.normal(size=4900)
    return Network("encoder", (1, 70, 70), 2, (Layer("wide", (1, 70, 70), conv, drive, Current()),))


def picking():
    layer = Layer("pick", (2,), Pick(2, 2), np.zeros(2), RELAY)
    return Network("encoder", (4,), 3, (layer,), input="spikes")


def no_leak_behind_a_current():
    one = np.ones(2)
    layer = Layer("cuba", (2,), Dense(np.eye(2)), np.zeros(2), CubaLI(one / 2, one, one, one, one))
    return Network("encoder", (2,), 3, (layer,))


BAD = {
    "layer conv1 resets by subtraction": lambda: with_neuron(LIF(0.5, 0.5, reset="soft")),
    "layer conv1 has neurons of the kind 'first_spike'": lambda: with_neuron(FirstSpike()),
    "layer conv1 has neurons without leak that begin at 0": lambda: with_neuron(LIF(1.0, 0.5, v_reset=0.1)),
    "layer wide: NIR has no conv2d that fits here": wide,
    "layer pick picks spikes by draws": picking,
    "layer cuba has neurons without leak": no_leak_behind_a_current,
}


@pytest.mark.parametrize("message", BAD)
def test_what_nir_cannot_say_is_one_sentence(message):
    with pytest.raises(ValueError, match=message):
        export_graph(BAD[message](), DT_MS)


def test_the_commands(tmp_path, capsys):
    network = generator(np.random.default_rng(7))
    save_network(network, tmp_path / "network.safetensors")
    made, again = tmp_path / "graph.nir", tmp_path / "again.safetensors"
    assert (
        main(["export-nir", str(tmp_path / "network.safetensors"), "--dt-ms", "10", "--out", str(made)]) == 0
    )
    said = capsys.readouterr().out
    assert "the decoder mean is not part of NIR" in said
    command = said.strip().splitlines()[-1].split("python -m bio ")[1].replace("FILE", str(again)).split()
    assert main(command) == 0
    found = load_network(again)
    assert found.provenance["name"] == "graph"
    assert found.provenance["nir_node_convt1"] == "convt1 (LIF)"
    latents = stimuli_for(network, np.random.default_rng(0))
    one, other = trace(network, latents)["readout"], trace(found, latents)["readout"]
    np.testing.assert_allclose(one, other, atol=1e-12)
    assert main(["import-nir", str(made), "--dt-ms", "0", "--out", str(again)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {made}: dt_ms is 0")
    assert said.count("\n") == 1
    soft = generator(np.random.default_rng(0), LIF(0.5, 0.5, reset="soft"))
    save_network(soft, tmp_path / "soft.safetensors")
    assert main(["export-nir", str(tmp_path / "soft.safetensors"), "--dt-ms", "10", "--out", str(made)]) == 2
    assert capsys.readouterr().err.startswith(f"error: {tmp_path / 'soft.safetensors'}: layer dense1")


def test_a_constant_readout_is_a_leaky_integrator(tmp_path):
    network = critic(np.random.default_rng(0))
    network = dataclasses.replace(
        network,
        layers=(*network.layers[:-1], dataclasses.replace(network.readout, neuron=LeakyIntegrator(1.0, 0.3))),
    )
    assert and_back(network, tmp_path).readout.neuron == LeakyIntegrator(1.0, 0.3)
