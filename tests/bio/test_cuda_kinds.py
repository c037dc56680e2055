"""brian2cuda's code on the CPU, over every kind of layer, input, delay and reset that `test_cuda.py` leaves out."""

import dataclasses
import re

import numpy as np
import pytest

from bio.connectivity import synapse_text
from bio.levels import find_level
from bio.modifiers import Modifiers, modify_level, modify_network
from bio.simulate import simulate
from study.network import (
    LIF,
    PRIMITIVES,
    RELAY,
    Conv2d,
    ConvTranspose2d,
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
    Sparse,
    SpikeRate,
)
from tests.bio.reference import inputs_for, trace
from tests.bio.test_cuda import needs_brian2cuda, needs_thrust

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
SOFT = LIF(0.6, 0.5, v_threshold=0.8, reset="soft", threshold_rule=">=")
HARD = LIF(0.5, 0.5, v_reset=-0.1)


def sparse(rng, n_out, n_in):
    post, pre = np.nonzero(rng.random((n_out, n_in)) < 0.6)
    return Sparse(pre, post, rng.normal(size=len(pre)), n_in, n_out)


def spike_trains(rng):
    """Spike trains; max pooling, convolution, listed synapses; neurons per unit; recurrence; a step per layer."""
    pool = MaxPool2d((2, 7, 6), 2)
    conv = Conv2d(rng.normal(size=(2, 2, 2, 2)), pool.output_shape, stride=1, padding=1)
    a, b, c, d, e = rng.uniform(size=(5, conv.n_out))
    per_unit = CubaLIF(a, 1 - a / 2, b, 0.3 + c / 2, 0.5 + d / 2, 0.2 * e - 0.1)
    back = (Recurrent("conv1", Dense(0.3 * rng.normal(size=(conv.n_out, conv.n_out)))),)
    layers = (
        Layer.max_pool("pool1", pool),
        Layer("conv1", conv.output_shape, conv, 0.5 + rng.normal(size=conv.n_out), per_unit, back),
        Layer("sparse1", (9,), sparse(rng, 9, conv.n_out), 0.5 + rng.normal(size=9), SOFT),
        Layer(
            "readout",
            (3,),
            Dense(rng.normal(size=(3, 9))),
            rng.normal(size=3),
            CubaLI(*rng.uniform(size=(5, 3))),
        ),
    )
    return Network("encoder", (2, 7, 6), 5, layers, input="spikes", latency=1)


def first_spikes(rng):
    """First-spike codes and draws beside them: a pick that is fed back, transposed convolution, neurons that fire once."""
    up = ConvTranspose2d(rng.normal(size=(2, 2, 3, 3)), (2, 2, 2), stride=2, padding=1, output_padding=1)
    back = (Recurrent("pick", Dense(rng.normal(size=(24, 8)))),)
    layers = (
        Layer("candidates", (24,), Dense(rng.normal(size=(24, 9))), rng.normal(size=24), SOFT, back),
        Layer("pick", (2, 2, 2), Pick(8, 3), np.zeros(8), RELAY),
        Layer("convt1", up.output_shape, up, 0.5 + rng.normal(size=up.n_out), HARD),
        Layer("readout", (6,), Dense(rng.normal(size=(6, up.n_out))), rng.normal(size=6), FirstSpike(1.5)),
    )
    return Network("generator", (1, 3, 3), 6, layers, SpikeRate(), input="first_spike", zero_spikes=True)


def draws(rng):
    """Nothing but draws."""
    back = (
        Recurrent("pick", Dense(rng.normal(size=(9, 3)))),
        Recurrent("last", Dense(rng.normal(size=(9, 4)))),
    )
    layers = (
        Layer("candidates", (9,), None, 0.8 + rng.normal(size=9), HARD, back),
        Layer("pick", (3,), Pick(3, 3), np.zeros(3), RELAY),
        Layer("last", (4,), Dense(rng.normal(size=(4, 3))), 0.5 + rng.normal(size=4), FirstSpike(2.0, ">")),
        Layer("readout", (2,), Dense(rng.normal(size=(2, 4))), np.zeros(2), Current()),
    )
    return Network("encoder", (3,), 6, layers, input="draws")


