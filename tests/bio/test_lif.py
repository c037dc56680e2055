import numpy as np
import pytest

from bio.backends.numpy import numpy_target
from bio.levels.lif import REFRACTORY_STEPS
from bio.network import build_network
from bio.simulate import simulate
from study.network import LIF, Current, Dense, Layer, LeakyIntegrator, Network
from tests.bio.reference import critic, generator, stimuli_for

STEP_MS = 250 / 6


@pytest.mark.parametrize("make", [critic, generator])
@pytest.mark.parametrize("reset", ["hard", "soft"])
@pytest.mark.parametrize("decay", [0.6, 1.0])
def test_one_time_step_per_network_step_is_level_exact(make, reset, decay):
    rng = np.random.default_rng(11)
    network = make(rng, LIF(decay, 0.45, v_reset=-0.2, reset=reset))
    stimuli = stimuli_for(network, rng, 5)
    exact = simulate(network, stimuli, progress=False)
    lif = simulate(network, stimuli, "lif", dt_ms=STEP_MS, progress=False)
    for name, counts in exact.counts.items():
        assert counts.mean() > 0.02
        np.testing.assert_array_equal(lif.counts[name], counts, err_msg=name)
    for name, (_, values) in exact.readout.items():
        np.testing.assert_allclose(lif.readout[name][1], values, atol=1e-9)


def one_neuron(decay, drive, n_steps, neuron=None):
    neuron = neuron or LIF(decay, 1 - decay)
    first = Layer("dense1", (1,), Dense([[0.0]]), [drive], neuron)
    return Network("critic", (1,), n_steps, (first, Layer("readout", (1,), Dense([[1.0]]), [0.0], Current())))


@pytest.mark.parametrize("current", [1.2, 2.0, 5.0])
def test_interspike_interval_has_its_closed_form(current):
    decay, n_steps, per_step = 0.5, 16, 256
    network = one_neuron(decay, current, n_steps)
    with numpy_target():
        brian = build_network(network, np.zeros((1, 1)), "lif", dt_ms=250 / n_steps / per_step)
        brian.network.run(brian.duration, namespace={})
        times_ms = np.array(brian.spikes["dense1"].t_) * 1e3
    step_ms = 250 / n_steps
    tau_m_ms = -step_ms / np.log(decay)
    expected = tau_m_ms * np.log(current / (current - 1)) + REFRACTORY_STEPS * step_ms
    assert len(times_ms) > 2
    np.testing.assert_allclose(np.diff(times_ms), expected, atol=2 * step_ms / per_step)


def test_a_finer_time_step_converges():
    rng = np.random.default_rng(4)
    network = critic(rng)
    stimuli = stimuli_for(network, rng, 3)
    coarse, fine = (
        simulate(network, stimuli, "lif", dt_ms=STEP_MS / n, progress=False).counts["conv1"].sum()
        for n in (32, 64)
    )
    assert abs(coarse / fine - 1) < 0.05


def test_readout_frame_is_the_mean_current_over_the_step():
    """One presynaptic spike train, one synapse: the mean current is the share of the step that pulses cover."""
    network = one_neuron(0.5, 1.5, 8)
    responses = simulate(network, np.zeros((1, 1)), "lif", dt_ms=250 / 8 / 64, progress=False)
    with numpy_target():
        brian = build_network(network, np.zeros((1, 1)), "lif", dt_ms=250 / 8 / 64)
        brian.network.run(brian.duration, namespace={})
        onsets = np.rint(np.array(brian.spikes["dense1"].t_) / brian.timing.dt_s).astype(int)
    current = np.zeros(8 * 64 + 64)
    for onset in onsets:
        current[onset : onset + 64] += 1
    expected = current[: 8 * 64].reshape(8, 64).mean(axis=1)
    np.testing.assert_allclose(responses.readout["voltage"][1].ravel(), expected, atol=1e-9)


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
