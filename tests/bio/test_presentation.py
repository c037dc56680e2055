"""How stimuli follow one another: repeats, blanks, states that go on, and every kind of input from a file."""

import re

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bio import equations
from bio.__main__ import main
from bio.presentation import Presentation
from bio.simulate import simulate
from study.network import (
    LIF,
    RELAY,
    Dense,
    FirstSpike,
    Layer,
    LeakyIntegrator,
    Network,
    Pick,
    Recurrent,
    round_to_grid,
    save_network,
)
from study.responses import load_attributes, load_layer
from study.stimuli import Stimuli, save_stimuli
from tests.bio.reference import critic, draws_for, inputs_for, stimuli_for, trace
from tests.study.network_drawing import networks

RNG = np.random.default_rng(0)


def sampling(kind="spikes"):
    """Candidates, a pick that feeds back, and a membrane: 3 inputs, 2 outputs of 2 candidates."""
    rng = np.random.default_rng(8)
    back = Recurrent("pick", Dense(rng.normal(size=(4, 2))))
    layers = (
        Layer("candidates", (4,), Dense(rng.normal(size=(4, 3))), rng.normal(size=4), LIF(0.9, 0.5), (back,)),
        Layer("pick", (2,), Pick(2, 2), np.zeros(2), RELAY),
        Layer("readout", (2,), Dense(rng.normal(size=(2, 2))), np.zeros(2), LeakyIntegrator(0.5, 0.5)),
    )
    return Network("encoder", (3,), 5, layers, input=kind)


@pytest.mark.parametrize("blank_steps", [0, 2, 3])
def test_repeats_of_stimuli_from_rest_are_the_same(blank_steps):
    network = critic(np.random.default_rng(0))
    stimuli = stimuli_for(network, RNG, 3)
    found = simulate(network, stimuli, repeats=2, blank_steps=blank_steps, progress=False)
    expected = trace(network, stimuli)
    for name, counts in found.counts.items():
        assert counts.shape[:3] == (3, 2, 6)
        for repeat in range(2):
            np.testing.assert_array_equal(counts[:, repeat].transpose(1, 0, 2), expected[name])
    assert found.readout["score"][1].shape == (3, 2)
    assert found.attributes["blank_steps"] == str(blank_steps)


