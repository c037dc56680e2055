"""Bootstrap, permutation test, false discovery rate, choice of the best layer."""

import numpy as np
import pytest
from scipy import stats

from analysis.compare import METRICS, compare_many
from analysis.inference import (
    bootstrap_scores,
    confidence_interval,
    false_discovery_rate,
    mean_error,
    mean_interval,
    p_values,
    permutation_scores,
)
from analysis.rdm import dissimilarity, pair_values
from analysis.selection import best_layer_scores
from tests.analysis.test_compare import rdms


def rho_a(u: np.ndarray, v: np.ndarray) -> float:
    n, (x, y) = len(u), (stats.rankdata(w) - (len(u) + 1) / 2 for w in (u, v))
    return float(12 * (x @ y) / (n**3 - n))


def tau_a(u: np.ndarray, v: np.ndarray) -> float:
    """Every pair of pairs, one by one."""
    signs = (np.sign(u[:, None] - u[None]) * np.sign(v[:, None] - v[None])).sum()
    return float(signs / (len(u) * (len(u) - 1)))


LITERAL = {
    "spearman": lambda u, v: stats.spearmanr(u, v).statistic,
    "rho-a": rho_a,
    "kendall-tau-a": tau_a,
    "pearson": lambda u, v: np.corrcoef(u, v)[0, 1],
    "cosine": lambda u, v: u @ v / np.linalg.norm(u) / np.linalg.norm(v),
}


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("metric", LITERAL)
def test_weights_give_what_repeating_images_gives(metric, ties):
    a, b, n = rdms(2, 9, 0, ties), rdms(3, 9, 1, ties), 12
    samples = bootstrap_scores(a, b, metric, n, np.random.default_rng(3))
    drawn = np.random.default_rng(3).integers(0, 9, size=(n, 9))
    for sample, index in zip(samples, drawn, strict=True):
        keep = pair_values(index[:, None] != index[None])
        x, y = (pair_values(m[:, index][:, :, index])[:, keep] for m in (a, b))
        expected = [[LITERAL[metric](u, v) for v in y] for u in x]
        np.testing.assert_allclose(sample, expected, atol=1e-10)


def test_rsatoolbox_agrees_on_the_spread():
    rsatoolbox = pytest.importorskip("rsatoolbox")
    generator = np.random.default_rng(0)
    x = generator.standard_normal((25, 40))
    data = np.stack([dissimilarity(x + 0.7 * generator.standard_normal(x.shape)) for _ in range(2)])
    model = dissimilarity(x + 1.5 * generator.standard_normal(x.shape))
    np.random.seed(1)  # noqa: NPY002  rsatoolbox draws from the global generator
    theirs = rsatoolbox.inference.eval_bootstrap_pattern(
        [rsatoolbox.model.ModelFixed("m", pair_values(model))],
        rsatoolbox.rdm.RDMs(pair_values(data)),
        method="spearman",
        N=150,
    )
    ours = bootstrap_scores(model[None], data, "spearman", 1000, generator).mean(axis=2)
    samples = theirs.evaluations[:, 0]
    assert ours.std() == pytest.approx(np.nanstd(samples), rel=0.25)
    assert ours.mean() == pytest.approx(np.nanmean(samples), abs=0.25 * ours.std())


@pytest.mark.parametrize("metric", METRICS)
def test_the_seed_decides(metric):
    a, b = rdms(1, 7, 0, False), rdms(2, 7, 1, False)
    for function in (bootstrap_scores, permutation_scores):
        first, again, other = (function(a, b, metric, 5, np.random.default_rng(s)) for s in (0, 0, 1))
        assert first.shape == (5, 1, 2)
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first, other)


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    """Toy: two noisy looks at images drawn from a population; the truth is the score over 400 images."""
    generator = np.random.default_rng(0)

    def look(n):
        x = generator.standard_normal((n, 10))
        return [dissimilarity(x + generator.standard_normal(x.shape), "euclidean")[None] for _ in range(2)]

    truth = compare_many(*look(400))[0, 0]
    hits = 0
    for _ in range(60):
        a, b = look(40)
        low, high = confidence_interval(bootstrap_scores(a, b, "spearman", 200, generator))
        hits += bool(low[0, 0] <= truth <= high[0, 0])
    assert 0.85 <= hits / 60 <= 1


