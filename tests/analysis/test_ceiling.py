"""Ceilings: by hand, rsatoolbox as oracle, a toy with known truth."""

import numpy as np
import pytest

from analysis.ceiling import ceiling, ceiling_used, trial_ceiling
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
