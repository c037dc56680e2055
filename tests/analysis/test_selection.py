"""Which units and sites are compared: the committed list, and the choices about units."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from analysis.inclusion import excluded, excluded_session, included
from analysis.population import Population, pool
from analysis.running import in_state, running_modulation
from analysis.trials import rdm_reliability, trial_recording
from analysis.unit_choice import UnitChoices, choose_units
from analysis.units import layer_of, make_units

N_STIMULI, N_REPEATS = 30, 20


def population(noise: np.ndarray, **facts) -> Population:
    """Units with the same signal variance and the given noise."""
    generator = np.random.default_rng(0)
    signal = generator.standard_normal((N_STIMULI, 1, len(noise)))
    response = signal + noise * generator.standard_normal((N_STIMULI, N_REPEATS, len(noise)))
    units = make_units(len(noise), {"area": "VISp", "layer": "layer4", **facts})
    return Population(response, np.arange(N_STIMULI), units, np.full(len(noise), np.nan), {"sessions": "1"})


def test_the_list_names_what_is_left_out_and_why():
    assert included("area") == ("VISp", "VISl", "VISal", "VISpm", "VISam", "VISrl", "LGd", "LP")
    assert included("session_type") == ("three_session_B", "brain_observatory_1.1")
    assert set(excluded("site")) == {"VISrl_layer5"}
    assert len(included("site")) == 20
    assert "no natural scenes" in excluded_session("three_session_A")
    assert excluded_session("three_session_B") == ""


@pytest.mark.parametrize("threshold", [0.5, 0.75, 0.8])
def test_unreliable_units_are_left_out(threshold):
    noise = np.geomspace(0.3, 30, 60)
    made, said = choose_units(population(noise), UnitChoices(reliability=threshold, min_units=2))
    # halves of 10 trials: r = 1 / (1 + noise² / 10)
    expected = int((1 / (1 + noise**2 / 10) >= threshold).sum())
    assert abs(len(made.units) - expected) <= 5
    assert (made.units.reliability >= threshold).all()
    assert (
        f"60 recorded, 60 in VISp, 60 neither silent nor without trials of a stimulus, {len(made.units)} with"
        in said
    )


def test_areas_running_and_small_sites():
    area = np.array(["VISp"] * 12 + ["VISl"] * 3 + ["CA1"] * 5)
    start = population(np.ones(20), area=area, layer="")
    start.running_p[:2] = 0.001
    made, said = choose_units(start, UnitChoices(running_p=0.05))
    assert made.units.site.tolist() == ["VISp"] * 10
    assert said.endswith(
        "13 not modulated by running (p > 0.05 or untested), 10 at sites of 10 units or more (left out: VISl 3)"
    )
    made, _ = choose_units(start, UnitChoices(areas=("VISl",), min_units=3))
    assert len(made.units) == 3


def test_units_without_trials_of_a_stimulus_are_left_out():
    start = population(np.ones(12))
    start.response[3, :, 0] = np.nan  # no trial of stimulus 3
    start.response[:, :, 1] = 2  # silent
    start.response[5, 4:, 2] = np.nan  # some trials are missing
    made, _ = choose_units(start, UnitChoices())
    assert made.units.unit_id.tolist() == list(range(2, 12))


@pytest.mark.parametrize(
    ("choices", "text"),
    [
        ({"areas": ("V1",)}, "unknown area 'V1'"),
        ({"reliability": 1.5}, "the least reliability is 1.5; allowed is -1 to 1"),
        ({"running_p": 1.0}, "running modulation is 1; allowed is 0 to 1"),
        ({"min_units": 1}, "least number of units is 1; 2 or more"),
    ],
)
def test_bad_choices(choices, text):
    with pytest.raises(ValueError, match=text):
        UnitChoices(**choices)


def test_running_modulation_finds_modulated_cells_only():
    generator = np.random.default_rng(0)
    frame = np.tile(np.arange(10), 30)
    speed = np.where(generator.random(300) < 0.5, 5.0, 0.1)
    values = generator.standard_normal((300, 40))
    values[:, :20] += 2 * (speed >= 1)[:, None]
    p = running_modulation(frame, values, speed)
    assert (p[:20] < 0.05).mean() > 0.8
    assert (p[20:] < 0.05).mean() < 0.3
    assert np.isnan(running_modulation(frame, values, np.zeros(300))).all()


def test_running_split():
    frame, speed = np.array([0, 0, 1, 1]), np.array([0.0, 2, 0.5, np.nan])
    assert in_state(frame, speed, "all", 1, "a").all()
    assert in_state(frame, speed, "still", 1, "a").tolist() == [True, False, True, False]
    with pytest.raises(
        ValueError, match=r"a: 1 scenes were never shown while the mouse ran \(first: frame 1\)"
    ):
        in_state(frame, speed, "running", 1, "a")
    with pytest.raises(ValueError, match="unknown running state 'stil'"):
        in_state(frame, speed, "stil", 1, "a")


def test_sessions_with_fewer_repeats_are_padded():
    one, two = population(np.ones(3), session=1), population(np.ones(4), session=2)
    fewer = Population(two.response[:, :15], two.stimulus, two.units, two.running_p, {"sessions": "2"})
    both = pool([one, fewer])
    assert both.response.shape == (N_STIMULI, N_REPEATS, 7)
    assert np.isnan(both.response[:, 15:, 3:]).all()
    assert both.units.session.tolist() == [1, 1, 1, 2, 2, 2, 2]
    assert both.notes["sessions"] == "1; 2"
    other = Population(two.response[1:], two.stimulus[1:], two.units, two.running_p, {"sessions": "2"})
    with pytest.raises(ValueError, match=r"sessions 1 and 2 hold different stimuli \(30 and 29\)"):
        pool([one, other])


def test_layers_and_sites():
    depths = (175, 250, 275, 350, 375, 550, np.nan)
    assert [layer_of(d) for d in depths] == ["layer23", "layer4", "layer4", "layer4", "layer5", "layer6", ""]
    units = make_units(2, {"area": "VISp", "layer": np.array(["layer4", ""])})
    assert units.site.tolist() == ["VISp_layer4", "VISp"]
    with pytest.raises(ValueError, match="area is given for 1 units, but there are 2"):
        dataclasses.replace(units, area=units.area[:1])


def test_loud_cells_dominate_unless_z_scored():
    start = population(np.ones(40))
    loud = start.response * np.where(np.arange(40) < 2, 50, 1)
    plain, quiet = (trial_recording(r, start.stimulus, "VISp", {}) for r in (loud, start.response))
    scored = [trial_recording(r, start.stimulus, "VISp", {}, z_score=True) for r in (loud, start.response)]
    np.testing.assert_allclose(scored[0].dissimilarity, scored[1].dissimilarity, atol=1e-9)
    assert np.abs(plain.dissimilarity - quiet.dissimilarity).max() > 0.5
    assert scored[0].attributes["z_score"] == "true"
    assert rdm_reliability(loud, z_score=True) == pytest.approx(rdm_reliability(start.response, z_score=True))