def test_chance_is_not_significant_and_likeness_is():
    a = rdms(20, 12, 0, False)
    data = rdms(1, 12, 99, False)
    scores = compare_many(a, data)
    p = p_values(scores, permutation_scores(a, data, "spearman", 200, np.random.default_rng(0)))
    assert p.min() > 1 / 201
    assert 0.2 < p.mean() < 0.8
    same = permutation_scores(data, data, "spearman", 200, np.random.default_rng(0))
    assert p_values(np.ones((1, 1)), same) == pytest.approx(1 / 201)
    assert np.isnan(p_values(np.full((1, 1), np.nan), same)).all()


@pytest.mark.parametrize("metric", ["spearman", "kendall-tau-a"])
def test_permutation_shuffles_images_not_pairs(metric):
    a, b = rdms(2, 6, 0, False), rdms(2, 6, 1, False)
    null = permutation_scores(a, b, metric, 3, np.random.default_rng(5))
    generator = np.random.default_rng(5)
    for scores in null:
        order = generator.permutation(6)
        np.testing.assert_allclose(scores, compare_many(a, b[:, order][:, :, order], metric), atol=1e-12)


def test_false_discovery_rate_by_hand():
    """Benjamini and Hochberg with n = 5: p · 5 / rank is .005, .05, .05, .051..., .9; then minima from above."""
    p = np.array([0.9, 0.001, 0.02, np.nan, 0.03, 0.041])
    q = false_discovery_rate(p)
    assert q == pytest.approx([0.9, 0.005, 0.05, np.nan, 0.05, 0.05125], nan_ok=True)
    assert false_discovery_rate(np.array([0.04, 0.03])) == pytest.approx([0.04, 0.04])
    with pytest.raises(ValueError, match=r"p-values run from 0.1 to 1.2; allowed is 0 to 1"):
        false_discovery_rate(np.array([0.1, 1.2]))


def test_sites_that_differ_widen_the_interval_of_their_mean():
    generator = np.random.default_rng(0)
    samples = generator.standard_normal((400, 2, 6)) * 0.01 + np.arange(6)
    scores = np.tile(np.arange(6.0), (2, 1))
    error = mean_error(scores, samples, np.arange(6), 50, np.random.default_rng(1))
    # resampled sites, corrected for their number: standard deviation of the sites / sqrt(6)
    assert error == pytest.approx(np.arange(6).std(ddof=1) / np.sqrt(6), rel=0.1)
    low, high = mean_interval(scores, samples, np.array([2]), 50, np.random.default_rng(1))
    assert (low + high) / 2 == pytest.approx([2, 2])
    assert (high - low) / 2 == pytest.approx(2.01 * 0.01, rel=0.15)


def test_rsatoolbox_agrees_on_the_error_of_the_mean():
    rsatoolbox = pytest.importorskip("rsatoolbox")
    generator = np.random.default_rng(0)
    x = generator.standard_normal((20, 30))
    data = np.stack([dissimilarity(x + s * generator.standard_normal(x.shape)) for s in (0.3, 0.6, 1, 1.5)])
    model = dissimilarity(x + generator.standard_normal(x.shape))[None]
    np.random.seed(1)  # noqa: NPY002  rsatoolbox draws from the global generator
    theirs = rsatoolbox.inference.eval_dual_bootstrap(
        [rsatoolbox.model.ModelFixed("m", pair_values(model)[0])],
        rsatoolbox.rdm.RDMs(pair_values(data)),
        method="spearman",
        N=100,
        k_pattern=1,
        k_rdm=1,
    )
    samples = bootstrap_scores(model, data, "spearman", 1000, generator)
    ours = mean_error(compare_many(model, data), samples, np.arange(4), 20, generator)
    assert ours == pytest.approx(theirs.get_sem(), rel=0.25)


def test_no_samples_no_interval():
    low, high = confidence_interval(np.zeros((0, 2, 3)))
    assert np.isnan(low).all()
    assert np.isnan(high).all()


def test_best_layer_is_not_optimistic():
    """Eight random layers: their maximum is above zero, the held-out best layer is not."""
    data = rdms(6, 20, 0, False)
    layers = rdms(8, 20, 1, False)
    held_out = best_layer_scores(layers, data, "spearman", np.random.default_rng(0))
    assert compare_many(layers, data).max(axis=0).mean() > 0.08
    assert abs(held_out.mean()) < 0.04
    winner = np.concatenate([layers, data[:1]])
    assert best_layer_scores(winner, data, "spearman", np.random.default_rng(0))[0] == pytest.approx(1)
    assert np.isnan(
        best_layer_scores(layers[:, :7, :7], data[:, :7, :7], "spearman", np.random.default_rng(0))
    ).all()
