import tempfile

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from bio.simulate import simulate
from study.network import (
    LIF,
    RELAY,
    AttentionScoring,
    Current,
    Dense,
    FirstSpike,
    FirstSpikeTime,
    LastFrame,
    Layer,
    MaxPool2d,
    Network,
    Pick,
    Recurrent,
    Sparse,
)
from tests.bio.reference import critic, generator, image, inputs_for, stimuli_for, trace
from tests.study.network_drawing import networks


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


def assert_equal_to_torch(network, seed, n_stimuli=3, **options):
    rng = np.random.default_rng(seed)
    stimuli, draws = inputs_for(network, rng, n_stimuli)
    expected = trace(network, stimuli, draws)
    responses = simulate(network, stimuli, draws=draws, progress=False, **options)
    assert_same_spikes(responses, expected)
    readout = expected["readout"].transpose(1, 0, 2)[:, None]
    for name in ("voltage", "current"):
        if name in responses.readout:
            np.testing.assert_allclose(responses.readout[name][1], readout, atol=1e-12)
    if network.decoder is not None:
        found = responses.readout["image"][1][:, 0]
        np.testing.assert_allclose(found, image(network, expected["readout"]), atol=1e-12)


@given(networks(), st.integers(0, 2**32 - 1))
@settings(
    deadline=None, max_examples=8, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow]
)
def test_random_networks(network, seed):
    """Every kind of connection, neuron, reset, rule, latency, input, decoder and role; see `networks`."""
    assert_equal_to_torch(network, seed)


