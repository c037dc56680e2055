"""Levels cuba, coba, adex and hh against closed forms and published numbers."""

import brian2
import numpy as np
import pytest
from brian2 import mV, pA
from scipy.integrate import solve_ivp, trapezoid

from bio.backends.numpy import numpy_target
from bio.levels import LEVELS, cuba
from bio.levels.lif import E_L, R_M, UNIT
from bio.network import build_network
from bio.simulate import simulate
from bio.timing import find_timing
from study.network import LIF, Current, Dense, FirstSpike, Layer, LeakyIntegrator, Network
from tests.bio.reference import critic, generator, stimuli_for

STEP_MS, DECAY = 15.625, 0.5
TAU_M_MS = -STEP_MS / np.log(DECAY)
BIOPHYSICAL = ("cuba", "coba", "adex", "hh")


def group_of(level, neuron, n, dt_ms, step_ms=STEP_MS):
    """Neurons of one level at rest, with numbers for `I_drive` and their constants at hand."""
    texts = LEVELS[level].population(neuron, step_ms)
    group = brian2.NeuronGroup(
        n,
        texts.equations,
        threshold=texts.threshold or None,
        reset=texts.reset or None,
        refractory=False if texts.refractory is None else texts.refractory,
        method=texts.method,
        namespace=dict(texts.namespace),
        dt=dt_ms * brian2.ms,
        name="neurons",
    )
    for name, value in texts.onset.items():
        if name not in ("lastspike", "not_refractory"):
            setattr(group, name, value)
    return group, texts


def spikes_at(level, currents, duration_ms, dt_ms, neuron=None):
    """Spikes of single neurons at constant learned currents."""
    with numpy_target():
        group, texts = group_of(level, neuron or LIF(DECAY, 1 - DECAY), len(currents), dt_ms)
        group.I_drive = np.asarray(currents) * texts.unit_current
        monitor = brian2.SpikeMonitor(group, name="fired")
        brian2.Network(group, monitor).run(duration_ms * brian2.ms, namespace={})
        return np.array(monitor.count), {
            i: np.array(t / brian2.ms) for i, t in monitor.spike_trains().items()
        }


@pytest.mark.parametrize("level", BIOPHYSICAL)
def test_a_time_step_that_skips_over_the_fastest_process_is_refused(level):
    largest = {"cuba": 1, "coba": 1, "adex": 1, "hh": 0.25}[level]
    network = critic(np.random.default_rng(0))
    for dt_ms in (250 / 6, 250 / 6 / 20):
        said = (
            rf"dt_ms is {dt_ms:g}, but with more than {largest:g} ms level {level} .*give 0\.\d+ or less\.$"
        )
        with pytest.raises(ValueError, match=said):
            simulate(network, np.zeros((1, 1, 8, 8)), level, dt_ms=dt_ms, progress=False)
    assert find_timing(6, LEVELS[level], 250 / 6 / (42 / largest)).dt_ms < largest
    # a level's own time step fits however long a network step is
    assert [find_timing(n, LEVELS[level], None).dt_ms < largest + 1e-6 for n in (1, 2, 16, 250)] == [True] * 4
    assert find_timing(16, LEVELS[level], None).per_step == LEVELS[level].steps_per_network_step


def test_a_time_step_as_long_as_allowed_gives_nearly_the_same_spikes():
    """What the limit is for: twice as much is another model, see `LARGEST_DT_MS`."""
    found = {dt: spikes_at("cuba", [1.5, 2.0, 3.0, 5.0], 250, dt)[0] for dt in (STEP_MS / 128, 1.0, 2.0)}
    np.testing.assert_allclose(found[1.0], found[STEP_MS / 128], atol=1)
    assert found[2.0][-1] > 1.25 * found[1.0][-1]


@pytest.mark.parametrize("level", BIOPHYSICAL)
@pytest.mark.parametrize("make", [critic, generator])
def test_every_equation_has_consistent_units_and_names(make, level):
    rng = np.random.default_rng(0)
    network = make(rng)
    with numpy_target():
        brian = build_network(network, stimuli_for(network, rng), level)
        brian.network.run(0 * brian2.ms, namespace={})


