"""Matching, modifiers and the fidelity report."""

import dataclasses

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from bio.__main__ import main
from bio.calibration import calibration_inputs
from bio.fidelity import alone, compare_levels, first_degraded, pearson, rdm_correlation, similarity
from bio.levels import find_level
from bio.matching import load_gains, match, scaled
from bio.modifiers import Modifiers, modify_level, modify_network, quantised
from bio.simulate import simulate
from study.network import LIF, ConvTranspose2d, Current, Dense, Layer, MeanFrames, Network, save_network
from tests.bio.reference import critic, generator, stimuli_for


def rate(current):
    """Spikes per step of a layer at a current, silent at weak ones."""
    return 0.05 * np.log1p(np.exp(4 * (current - 1)))


def test_matching_finds_the_gains_and_biases_of_a_known_response():
    """Every layer fires too often at strong inputs and too seldom at weak ones, and as often as the one before is off."""
    network, inputs = critic(np.random.default_rng(0)), np.linspace(0.3, 2.5, 12)
    factors, offsets = (
        {"conv1": 1.2, "conv2": 0.7, "dense1": 0.5},
        {"conv1": 0.1, "conv2": 0.2, "dense1": 0.3},
    )
    target = {name: rate(inputs) for name in factors}

    def measure(candidate):
        rates, before = {}, 1.0
        for old, new in zip(network.layers, candidate.layers[:3], strict=False):
            gain = new.connection.weight.ravel()[0] / old.connection.weight.ravel()[0]
            bias = (new.drive - gain * old.drive)[0]
            current = (gain * inputs + bias - offsets[new.name]) / factors[new.name]
            before = rates[new.name] = before * rate(current)
            before = before / target[new.name]
        return rates

    said = []
    gain, bias, rates = match(network, target, measure, say=said.append)
    for name in target:
        assert rates[name].mean() == pytest.approx(target[name].mean(), rel=0.02)
        assert gain[name] == pytest.approx(factors[name], rel=0.15)
        assert bias[name] == pytest.approx(offsets[name], abs=0.1)
        np.testing.assert_allclose(rates[name], target[name], rtol=0.15)  # every input's, not only the mean
    assert 3 < len(said) < 16


@pytest.mark.parametrize(("spread", "steepness"), [(0.2, 3.0), (0.4, 2.0), (0.5, 4.0)])
def test_matching_comes_back_from_far_off(spread, steepness):
    """Responses much steeper than at level exact, over units and inputs: every layer makes the next fire far too often."""
    network, rng = critic(np.random.default_rng(0)), np.random.default_rng(0)
    inputs, units = rng.uniform(1 - spread, 1 + spread, 12), rng.normal(0.75, 0.35, 200)
    names = [layer.name for layer in network.layers[:3]]

    def respond(gain, bias, scale, steep):
        current = gain * inputs[:, None] * scale[:, None] * units + bias
        return 0.05 * np.logaddexp(0, steep * (current - 1)).mean(axis=1)

    target = dict.fromkeys(names, respond(1, 0, np.ones(12), 6))

    def measure(candidate):
        rates, scale = {}, np.ones(12)
        for old, new in zip(network.layers, candidate.layers[:3], strict=False):
            gain = new.connection.weight.ravel()[0] / old.connection.weight.ravel()[0]
            rates[new.name] = respond(1.1 * gain, (new.drive - gain * old.drive)[0], scale, 6 * steepness)
            scale = rates[new.name] / target[new.name]
        return rates

    _, _, rates = match(network, target, measure, say=lambda _: None)
    for name in names:
        assert rates[name].mean() == pytest.approx(target[name].mean(), rel=0.02)


def test_a_layer_whose_inputs_are_alike_is_matched_by_the_smaller_change():
    network, target = critic(np.random.default_rng(0)), {"conv1": np.full(6, rate(1.5))}

    def measure(candidate):
        gain = (
            candidate.layers[0].connection.weight.ravel()[0] / network.layers[0].connection.weight.ravel()[0]
        )
        bias = (candidate.layers[0].drive - gain * network.layers[0].drive)[0]
        return {"conv1": np.full(6, rate(1.3 * (1.5 * gain + bias)))}

    gain, bias, rates = match(network, target, measure, say=lambda _: None)
    assert rates["conv1"].mean() == pytest.approx(rate(1.5), rel=0.02)
    assert 0.6 < gain["conv1"] < 1
    assert abs(bias["conv1"]) < 0.4


def test_a_silent_layer_gets_a_bias():
    network = critic(np.random.default_rng(0))

    def measure(candidate):
        fires = candidate.layers[0].drive.mean() > network.layers[0].drive.mean() + 0.4
        return {"conv1": np.full(2, fires * 0.1)}

    _, bias, rates = match(network, {"conv1": np.full(2, 0.1)}, measure, say=lambda _: None)
    assert bias == {"conv1": 0.5}
    assert rates["conv1"].mean() == 0.1


