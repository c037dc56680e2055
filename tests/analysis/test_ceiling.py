"""Ceilings: by hand, rsatoolbox as oracle, a toy with known truth."""

import numpy as np
import pytest

from analysis.ceiling import N_UNIT_HALVES, ceiling, ceiling_used, trial_ceiling, unit_halves
from analysis.compare import CENTRINGS, METRICS, compare
from analysis.rdm import dissimilarity, pair_values
from analysis.trials import trial_recording
from tests.analysis.test_compare import THEIRS, rdms
from tests.analysis.test_recordings import recording


def test_ceilings_by_hand():
    made = recording()
    a, b, c = made.dissimilarity
    lower, upper = ceiling(made, "sites", "pearson")
    off = ~np.eye(6, dtype=bool)
    b_, c_ = ((m - m[off].mean()) / m[off].std() * off for m in (b, c))
    assert lower[0] == pytest.approx(compare(a, b_ + c_, "pearson"))
    assert (upper > lower).all()
    lower, upper = ceiling(made, "pairs", "spearman")
    assert lower[0] == pytest.approx((compare(a, b) + compare(a, c)) / 2)
    assert upper[0] == pytest.approx(max(compare(a, b), compare(a, c)))
    lower, upper = ceiling(made, "area", "pearson")
    assert lower[:2] == pytest.approx([compare(a, b, "pearson")] * 2)
    assert np.isnan(lower[2])
    assert np.isnan(upper[2])
    lower, upper = ceiling(made, "trials", "spearman")
    assert upper[:2] == pytest.approx(np.sqrt([0.9, 0.8]))
    assert lower[0] == pytest.approx(0.9 / 1.1)
    with pytest.raises(ValueError, match="unknown ceiling 'site': did you mean 'sites'"):
        ceiling(made, "site", "spearman")
    assert ceiling_used(recording(1), "sites") == "trials"


@pytest.mark.filterwarnings("ignore:Noise ceiling for tau based on averaged ranks")
@pytest.mark.parametrize(
    "metric", sorted(set(THEIRS) - set(CENTRINGS))
)  # there our mean RDM is another one: docs/methods.md
def test_rsatoolbox_agrees_on_the_bounds_between_sites(metric):
    rsatoolbox = pytest.importorskip("rsatoolbox")
    matrices = rdms(4, 9, 0, False) + rdms(1, 9, 1, False) * np.arange(1, 5)[:, None, None]
    made = recording(
        4,
        9,
        site=np.array(list("abcd")),
        dissimilarity=matrices,
        ceiling=np.full(4, 0.9),
        n_cells=np.full(4, 9),
    )
    theirs = rsatoolbox.inference.boot_noise_ceiling(
        rsatoolbox.rdm.RDMs(pair_values(matrices)), method=THEIRS[metric]
    )
    assert [bound.mean() for bound in ceiling(made, "sites", metric)] == pytest.approx(theirs)


@pytest.mark.parametrize("metric", METRICS)
def test_the_mean_of_all_sites_scores_higher_than_that_of_the_others(metric):
    lower, upper = ceiling(recording(), "sites", metric)
    assert (upper > lower).all()
    scaled = recording(dissimilarity=recording().dissimilarity * np.array([1, 10, 100])[:, None, None])
    np.testing.assert_allclose(ceiling(scaled, "sites", metric), (lower, upper))


@pytest.mark.parametrize(("n_units", "noise"), [(30, 1), (100, 3), (50, 4)])
def test_a_model_without_noise_meets_the_trial_ceiling(n_units, noise):
    """Toy with known truth: 5 hidden dimensions, 20 noisy trials. The reliability itself is lower than that score."""
    generator = np.random.default_rng(0)
    truth = generator.standard_normal((60, 5)) @ generator.standard_normal((5, n_units)) / 2
    trials = truth[:, None] + noise * generator.standard_normal((60, 20, n_units))
    made = trial_recording(trials, np.arange(60), "VISp_layer4", {})
    lower, upper = ceiling(made, "trials", "pearson")
    score = compare(dissimilarity(truth), made.dissimilarity[0], "pearson")
    assert score == pytest.approx(upper[0], abs=0.015)
    assert lower[0] < made.ceiling[0] < score
    assert trial_ceiling(recording(ceiling=np.full(3, -0.1)), "pearson")[1].tolist() == [0, 0, 0]


def cells(n_units=40, noise=1.0, n=30) -> np.ndarray:
    """Single trials of units that see five hidden dimensions."""
    generator = np.random.default_rng(0)
    truth = generator.standard_normal((n, 5)) @ generator.standard_normal((5, n_units))
    return truth[:, None] + noise * generator.standard_normal((n, 10, n_units))


@pytest.mark.parametrize("metric", ["spearman", "pearson", "debiased-cka"])
def test_halves_of_the_neurons_bound_what_more_neurons_would_reach(metric):
    made = trial_recording(cells(), np.arange(30), "VISp_layer4", {})
    (lower,), (upper,) = ceiling(made, "neurons", metric)
    assert 0.3 < lower < upper < 1
    first = unit_halves(made, "VISp_layer4", metric)
    assert first.shape == (N_UNIT_HALVES, 2)
    assert lower == pytest.approx(first[:, 0].mean())
    many = trial_recording(cells(400), np.arange(30), "VISp_layer4", {})
    assert ceiling(many, "neurons", metric)[0][0] > lower


def test_spearman_brown_is_applied_to_pearson_alone(monkeypatch):
    made = trial_recording(cells(), np.arange(30), "VISp_layer4", {})
    asked = []
    monkeypatch.setattr("analysis.ceiling.spearman_brown", lambda r: asked.append(r) or r)
    for metric in METRICS:
        if metric != "kendall-tau-a":
            ceiling(made, "neurons", metric)
        assert bool(asked) == (metric == "pearson")
        asked.clear()
    several = recording()
    for name in ("sites", "area", "pairs", "trials"):
        ceiling(several, name, "pearson")
    assert not asked


def test_a_model_of_more_neurons_meets_the_neurons_ceiling():
    """Toy with known truth: 2000 units, of which 40 are recorded; Pearson and squared Euclidean distances."""
    everything = cells(2000, noise=0.001, n=60)
    made = trial_recording(everything[:, :, :40], np.arange(60), "VISp_layer4", {})
    whole = compare(dissimilarity(everything.mean(axis=1)), made.dissimilarity[0], "pearson")
    assert whole == pytest.approx(ceiling(made, "neurons", "pearson")[1][0], abs=0.02)


def test_neurons_ceiling_needs_trials_and_units():
    with pytest.raises(ValueError, match="the recording holds no single trials of VISp_layer4"):
        ceiling(recording(), "neurons", "spearman")
    few = trial_recording(cells(3), np.arange(30), "VISp_layer4", {})
    assert np.isnan(ceiling(few, "neurons", "spearman")).all()