@pytest.mark.parametrize("level", ["cuba", "adex"])
def test_stimuli_do_not_affect_one_another(level):
    rng = np.random.default_rng(3)
    network = critic(rng, n_steps=3)
    stimuli = stimuli_for(network, rng, 2)
    dt_ms = 250 / 3 / 128
    both = simulate(network, stimuli, level, dt_ms=dt_ms, progress=False)
    alone = simulate(network, stimuli[1:], level, dt_ms=dt_ms, progress=False)
    for name, counts in both.counts.items():
        np.testing.assert_array_equal(counts[1:], alone.counts[name])
    assert both.counts["conv1"].sum() > 0


@pytest.mark.parametrize(("weight", "tau"), [(0.4, cuba.TAU_EXC), (-0.4, cuba.TAU_INH)])
def test_a_spike_brings_the_charge_of_level_lif(weight, tau):
    """∫ I dt = w · step, and the peak of the membrane has its closed form."""
    with numpy_target():
        group, texts = group_of("cuba", LeakyIntegrator(DECAY, 1 - DECAY), 1, 0.05)
        kind = "I_exc" if weight > 0 else "I_inh"
        # What one presynaptic spike does, on the postsynaptic side.
        current = weight * texts.unit_current
        setattr(group, kind, current * STEP_MS * brian2.ms / tau)
        monitor = brian2.StateMonitor(group, ["v", "I_exc", "I_inh"], record=True, name="seen")
        brian2.Network(group, monitor).run(120 * brian2.ms, namespace={})
        found = trapezoid((monitor.I_exc + monitor.I_inh)[0] / pA, dx=0.05)
        assert found == pytest.approx(weight * 150 * STEP_MS, rel=1e-3)
        tau_s = float(tau / brian2.ms)
        t_peak = np.log(TAU_M_MS / tau_s) / (1 / tau_s - 1 / TAU_M_MS)
        rise = (np.exp(-t_peak / TAU_M_MS) - np.exp(-t_peak / tau_s)) / (TAU_M_MS - tau_s)
        expected = weight * float(UNIT / mV) * STEP_MS * rise
        extreme = (monitor.v[0] - E_L) / mV
        assert extreme[np.abs(extreme).argmax()] == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("current", [1.3, 2.0, 5.0])
def test_the_rate_at_a_constant_current_has_its_closed_form(current):
    _, trains = spikes_at("cuba", [current], 400, STEP_MS / 256)
    expected = TAU_M_MS * np.log(current / (current - 1)) + float(cuba.REFRACTORY / brian2.ms)
    np.testing.assert_allclose(np.diff(trains[0]), expected, atol=2 * STEP_MS / 256)


def test_conductances_pass_at_threshold_what_currents_bring():
    with numpy_target():
        group, texts = group_of("coba", LIF(DECAY, 1 - DECAY), 2, 0.1)
        group.I_exc, group.I_inh = 100 * pA, -40 * pA
        group.I_drive = [30, -30] * pA
        group.v = texts.namespace["V_T"]
        np.testing.assert_allclose(group.I_syn / pA, [90, 30], rtol=1e-12)
        group.v = -70 * mV  # 70 mV below 0 instead of 55, 10 mV above -80 instead of 25
        np.testing.assert_allclose(group.I_syn / pA, [130 * 70 / 55 - 16, 100 * 70 / 55 - 28], rtol=1e-12)