@pytest.mark.parametrize("blank_steps", [0, 1])
def test_bins_are_sums_over_steps(blank_steps):
    network = critic(np.random.default_rng(0))  # 6 steps
    stimuli = stimuli_for(network, RNG, 3)
    how = dict(blank_steps=blank_steps, progress=False)
    steps = simulate(network, stimuli, **how)
    for n_bins in (1, 2, 6):
        bins = simulate(network, stimuli, n_bins=n_bins, **how)
        assert bins.bin_edges_ms[-1] == pytest.approx(250.0)
        assert len(bins.bin_edges_ms) == n_bins + 1
        for name, counts in steps.counts.items():
            assert counts.sum() > 0
            summed = counts.reshape(3, 1, n_bins, 6 // n_bins, -1).sum(axis=3)
            np.testing.assert_array_equal(bins.counts[name], summed)
        np.testing.assert_array_equal(bins.readout["voltage"][1], steps.readout["voltage"][1])


@pytest.mark.parametrize("blank_steps", [0, 4])
@pytest.mark.parametrize("kind", ["constant", "spikes"])
def test_without_reset_the_state_goes_on(blank_steps, kind):
    network = critic(np.random.default_rng(0), LIF(0.95, 0.4)) if kind == "constant" else sampling()
    stimuli = stimuli_for(network, np.random.default_rng(1), 3)
    draws = None if network.pick is None else draws_for(network, np.random.default_rng(2), 3)
    how = dict(repeats=2, blank_steps=blank_steps, reset=False)
    found = simulate(network, stimuli, draws=draws, progress=False, **how)
    expected = trace(network, stimuli, draws, **how)
    fresh = trace(network, stimuli, draws)
    differs = 0
    for name, counts in found.counts.items():
        shown = counts.swapaxes(0, 1).reshape(6, *counts.shape[2:])  # repeat after repeat
        np.testing.assert_array_equal(shown.transpose(1, 0, 2), expected[name])
        differs += (shown[:3].transpose(1, 0, 2) != fresh[name]).sum()
    assert differs > 0
    voltage = found.readout["voltage"][1].swapaxes(0, 1).reshape(6, network.n_steps, -1)
    np.testing.assert_allclose(voltage.transpose(1, 0, 2), expected["readout"], atol=1e-12)


def test_float32_is_exact_on_a_dyadic_grid():
    network = round_to_grid(critic(np.random.default_rng(4)), 6)
    stimuli = stimuli_for(network, RNG, 6)
    expected = trace(network, stimuli, dtype=np.float32)
    found = simulate(network, stimuli, precision="float32", progress=False)
    for name, counts in found.counts.items():
        np.testing.assert_array_equal(counts[:, 0].transpose(1, 0, 2), expected[name])
    assert all(np.all(layer.connection.weight * 64 % 1 == 0) for layer in network.layers)


def test_float32_flips_a_spike_at_the_threshold_and_the_grid_does_not():
    """0.1 + 0.2 exceeds 0.3 in float64 and equals it in float32."""
    layer = Layer("only", (1,), Dense([[0.1, 0.2]]), [0.0], FirstSpike(0.3, ">"))
    network = Network("encoder", (2,), 1, (layer,), input="spikes")

    def fires(network, precision):
        found = simulate(network, np.ones((1, 1, 2)), precision=precision, progress=False)
        return int(found.counts["only"].sum())

    assert [fires(network, p) for p in ("float64", "float32")] == [1, 0]
    rounded = round_to_grid(network, 8)
    assert [fires(rounded, p) for p in ("float64", "float32")] == [1, 1]  # 26/256 + 51/256 = 0.30078


@given(networks(), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_the_equations_in_numpy_are_those_of_the_reference(network, seed):
    stimuli, draws = inputs_for(network, np.random.default_rng(seed), 5)
    expected = trace(network, stimuli, draws)
    for name, found in equations.trace(network, stimuli, draws).items():
        np.testing.assert_allclose(found, expected[name], atol=1e-12)


def once():
    layer = Layer("only", (1,), Dense([[1.0]]), [0.0], FirstSpike())
    return Network("encoder", (1,), 2, (layer,), input="spikes")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Presentation(once(), reset=False), "layer only fires once per stimulus and then waits for a reset"),
        (lambda: Presentation(once(), -1), "blank_steps is -1; at least 0 is needed"),
        (lambda: Presentation(once()).rows(np.full((1, 2, 1), 0.5)), "spike trains hold values from 0.5 to 0.5"),
        (lambda: Presentation(once()).rows(np.zeros((1, 3, 1))), r"the encoder takes \(2, 1\) per stimulus"),
        (lambda: Presentation(once()).rows(np.zeros((1, 2, 1)), np.zeros((1, 2, 1))), "draws are given, but the network has no"),
        (lambda: Presentation(sampling()).rows(np.zeros((1, 5, 3))), "draws are missing, but the network has a layer that"),
        (lambda: Presentation(sampling()).rows(np.zeros((1, 5, 3)), np.zeros((1, 4, 2))), r"draws have the shape \(1, 4, 2\)"),
        (lambda: Presentation(sampling()).rows(np.zeros((1, 5, 3)), np.full((1, 5, 2), 2)), "draws hold 2; allowed are whole numbers from 0 to 1"),
        (lambda: Presentation(sampling("first_spike")).rows(np.full((1, 3), 2.0), np.zeros((1, 5, 2))), "values from 2 to 2 cannot be coded"),
        (lambda: simulate(critic(RNG), np.zeros((1, 8, 8)), repeats=0), "repeats is 0; at least 1"),
        (lambda: simulate(critic(RNG), np.zeros((1, 8, 8)), reset=False, n_processes=2), "processes is 2, but without reset"),
        (lambda: simulate(critic(RNG), np.zeros((1, 8, 8)), precision="half"), "unknown precision 'half': allowed are float32, float64"),
        (lambda: simulate(critic(RNG), np.zeros((1, 8, 8)), n_bins=4), "bins is 4, which does not divide 6 network steps; give 1, 2, 3, 6"),
        (lambda: round_to_grid(critic(RNG), 0), "bits is 0; allowed is 1 to 20"),
    ],
)  # fmt: skip
def test_what_cannot_be_shown(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --------------------------------------------------------------------------------------- from files


def run_file(tmp_path, network, stimuli, *options):
    save_network(network, tmp_path / "network.safetensors")
    save_stimuli(stimuli, tmp_path / "stimuli.nc")
    given = ["--backend", "numpy", "--stimuli", str(tmp_path / "stimuli.nc"), "--out", str(tmp_path / "r.nc")]
    return main(["simulate", str(tmp_path / "network.safetensors"), *given, *options])


def test_spike_trains_and_draws_from_a_file(tmp_path):
    network = sampling()
    trains, draws = stimuli_for(network, RNG, 4), draws_for(network, RNG, 4)
    assert (
        run_file(
            tmp_path, network, Stimuli(trains, np.arange(4), kind="spikes", draws=draws), "--repeats", "2"
        )
        == 0
    )
    counts, _ = load_layer(tmp_path / "r.nc", "pick")
    expected = trace(network, trains, draws)["pick"]
    assert counts.shape == (4, 2, 5, 2)
    np.testing.assert_array_equal(counts[:, 1].transpose(1, 0, 2), expected)
    assert load_attributes(tmp_path / "r.nc")["repeats"] == "2"


def test_colour_images_from_a_file(tmp_path):
    layer = Layer("readout", (2,), Dense(RNG.normal(size=(2, 12))), np.zeros(2), LeakyIntegrator(0.5, 0.5))
    network = Network("critic", (3, 2, 2), 4, (layer,))
    images = RNG.random((3, 2, 2, 3))
    assert run_file(tmp_path, network, Stimuli(images, np.arange(3))) == 0
    expected = simulate(network, np.moveaxis(images, -1, 1), progress=False).readout["score"][1]
    with xr.open_dataset(tmp_path / "r.nc", group="readout", engine="h5netcdf") as found:
        np.testing.assert_allclose(found["score"].values, expected)


@pytest.mark.parametrize(
    ("stimuli", "options", "message"),
    [
        (Stimuli(np.zeros((2, 3)), np.arange(2)), [], "holds latents, but this encoder takes spikes; give another file"),
        (Stimuli(np.zeros((2, 5, 4)), np.arange(2), kind="spikes"), [], r"spike trains of 4 units, but the encoder takes 3"),
        (Stimuli(np.zeros((2, 4, 3)), np.arange(2), kind="spikes"), [], r"the encoder takes \(5, 3\) per stimulus"),
        (Stimuli(np.zeros((2, 5, 3)), np.arange(2), kind="spikes"), [], "draws are missing"),
        (Stimuli(np.zeros((2, 5, 3)), np.arange(2), kind="spikes"), ["--dyadic", "30"], "bits is 30; allowed is 1 to 20"),
    ],
)  # fmt: skip
def test_files_that_do_not_fit(tmp_path, capsys, stimuli, options, message):
    assert run_file(tmp_path, sampling(), stimuli, *options) == 2
    assert re.search(message, capsys.readouterr().err)
