import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bio.simulate import simulate
from study.network import (
    LIF,
    AttentionScoring,
    Conv2d,
    ConvTranspose2d,
    Current,
    Dense,
    LastFrame,
    Layer,
    LeakyIntegrator,
    Network,
)
from tests.bio.reference import critic, generator, stimuli_for, trace


def assert_same_spikes(responses, expected):
    for name, counts in responses.counts.items():
        np.testing.assert_array_equal(counts[:, 0].transpose(1, 0, 2), expected[name], err_msg=name)


@pytest.mark.parametrize("make", [critic, generator])
@pytest.mark.parametrize("reset", ["hard", "soft"])
@pytest.mark.parametrize("rule", [">", ">="])
def test_every_spike_is_that_of_torch(make, reset, rule):
    rng = np.random.default_rng(7)
    neuron = LIF(0.7, 0.45, v_threshold=0.9, v_reset=-0.1, reset=reset, threshold_rule=rule)
    network = make(rng, neuron)
    stimuli = stimuli_for(network, rng, 5)
    expected = trace(network, stimuli)
    responses = simulate(network, stimuli, progress=False)
    assert_same_spikes(responses, expected)
    assert all(0.02 < expected[name].mean() < 0.9 for name in responses.counts)
    readout = expected["readout"].transpose(1, 0, 2)[:, None]
    if make is critic:
        np.testing.assert_allclose(responses.readout["voltage"][1], readout, atol=1e-12)
        np.testing.assert_allclose(
            responses.readout["score"][1], readout[:, :, -1].mean(-1) / network.n_steps, atol=1e-12
        )
    else:
        np.testing.assert_allclose(responses.readout["frame"][1], 1 / (1 + np.exp(-readout)), atol=1e-12)


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=8)
def test_random_networks(seed):
    network, stimuli = random_network(np.random.default_rng(seed))
    assert_same_spikes(simulate(network, stimuli, progress=False), trace(network, stimuli))


def random_network(rng):
    shape = (int(rng.integers(1, 3)), int(rng.integers(3, 7)), int(rng.integers(3, 7)))
    n_layers, layers, before = int(rng.integers(1, 4)), [], shape
    for number in range(n_layers):
        kind = rng.choice(["dense", "conv", "transposed"])
        n, taps, stride = int(rng.integers(1, 4)), int(rng.integers(1, 4)), int(rng.integers(1, 3))
        if kind == "dense" or min(before[1:]) < 3:
            connection = Dense(rng.normal(size=(n * 9, int(np.prod(before)))) * 0.5)
            after = (n, 3, 3)
        elif kind == "conv":
            connection = Conv2d(rng.normal(size=(n, before[0], taps, taps)), before, stride, 1)
            after = connection.output_shape
        else:
            connection = ConvTranspose2d(rng.normal(size=(before[0], n, taps, taps)), before, stride, 0)
            after = connection.output_shape
        neuron = LIF(
            float(rng.uniform(0, 1)),
            float(rng.uniform(0.3, 1)),
            float(rng.uniform(0.5, 1)),
            0.0,
            str(rng.choice(["hard", "soft"])),
            str(rng.choice([">", ">="])),
        )
        layers.append(
            Layer(f"layer{number}", after, connection, rng.normal(size=int(np.prod(after))), neuron)
        )
        before = after
    readout = [Current(), LeakyIntegrator(0.5, 0.5)][int(rng.integers(2))]
    last = Dense(rng.normal(size=(2, int(np.prod(before)))))
    layers.append(Layer("readout", (2,), last, np.zeros(2), readout))
    network = Network("critic", shape, int(rng.integers(1, 8)), tuple(layers))
    return network, rng.random((3, *shape))


def test_ties_at_the_threshold_follow_the_rule():
    """Dyadic numbers are summed without rounding, so H reaches the threshold exactly."""
    for rule, fires in ((">", [0, 1, 0]), (">=", [1, 1, 1])):
        network = Network(
            "critic",
            (1,),
            3,
            (
                Layer("dense1", (1,), Dense([[1.0]]), [0.0], LIF(0.5, 0.5, threshold_rule=rule)),
                Layer("readout", (1,), Dense([[1.0]]), [0.0], Current()),
            ),
        )
        counts = simulate(network, np.array([[2.0]]), progress=False).counts["dense1"]
        assert counts.ravel().tolist() == fires


def test_a_wrong_decay_is_caught():
    rng = np.random.default_rng(3)
    right, wrong = LIF(0.5, 0.5), LIF(0.505, 0.5)
    network, other = critic(np.random.default_rng(3), right), critic(np.random.default_rng(3), wrong)
    stimuli = stimuli_for(network, rng, 40)
    expected = trace(network, stimuli)
    found = simulate(other, stimuli, progress=False)
    assert sum((found.counts[n][:, 0].transpose(1, 0, 2) != expected[n]).sum() for n in found.counts) > 0


@pytest.mark.parametrize("level", ["exact", "lif"])
def test_stimuli_do_not_affect_one_another(level):
    rng = np.random.default_rng(5)
    network = generator(rng, LIF(0.9, 0.3), decoder=LastFrame())
    a, b = stimuli_for(network, rng, 2)
    dt_ms = 250 / 6 / 8 if level == "lif" else None
    together = simulate(network, np.array([a, b, a]), level, dt_ms=dt_ms, progress=False)
    for alone, rows in ((a, [0, 2]), (b, [1])):
        single = simulate(network, alone[None], level, dt_ms=dt_ms, progress=False)
        for row in rows:
            for name, counts in single.counts.items():
                np.testing.assert_array_equal(together.counts[name][row], counts[0])
            np.testing.assert_allclose(
                together.readout["image"][1][row], single.readout["image"][1][0], atol=1e-12
            )


@pytest.mark.parametrize("query", ["previous", "current"])
def test_attention_decoding_is_the_recursion(query):
    rng = np.random.default_rng(2)
    matrices = dict(
        weight_query=rng.normal(size=(4, 25)),
        bias_query=rng.normal(size=4),
        weight_key=rng.normal(size=(4, 25)),
        bias_key=rng.normal(size=4),
    )
    network = generator(rng, decoder=AttentionScoring(**matrices, query=query))
    stimuli = stimuli_for(network, rng, 2)
    responses = simulate(network, stimuli, progress=False)
    frames = responses.readout["frame"][1][:, 0]
    for stimulus in range(2):
        v = frames[stimulus, 0]
        for x in frames[stimulus, 1:]:
            q = matrices["weight_query"] @ (v if query == "previous" else x) + matrices["bias_query"]
            scores = [q @ (matrices["weight_key"] @ k + matrices["bias_key"]) / 2 for k in (v, x)]
            share = np.exp(scores) / np.exp(scores).sum()
            v = share[0] * v + share[1] * x
        np.testing.assert_allclose(responses.readout["image"][1][stimulus, 0], v, atol=1e-12)