def test_a_conductance_peaks_at_its_closed_form():
    """One spike of weight w: g = w · step / (tau (E - V_T)), decaying with tau."""
    neuron = LIF(DECAY, 1 - DECAY)
    first = Layer("dense1", (1,), Dense([[0.0]]), [1.5], neuron)
    second = Layer("dense2", (2,), Dense([[0.8], [-0.8]]), [0.0, 0.0], neuron)
    network = Network("critic", (1,), 16, (first, second, _readout(2)))
    with numpy_target():
        brian = build_network(network, np.zeros((1, 1)), "coba")
        monitor = brian2.StateMonitor(
            brian.groups["dense2"], ["g_exc", "g_inh"], record=True, when="end", name="g"
        )
        brian.network.add(monitor)
        brian.network.run(40 * brian2.ms, namespace={})
        fired = round(float(brian.spikes["dense1"].t[0] / brian.timing.dt_s / brian2.second))
        g_exc, g_inh = monitor.g_exc[0] / brian2.nS, monitor.g_inh[1] / brian2.nS
    # A spike arrives before the update of its time step, at the end of which it is seen.
    peaks = (
        0.8 * 150 * STEP_MS / tau / force * np.exp(-STEP_MS / 128 / tau)
        for tau, force in ((5.5, 55), (8.5, 25))
    )
    np.testing.assert_allclose([g_exc[fired], g_inh[fired]], list(peaks), rtol=1e-4)
    later = 60
    assert g_inh[fired + later] / g_inh[fired] == pytest.approx(
        np.exp(-later * STEP_MS / 128 / 8.5), rel=1e-6
    )


def _readout(n):
    return Layer("readout", (1,), Dense(np.ones((1, n))), [0.0], Current())


@pytest.mark.slow
def test_adex_fires_just_above_its_rheobase():
    """With an injected current: (g_L + a)(V* - E_L - Delta_T) must be g_L (V_T - E_L), 150 pA."""
    texts = LEVELS["adex"].population(LIF(DECAY, 1 - DECAY), STEP_MS)
    conducted = "I_syn = g_exc*(E_exc - v) + g_inh*(E_inh - v) : amp"
    assert conducted in texts.equations
    with numpy_target():
        group = brian2.NeuronGroup(
            2,
            # slowly up to the current, so that adaptation follows
            texts.equations.replace(conducted, "I_syn = I_drive*clip(t/ramp, 0, 1) : amp"),
            threshold=texts.threshold,
            reset=texts.reset,
            refractory=texts.refractory,
            method=texts.method,
            namespace={**texts.namespace, "ramp": 1500 * brian2.ms},
            dt=0.25 * brian2.ms,
            name="neurons",
        )
        group.v = E_L
        group.I_drive = np.array([0.98, 1.02]) * UNIT / R_M
        monitor = brian2.SpikeMonitor(group, name="fired")
        brian2.Network(group, monitor).run(2500 * brian2.ms, namespace={})
        counts = np.array(monitor.count)
    assert counts[0] == 0
    assert counts[1] > 0


def solved(derivatives, start, spike_mv, duration_ms, reset=None, silence_ms=0.0):
    """Spike times in ms of one neuron by scipy's solver; after a spike `reset` changes the state, which then waits."""

    def crosses(t, y):
        return y[0] - spike_mv

    crosses.direction, crosses.terminal = 1, reset is not None
    t, state, times = 0.0, np.array(start, float), []
    while t < duration_ms:
        found = solve_ivp(
            derivatives, (t, duration_ms), state, method="LSODA", events=crosses, rtol=1e-8, atol=1e-10
        )
        times += list(found.t_events[0])
        if reset is None or not len(found.t_events[0]):
            break
        t, state = found.t[-1] + silence_ms, reset(found.y[:, -1])
    return times


def linoid(x):
    return x / np.expm1(x) if x else 1.0