@pytest.mark.slow
@given(networks(), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_many_random_networks(network, seed):
    assert_equal_to_torch(network, seed)


@pytest.mark.slow
@pytest.mark.parametrize("latency", [0, 1])
@seed(5)
@given(st.data(), st.integers(0, 2**32 - 1))
@settings(
    deadline=None,
    max_examples=2,
    phases=[Phase.generate],
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
def test_random_networks_compiled(latency, data, stimuli_seed):
    """Deep and recurrent ones, in C++."""

    def deep(network):
        recurrent = any(layer.recurrent for layer in network.layers)
        return network.latency == latency and recurrent and len(network.layers) > 3 and network.n_steps > 2

    network = data.draw(networks().filter(deep))
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDY_CACHE", folder)
        assert_equal_to_torch(network, stimuli_seed, backend="cpp_standalone")


@pytest.mark.parametrize("level", ["exact", "lif"])
def test_a_connection_without_any_synapse(level):
    """An imported matrix may be all zeros, and Brian2 has no group of no weights: the target has its drive alone."""
    none = Sparse(np.array([], np.int64), np.array([], np.int64), np.array([]), 2, 3)
    recurrent = Recurrent("dense1", Sparse(none.pre, none.post, none.weight, 3, 3))
    network = Network(
        "critic",
        (1,),
        6,
        (
            Layer("dense0", (2,), Dense([[1.0], [2.0]]), [0.1, 0.0], LIF(0.5, 0.5)),
            Layer("dense1", (3,), none, [3.0, 0.5, 2.2], LIF(0.5, 0.5), (recurrent,)),
            Layer("readout", (1,), Dense([[1.0, 1.0, 1.0]]), [0.0], Current()),
        ),
    )
    if level == "exact":
        assert_equal_to_torch(network, 0)
    counts = simulate(network, np.array([[2.0], [0.0]]), level=level, progress=False).counts["dense1"]
    assert counts.sum(axis=(1, 2))[0].tolist() == counts.sum(axis=(1, 2))[1].tolist()
    assert counts.sum(axis=(0, 1, 2))[1] == 0 < counts.sum(axis=(0, 1, 2))[2]


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


@pytest.mark.parametrize("n_features", [0, 7])
@pytest.mark.parametrize("query", ["previous", "current"])
def test_attention_decoding_is_the_recursion(query, n_features):
    rng = np.random.default_rng(2)
    matrices = dict(
        weight_query=rng.normal(size=(4, n_features or 25)),
        bias_query=rng.normal(size=4),
        weight_key=rng.normal(size=(4, n_features or 25)),
        bias_key=rng.normal(size=4),
    )
    w, b = rng.normal(size=(n_features, 25)), rng.normal(size=n_features)
    if n_features:
        matrices |= dict(weight_features=w, bias_features=b)

    def seen(image):
        return np.maximum(w @ image + b, 0) if n_features else image

    network = generator(rng, decoder=AttentionScoring(**matrices, query=query))
    stimuli = stimuli_for(network, rng, 2)
    responses = simulate(network, stimuli, progress=False)
    frames = responses.readout["frame"][1][:, 0]
    for stimulus in range(2):
        v = frames[stimulus, 0]
        for x in frames[stimulus, 1:]:
            q = matrices["weight_query"] @ seen(v if query == "previous" else x) + matrices["bias_query"]
            scores = [q @ (matrices["weight_key"] @ seen(k) + matrices["bias_key"]) / 2 for k in (v, x)]
            share = np.exp(scores) / np.exp(scores).sum()
            v = share[0] * v + share[1] * x
        np.testing.assert_allclose(responses.readout["image"][1][stimulus, 0], v, atol=1e-12)


# ----------------------------------------------------------------------- by hand, against closed forms


@pytest.mark.parametrize("latency", [0, 1])
def test_first_spikes_travel_down_a_chain(latency):
    """A spike at step k passes four layers of weight 1 at once, or one step per layer, and every unit fires once."""
    layers = [Layer(f"layer{k}", (1,), Dense([[1.0]]), [0.0], FirstSpike(1.0)) for k in range(4)]
    network = Network(
        "generator", (1,), 10, layers, FirstSpikeTime(4 * latency), input="first_spike", latency=latency
    )
    brightness = np.array([[1.0], [0.7], [0.0]])  # steps 0, 3 and never
    responses = simulate(network, brightness, progress=False)
    for depth, counts in enumerate(responses.counts.values(), start=1):
        assert counts[:, 0, :, 0].sum(axis=1).tolist() == [1, 1, 0]
        assert counts[:2, 0, :, 0].argmax(axis=1).tolist() == [latency * depth, 3 + latency * depth]
    expected = [1, 1 - 3 / (10 - 4 * latency), 0]
    np.testing.assert_allclose(responses.readout["image"][1].ravel(), expected)


def test_a_first_spike_neuron_sums_all_it_ever_got():
    """Weights 0.5, 0.75, -1, 1: V = 0.5, 1.25, 0.25, 1.25; the threshold of 1 is crossed at step 1 and never again."""
    trains = np.eye(4)[None]
    layers = (Layer("only", (1,), Dense([[0.5, 0.75, -1.0, 1.0]]), [0.0], FirstSpike(1.0)),)
    network = Network("encoder", (4,), 4, layers, input="spikes")
    assert simulate(network, trains, progress=False).counts["only"].ravel().tolist() == [0, 1, 0, 0]


def test_max_pooling_is_or_and_leaves_out_what_fills_no_window():
    spikes = np.zeros((1, 1, 1, 5, 5))
    spikes[0, 0, 0, [0, 1, 2, 4], [1, 0, 3, 4]] = 1  # two in the first window, one in the last, one outside
    network = Network(
        "encoder", (1, 5, 5), 1, (Layer.max_pool("pool", MaxPool2d((1, 5, 5), 2)),), input="spikes"
    )
    assert simulate(network, spikes, progress=False).counts["pool"].ravel().tolist() == [1, 0, 0, 1]


def test_a_pick_passes_on_the_candidate_that_was_drawn():
    trains = np.array([[[1, 0, 0, 1], [1, 0, 0, 1], [0, 1, 1, 0]]])
    draws = np.array([[[0, 0], [1, 1], [1, 1]]])
    layers = (
        Layer("candidates", (4,), Dense(np.eye(4)), np.zeros(4), RELAY),
        Layer("pick", (2,), Pick(2, 2), np.zeros(2), RELAY),
    )
    network = Network("encoder", (4,), 3, layers, input="spikes")
    found = simulate(network, trains, draws=draws, progress=False).counts["pick"][0, 0]
    assert found.tolist() == [[1, 0], [0, 1], [1, 0]]


def test_recurrent_input_comes_one_step_later():
    """A unit kicked once excites the next of a ring: activity goes round it."""
    ring = Dense(np.roll(np.eye(4), 1, axis=0))
    layer = Layer("ring", (4,), Dense(np.eye(4)), np.zeros(4), RELAY, (Recurrent("ring", ring),))
    kick = np.zeros((1, 6, 4))
    kick[0, 1, 0] = 1
    network = Network("encoder", (4,), 6, (layer,), input="spikes")
    found = simulate(network, kick, progress=False).counts["ring"][0, 0]
    assert [row.tolist() for row in found] == [[0] * 4, *np.eye(4)[[0, 1, 2, 3, 0]].tolist()]


@pytest.mark.parametrize(("decision", "expected"), [("spike_count", [1, -1]), ("earliest_spike", [0, -1])])
def test_decisions_of_a_readout_that_spikes(decision, expected):
    """Unit 0 fires first, unit 1 most often; nothing fires for the second stimulus."""
    trains = np.zeros((2, 4, 2))
    trains[0, :, 0], trains[0, :, 1] = [0, 1, 0, 0], [0, 0, 1, 1]
    layer = Layer("readout", (2,), Dense(np.eye(2)), np.zeros(2), RELAY)
    network = Network("classifier", (2,), 4, (layer,), input="spikes", decision=decision)
    readout = simulate(network, trains, progress=False).readout
    assert readout["decision"][1][:, 0].tolist() == expected
    scores = {"spike_count": [[1, 2], [0, 0]], "earliest_spike": [[1, 2], [4, 4]]}
    assert readout["score"][1][:, 0].tolist() == scores[decision]


def test_a_classifier_by_its_membrane():
    layer = Layer("readout", (3,), Dense(np.eye(3)), np.zeros(3), Current())
    network = Network("classifier", (3,), 2, (layer,), decision="membrane")
    readout = simulate(network, np.array([[0.1, 0.7, 0.3]]), progress=False).readout
    assert readout["decision"][1].ravel().tolist() == [1]
    np.testing.assert_allclose(readout["score"][1].ravel(), [0.1, 0.7, 0.3])