def test_matching_returns_the_round_that_came_nearest():
    """A response that jumps cannot be matched; what is returned is not simply the last try."""
    network, tried = critic(np.random.default_rng(0)), []

    def measure(candidate):
        tried.append([0.05, 0.09, 0.02, 0.3][min(len(tried), 3)])
        return {"conv1": np.full(2, tried[-1])}

    _, _, rates = match(network, {"conv1": np.full(2, 0.1)}, measure, rounds=4, say=lambda _: None)
    assert rates["conv1"].mean() == 0.09


def test_calibration_inputs_follow_their_seed():
    network = generator(np.random.default_rng(0))
    first, again, other = (calibration_inputs(network, 3, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert first.shape == (3, 3)
    assert (first != other).all()
    images = calibration_inputs(critic(np.random.default_rng(0)), 5, 0)
    assert images.shape == (5, 1, 8, 8)
    assert images.min() >= 0
    assert images.max() <= 1
    assert np.ptp(images, axis=(1, 2, 3)).max() > 0.1
    with pytest.raises(ValueError, match="number of calibration inputs is 0"):
        calibration_inputs(network, 0, 0)
    with pytest.raises(ValueError, match="seed of the calibration inputs is -1"):
        calibration_inputs(network, 1, -1)


def quiet_neurons(n, n_steps, decay=0.5):
    """Neurons that hold half of the threshold."""
    first = Layer("dense1", (n,), Dense(np.zeros((n, 1))), np.full(n, 0.5), LIF(decay, 1 - decay))
    return Network(
        "critic", (1,), n_steps, (first, Layer("readout", (1,), Dense(np.ones((1, n))), [0.0], Current()))
    )


@pytest.mark.parametrize(("level", "per_step"), [("exact", 1), ("lif", 8), ("cuba", 16)])
def test_noise_has_the_spread_that_was_asked_for(level, per_step):
    import brian2

    from bio.backends.numpy import numpy_target
    from bio.network import build_network

    network = quiet_neurons(400, 24)
    step_ms = 250 / 24
    noisy = modify_level(find_level(level), Modifiers(noise_mv=1.5, seed=3), step_ms)
    recorded = []
    for _ in range(2):
        with numpy_target():
            dt_ms = None if level == "exact" else step_ms / per_step
            brian = build_network(network, np.zeros((1, 1)), noisy, dt_ms=dt_ms)
            brian.network.run(brian.duration * 0.9, namespace={})
            recorded.append(np.array(brian.groups["dense1"].v_) * (15 if level == "exact" else 1000))
    np.testing.assert_array_equal(*recorded)  # the same seed
    assert recorded[0].std() == pytest.approx(1.5, rel=0.12)
    assert brian2.get_device() is not None


def test_every_part_of_a_sequence_has_noise_of_its_own(monkeypatch):
    """The same stimulus in two parts, with the same membrane at their beginning: only the noise differs; it repeats."""
    network = quiet_neurons(60, 4)
    noisy = modify_level(find_level("exact"), Modifiers(noise_mv=12, seed=3), 62.5)
    monkeypatch.setattr("bio.batches.BATCH_BYTES", 1.0)  # one stimulus to a part
    first, again, other = (
        simulate(network, np.zeros((2, 1)), level, progress=False).counts["dense1"]
        for level in (noisy, noisy, dataclasses.replace(noisy, noise_seed=4))
    )
    assert first.sum() > 10
    np.testing.assert_array_equal(first, again)
    assert (first[0] != first[1]).any()
    assert (first != other).any()


def test_a_delay_moves_spikes_by_as_much():
    neuron = LIF(0.5, 0.5)
    first = Layer("dense1", (1,), Dense([[0.0]]), [1.5], neuron)
    second = Layer("dense2", (1,), Dense([[6.0]]), [0.0], neuron)
    network = Network(
        "critic", (1,), 8, (first, second, Layer("readout", (1,), Dense([[1.0]]), [0.0], Current()))
    )
    from bio.backends.numpy import numpy_target
    from bio.network import build_network

    times = []
    for delay in (0.0, 5.0):
        level = modify_level(find_level("cuba"), Modifiers(delay_ms=delay), 31.25)
        with numpy_target():
            brian = build_network(network, np.zeros((1, 1)), level, dt_ms=31.25 / 128)
            brian.network.run(brian.duration * 0.6, namespace={})
            times.append(float(brian.spikes["dense2"].t_[0]) * 1e3)
    assert times[1] - times[0] == pytest.approx(5.0, abs=31.25 / 128)


def test_a_delay_as_long_as_a_stimulus_is_refused():
    network = critic(np.random.default_rng(0))
    late = modify_level(find_level("exact"), Modifiers(delay_ms=250.0), 250 / 6)
    with pytest.raises(ValueError, match="a delay of 250 ms is no shorter than a stimulus of 250 ms"):
        simulate(network, np.zeros((1, 1, 8, 8)), late, progress=False)


def test_a_longer_refractory_period_lowers_the_rate_to_its_limit():
    network = scaled(quiet_neurons(1, 8), {"dense1": 40.0}, {})
    rates = [
        simulate(network, np.zeros((1, 1)), level, dt_ms=31.25 / 64, progress=False).counts["dense1"].sum()
        for level in (
            "cuba",
            modify_level(find_level("cuba"), Modifiers(refractory_ms=20.0), 31.25),
            modify_level(find_level("lif"), Modifiers(refractory_ms=40.0), 31.25),
        )
    ]
    to_threshold_ms = 31.25 / np.log(2) * np.log(20 / 19)
    expected = [250 / (to_threshold_ms + silence) for silence in (3, 20, 40)]
    np.testing.assert_allclose(rates, expected, rtol=0.1)


@pytest.mark.parametrize(
    ("level", "modifiers", "message"),
    [
        ("exact", {"delay_ms": 1.0}, "delay of 1 ms does not fit"),
        ("lif", {"delay_ms": 1.0}, "cannot express a delay of 1 ms"),
        ("exact", {"refractory_ms": 2.0}, "refractory period of 2 ms changes nothing"),
        ("hh", {"refractory_ms": 2.0}, "refractoriness of its channels"),
    ],
)
def test_what_a_level_cannot_be_given_is_refused(level, modifiers, message):
    with pytest.raises(ValueError, match=message):
        modify_level(find_level(level), Modifiers(**modifiers), 15.625).population(LIF(0.5, 0.5), 15.625)


def test_modifiers_out_of_range_are_refused():
    for name, value in (
        ("noise_mv", -1.0),
        ("delay_ms", np.nan),
        ("refractory_ms", 0.0),
        ("weight_bits", 1),
        ("seed", -1),
    ):
        with pytest.raises(ValueError, match=f"{name} is"):
            Modifiers(**{name: value})


def test_weights_are_rounded_and_noisy():
    weight = np.array([[-1.0, 0.2, 0.49]])
    np.testing.assert_allclose(quantised(weight, 3), [[-1, 1 / 3, 1 / 3]])
    assert len(np.unique(quantised(np.linspace(-1, 1, 999), 4))) == 15
    network = critic(np.random.default_rng(0))
    noisy, again = (modify_network(network, Modifiers(weight_noise=0.1, seed=5)) for _ in range(2))
    share = noisy.layers[2].connection.weight / network.layers[2].connection.weight - 1
    np.testing.assert_array_equal(noisy.layers[2].connection.weight, again.layers[2].connection.weight)
    assert share.std() == pytest.approx(0.1, rel=0.2)
    assert modify_network(network, Modifiers()) is network


def test_the_report_knows_what_it_compares():
    rng = np.random.default_rng(2)
    network = generator(rng)
    exact = simulate(network, stimuli_for(network, rng, 6), progress=False)
    same = compare_levels(exact, exact, "lif", False)
    assert [row.layer for row in same] == ["dense1", "convt1", "image"]
    assert all(row.passed for row in same)
    assert same[0].count_correlation == pytest.approx(1)
    assert same[0].rate_exact_hz == pytest.approx(exact.counts["dense1"].sum(2).mean() / 0.25)
    assert same[-1].image_mse == 0
    assert first_degraded(same) is None
    shuffled = {name: counts[::-1].copy() for name, counts in exact.counts.items()}
    shuffled["convt1"] = shuffled["convt1"] * 2
    other = compare_levels(exact, dataclasses.replace(exact, counts=shuffled), "lif", False)
    assert not other[0].passed
    assert other[1].rate_ratio == pytest.approx(2)
    totals = np.sort(exact.counts["dense1"].sum(axis=(1, 2, 3)))
    doubled = dataclasses.replace(exact, counts={"dense1": exact.counts["dense1"].copy()})
    doubled.counts["dense1"][np.argsort(exact.counts["dense1"].sum(axis=(1, 2, 3)), kind="stable")[3:]] *= 2
    (row,) = [row for row in compare_levels(exact, doubled, "lif", False) if row.layer == "dense1"]
    assert (row.rate_ratio_weak, row.rate_ratio_strong) == (1, 2)
    assert row.rate_ratio == pytest.approx(1 + totals[3:].sum() / totals.sum())
    assert first_degraded(other) == "dense1"


def test_similarity_of_colour_images_that_are_not_square():
    """Mean over channels of skimage's own, and 1 for a channel that is the same."""
    a, b = np.random.default_rng(0).random((2, 4, 3, 9, 13))
    b[:, 1] = a[:, 1]
    one = [
        structural_similarity(x[c], y[c], data_range=1.0) for x, y in zip(a, b, strict=True) for c in (0, 2)
    ]
    found = similarity(a.reshape(4, -1), b.reshape(4, -1), (3, 9, 13))
    assert found == pytest.approx((np.mean(one) * 2 + 1) / 3)
    assert found < 0.6
    square = similarity(a[:, 0, :, :9].reshape(4, -1), b[:, 0, :, :9].reshape(4, -1))
    assert square == pytest.approx(
        np.mean(
            [
                structural_similarity(x, y, data_range=1.0)
                for x, y in zip(a[:, 0, :, :9], b[:, 0, :, :9], strict=True)
            ]
        )
    )
    for shape in (None, (3, 12, 8), (9, 13, 3)):
        assert np.isnan(similarity(a.reshape(4, -1), b.reshape(4, -1), shape))


def test_the_report_knows_the_shape_of_images():
    rng = np.random.default_rng(2)
    last = ConvTranspose2d(rng.normal(size=(2, 3, 5, 7)), (2, 3, 3), stride=2)
    first = Layer("dense1", (2, 3, 3), Dense(rng.normal(size=(18, 3))), np.ones(18), LIF(0.5, 0.5))
    readout = Layer("readout", last.output_shape, last, np.zeros(last.n_out), Current())
    network = Network("generator", (3,), 4, (first, readout), MeanFrames())
    assert readout.shape == (3, 9, 11)
    exact, other = (simulate(network, stimuli_for(network, rng, 3), progress=False) for _ in range(2))
    images = [r.readout["image"][1][:, 0] for r in (exact, other)]
    row = compare_levels(exact, other, "lif", False, image_shape=readout.shape)[-1]
    assert row.image_ssim == similarity(*images, (3, 9, 11))
    assert 0 < row.image_ssim < 1


@pytest.mark.parametrize("level", ["exact", "lif"])
def test_a_layer_alone_is_given_the_spikes_of_exact(level):
    rng = np.random.default_rng(2)
    network = critic(rng)
    exact = simulate(network, stimuli_for(network, rng, 3), progress=False)
    single, spikes = alone(network, exact, "dense1")
    found = simulate(single, spikes, level, dt_ms=None if level == "exact" else 250 / 6 / 4, progress=False)
    np.testing.assert_array_equal(found.counts["dense1"], exact.counts["dense1"])
    rows = compare_levels(exact, found, level, matched=False, alone=True)
    assert [(row.layer, row.alone, row.passed) for row in rows] == [("dense1", True, True)]


def test_correlations_agree_with_their_definitions():
    rng = np.random.default_rng(0)
    a = rng.poisson(2, (8, 20)).astype(float)
    a[3] = 1  # no pattern
    rho, n = rdm_correlation(a, 3 * a + 1)
    assert (rho, n) == (pytest.approx(1), 7)
    assert np.isnan(rdm_correlation(a[:4], a[:4])[0])
    assert np.isnan(pearson(np.ones(3), np.arange(3.0)))


def test_commands(tmp_path, capsys):
    rng = np.random.default_rng(1)
    network = dataclasses.replace(generator(rng, n_steps=4), provenance={"name": "toy", "seed": "0"})
    save_network(network, tmp_path / "generator.safetensors")
    common = [str(tmp_path / "generator.safetensors"), "--backend", "numpy", "--count", "4"]
    out = tmp_path / "fidelity.csv"
    command = ["fidelity", *common, "--held-out", "4", "--levels", "lif", "--out", str(out)]
    assert main(command) == 0
    assert "lif passes: dense1 r 1.000 rate 1.00" in capsys.readouterr().out
    lines = out.read_text().splitlines()
    assert lines[0].startswith("model,network,level,layer,matched,alone,n_stimuli")
    assert lines[1].startswith("toy,generator,lif,dense1,false,false,4,18,1,")
    gains = tmp_path / "gains.json"
    assert main(["match", *common, "--level", "lif", "--rounds", "1", "--out", str(gains)]) == 0
    assert set(load_gains(gains).gain.values()) == {1.0}
    assert main(["match", *common, "--level", "lif", "--rounds", "0", "--out", str(gains)]) == 2
    assert "--rounds is 0" in capsys.readouterr().err
    assert main([*command[:-2], "--levels", "lief", "--out", str(out)]) == 2
    assert "unknown level 'lief': did you mean 'lif'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["simulate", str(tmp_path), "--noise", "2", "--stimuli", "x", "--out", "y"])
    assert "'2' is no number with the unit mV, such as 2mV" in capsys.readouterr().err
