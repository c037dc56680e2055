"""Level `lif` has every spike of level `exact` in its step, and continuous time in between."""

import numpy as np
import pytest
from brian2 import StateMonitor

from bio.backends.numpy import numpy_target
from bio.network import build_network
from bio.simulate import simulate
from study.network import LIF, Current, Dense, FirstSpike, Layer, LeakyIntegrator, Network, Recurrent
from tests.bio.reference import critic, generator, stimuli_for

STEP_MS = 250 / 6


@pytest.mark.parametrize(
    ("make", "reset", "decay", "per_step"),
    [
        (critic, "hard", 0.6, 16),
        (critic, "soft", 1.0, 1),
        (generator, "soft", 0.6, 8),
        (generator, "hard", 1.0, 8),
        (generator, "hard", 0.6, 1),
    ],
)
def test_every_spike_of_level_exact_is_found_in_its_step(make, reset, decay, per_step):
    rng = np.random.default_rng(11)
    network = make(rng, LIF(decay, 0.45, v_reset=-0.2, reset=reset))
    stimuli = stimuli_for(network, rng, 3)
    exact = simulate(network, stimuli, progress=False)
    lif = simulate(network, stimuli, "lif", dt_ms=STEP_MS / per_step, progress=False)
    for name, counts in exact.counts.items():
        assert counts.mean() > 0.02
        np.testing.assert_array_equal(lif.counts[name], counts, err_msg=name)
    for name, (_, values) in exact.readout.items():
        np.testing.assert_allclose(lif.readout[name][1], values, atol=1e-9)


@pytest.mark.parametrize("blank_steps", [0, 2])
def test_without_reset_too(blank_steps):
    """Layers run behind one another, and their first stimulus begins from rest all the same."""
    rng = np.random.default_rng(2)
    network = critic(rng, LIF(1.0, 0.4))  # without leak a wrong beginning is never forgotten
    stimuli, how = (
        stimuli_for(network, rng, 2),
        {"reset": False, "blank_steps": blank_steps, "progress": False},
    )
    exact = simulate(network, stimuli, **how)
    lif = simulate(network, stimuli, "lif", dt_ms=STEP_MS / 4, **how)
    for name, counts in exact.counts.items():
        assert counts.mean() > 0.02
        np.testing.assert_array_equal(lif.counts[name], counts, err_msg=name)


@pytest.mark.parametrize(
    ("neuron", "latency", "recurrent"),
    [(LIF(0.7, 0.6), 1, False), (LIF(0.7, 0.6), 0, True), (FirstSpike(1.0, ">"), 1, False)],
)
def test_spikes_of_the_last_step_do_not_reach_the_next_stimulus(neuron, latency, recurrent):
    """Handed on at the end of a step, they would act in the first one of the stimulus that follows."""
    rng = np.random.default_rng(1)
    layers = [
        Layer(
            f"layer{k}",
            (4,),
            Dense(rng.normal(size=(4, 4)) + 0.6),
            np.full(4, 0.2137),
            neuron,
            (Recurrent(f"layer{k}", Dense(rng.normal(size=(4, 4)))),) if recurrent else (),
        )
        for k in range(3)
    ]
    network = Network("encoder", (4,), 6, layers, input="spikes", latency=latency)
    trains = stimuli_for(network, rng, 6)
    exact = simulate(network, trains, progress=False)
    lif = simulate(network, trains, "lif", dt_ms=STEP_MS / 2, progress=False)
    assert trains[:, -1].any()
    for name, counts in exact.counts.items():
        assert counts.any()
        np.testing.assert_array_equal(lif.counts[name], counts, err_msg=name)


def one_neuron(decay, drive, n_steps, neuron=None):
    neuron = neuron or LIF(decay, 1 - decay)
    first = Layer("dense1", (1,), Dense([[0.0]]), [drive], neuron)
    return Network("critic", (1,), n_steps, (first, Layer("readout", (1,), Dense([[1.0]]), [0.0], Current())))


@pytest.mark.parametrize("current", [1.2, 2.2, 5.0])
def test_the_threshold_is_crossed_after_its_closed_form(current):
    """From the start of a step, at reset, the membrane needs tau_m ln(I / (I - 1)) to the threshold."""
    decay, n_steps, per_step = 0.5, 16, 256
    network = one_neuron(decay, current, n_steps)
    with numpy_target():
        brian = build_network(network, np.zeros((1, 1)), "lif", dt_ms=250 / n_steps / per_step)
        brian.network.run(brian.duration, namespace={})
        times_ms = np.array(brian.spikes["dense1"].t_)[:-1] * 1e3
    step_ms = 250 / n_steps
    to_threshold_ms = -step_ms / np.log(decay) * np.log(current / (current - 1))
    steps = np.ceil(to_threshold_ms / step_ms)
    expected = np.arange(len(times_ms)) * steps * step_ms + to_threshold_ms
    assert len(times_ms) > 2
    np.testing.assert_allclose(times_ms, expected, atol=2 * step_ms / per_step)


def test_a_synaptic_current_is_held_for_the_step_after_the_spike():
    network = one_neuron(0.5, 1.5, 8)
    with numpy_target():
        brian = build_network(network, np.zeros((1, 1)), "lif", dt_ms=250 / 8 / 64)
        monitor = StateMonitor(brian.groups["readout"], "I_syn", record=True, when="end", name="held")
        brian.network.add(monitor)
        brian.network.run(brian.duration, namespace={})
        fired = np.unique(np.rint(np.array(brian.spikes["dense1"].t_) / brian.timing.dt_s).astype(int) // 64)
        held = np.array(monitor.I_syn_)[0, : 8 * 64].reshape(8, 64) / brian.output_unit
    expected = np.zeros(9)
    expected[fired[fired < 8] + 1] = 1
    np.testing.assert_allclose(held, np.repeat(expected[:8, None], 64, axis=1), atol=1e-12)


def test_a_membrane_without_memory_is_refused():
    network = one_neuron(0.5, 1.0, 4, LIF(0.0, 1.0))
    with pytest.raises(ValueError, match=r"decay 0; train with a decay above 0 or use level exact"):
        simulate(network, np.zeros((1, 1)), "lif", progress=False)


def test_leaky_readout_is_read_at_step_ends():
    network = Network(
        "critic",
        (1,),
        4,
        (Layer("readout", (1,), Dense([[1.0]]), [0.0], LeakyIntegrator(0.5, 0.5)),),
    )
    voltage = simulate(network, np.array([[1.0]]), "lif", progress=False).readout["voltage"][1].ravel()
    np.testing.assert_allclose(voltage, [0.5, 0.75, 0.875, 0.9375], atol=1e-9)