def loop(rng):
    """Analog input; recurrence from the layer itself and a later one; a step per layer; what levels with units express."""
    conv = Conv2d(rng.normal(size=(2, 1, 3, 3)), (1, 5, 5), stride=2)
    back = (Recurrent("conv1", Dense(0.4 * rng.normal(size=(8, 8)))), Recurrent("sparse1", sparse(rng, 8, 6)))
    layers = (
        Layer("conv1", conv.output_shape, conv, 0.8 + 0.5 * rng.normal(size=8), SOFT, back),
        Layer("sparse1", (6,), sparse(rng, 6, 8), 0.8 + 0.5 * rng.normal(size=6), HARD),
        Layer("readout", (2,), Dense(rng.normal(size=(2, 6))), np.zeros(2), LeakyIntegrator(0.5, 0.5)),
    )
    return Network("critic", (1, 5, 5), 6, layers, latency=1)


# (network, level, modifiers, how stimuli follow one another); noise is left out: brian2cuda draws other numbers
CASES = {
    "spike trains": (spike_trains, "exact", {}, {"blank_steps": 2}),
    "first spikes": (first_spikes, "exact", {}, {}),
    "draws, delay": (draws, "exact", {"delay_ms": 250 / 6}, {"repeats": 2}),
    "lif, refractory": (loop, "lif", {"refractory_ms": 60.0}, {"reset": False, "blank_steps": 1}),
    "cuba, delay": (loop, "cuba", {"delay_ms": 3.0, "refractory_ms": 6.0, "weight_bits": 5, "weight_noise": 0.1}, {}),
}  # fmt: skip


def shown(make, level, modifiers, options, backends):
    """Return (responses of each backend, what the reference gives at level exact without modifiers, else None)."""
    rng = np.random.default_rng(3)
    network = make(rng)
    stimuli, drawn = inputs_for(network, rng, 3)
    chosen, changed = find_level(level), network
    if modifiers:
        changes = Modifiers(**modifiers)
        changed = modify_network(network, changes)
        chosen = modify_level(chosen, changes, 250 / network.n_steps)
    found = [
        simulate(changed, stimuli, chosen, backend, draws=drawn, progress=False, **options)
        for backend in backends
    ]
    plain = level == "exact" and not modifiers
    return found, trace(network, stimuli, drawn) if plain else None


@pytest.mark.parametrize("case", CASES)
def test_the_networks_fire_and_are_those_of_the_reference(case):
    """On numpy, so that a comparison of two backends compares something."""
    (found,), expected = shown(*CASES[case], ["numpy"])
    for name, counts in found.counts.items():
        assert 0.02 < counts.mean() < 0.98, name
        if expected is not None:
            np.testing.assert_array_equal(counts[:, 0].transpose(1, 0, 2), expected[name], err_msg=name)


def test_every_kind_is_compared():
    networks = [make(np.random.default_rng(3)) for make in {case[0] for case in CASES.values()}]
    layers = [layer for network in networks for layer in network.layers]
    connections = [x.connection for x in layers if x.connection] + [
        r.connection for x in layers for r in x.recurrent
    ]
    assert {c.kind for c in connections} == set(PRIMITIVES["connection"])
    assert {layer.neuron.kind for layer in layers} == set(PRIMITIVES["neuron"])
    assert {network.input for network in networks} == {"spikes", "first_spike", "draws", "constant"}
    changed = {name for case in CASES.values() for name in case[2]}
    assert changed == {f.name for f in dataclasses.fields(Modifiers)} - {"noise_mv", "seed"}


@pytest.mark.parametrize("make", [spike_trains, first_spikes, draws, loop])
def test_no_synapse_asks_for_its_target_when_a_spike_arrives(make):
    """brian2cuda's loop over synapses has a j of its own: a second one does not compile."""
    texts = [
        synapse_text(layer.connection) for layer in make(np.random.default_rng(3)).layers if layer.connection
    ]
    assert not [text.transmits for text in texts if re.search(r"\bj\b", text.transmits)]


@needs_brian2cuda
@needs_thrust
@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_cuda_code_on_the_cpu_gives_the_same_spikes(tmp_path, monkeypatch, case):
    monkeypatch.setenv("STUDY_CACHE", str(tmp_path))
    (expected, found), _ = shown(*CASES[case], ["cpp_standalone", "cuda_host"])
    for name, counts in expected.counts.items():
        assert counts.any()
        np.testing.assert_array_equal(found.counts[name], counts, err_msg=name)
    for name, (_, values) in expected.readout.items():
        np.testing.assert_allclose(found.readout[name][1], values, rtol=0, atol=1e-9)