def hh_spikes(current, duration_ms):
    """Brette et al. 2007, benchmark 3, in mV, ms, nS, pF, with a conductance that passes current · 150 pA at -55 mV."""
    g_exc, shift = current * 150 / 55, -55.75

    def rates(v):
        u = v - shift
        return (
            (1.28 * linoid((13 - u) / 4), 1.4 * linoid((u - 40) / 5)),
            (0.16 * linoid((15 - u) / 5), 0.5 * np.exp((10 - u) / 40)),
            (0.128 * np.exp((17 - u) / 18), 4 / (1 + np.exp((40 - u) / 5))),
        )

    def derivatives(t, y):
        v, gates = y[0], y[1:]
        m, n, h = gates
        current_pa = 10 * (-70 - v) - g_exc * v - 20_000 * m**3 * h * (v - 50) - 6_000 * n**4 * (v + 90)
        slopes = [a * (1 - x) - b * x for x, (a, b) in zip(gates, rates(v), strict=True)]
        return [current_pa / (10 * TAU_M_MS), *slopes]

    return solved(derivatives, [-70, *(a / (a + b) for a, b in rates(-70))], -20, duration_ms)


def adex_spikes(current, duration_ms):
    """Brette and Gerstner 2005 with the constants of the table in docs/methods.md, refractory for 3 ms."""
    g_exc, a, b, tau_w = current * 150 / 55, 10 * 4 / 30, 80.5 / (30 * 20.2) * 150, 144
    v_rise = -70 + 15 / (1 + 4 / 30) + 2 * (1 - np.log1p(4 / 30))

    def derivatives(t, y):
        v, w = y
        current_pa = 10 * (-70 - v) + 20 * np.exp((v - v_rise) / 2) - w - g_exc * v
        return [current_pa / (10 * TAU_M_MS), (a * (v + 70) - w) / tau_w]

    def reset(y):  # adaptation goes on while the membrane is held
        w = y[1] + b
        return np.array([-70, w * np.exp(-3 / tau_w)])

    return solved(derivatives, [-70, 0], v_rise + 10, duration_ms, reset, 3.0)


@pytest.mark.slow
@pytest.mark.parametrize(("level", "solve"), [("hh", hh_spikes), ("adex", adex_spikes)])
def test_spikes_are_those_of_scipys_solver(level, solve):
    """At the level's own time step; `hh` takes exponential Euler, which is of first order."""
    currents = [1.1, 1.5, 2.0, 4.0]
    counts, trains = spikes_at(level, currents, 250, STEP_MS / LEVELS[level].steps_per_network_step)
    expected = [solve(current, 250) for current in currents]
    assert len(expected[-1]) > 5
    for i, times in enumerate(expected):
        assert abs(counts[i] - len(times)) <= max(1, 0.06 * len(times))
        assert trains[i][0] == pytest.approx(times[0], abs=1.5 if level == "hh" else 0.3)


@pytest.mark.slow
def test_hh_has_the_rheobase_of_the_trained_membrane():
    counts, _ = spikes_at("hh", [0.9, 1.1], 200, 0.05)
    assert counts[0] <= 1  # at most one at the beginning
    assert counts[1] >= 2


@pytest.mark.parametrize(
    ("level", "neuron", "message"),
    [
        ("cuba", LIF(0.0, 1.0), "level cuba cannot express a membrane with decay 0"),
        ("cuba", FirstSpike(), "level cuba cannot express neurons of the kind 'first_spike'"),
        ("coba", LIF(0.5, 0.5, v_threshold=-1.0), "level coba cannot express the threshold -1, -85 mV"),
        ("adex", LIF(0.5, 0.5, reset="soft"), "level adex cannot express the soft reset"),
        ("adex", LIF(1.0, 0.5), r"cannot express a membrane without leak \(decay 1\)"),
        ("hh", LIF(0.5, 0.5, v_reset=-0.2), "level hh cannot express the reset to -0.2"),
    ],
)
def test_what_a_level_cannot_express_is_refused(level, neuron, message):
    with pytest.raises(ValueError, match=message):
        LEVELS[level].population(neuron, STEP_MS)


@pytest.mark.slow
@pytest.mark.parametrize("level", ["cuba", "coba", "adex"])
def test_a_finer_time_step_converges(level):
    counts = [spikes_at(level, [1.2, 2.0, 4.0], 250, STEP_MS / n)[0] for n in (128, 512)]
    assert counts[1].min() > 0
    np.testing.assert_allclose(counts[0], counts[1], atol=1)
