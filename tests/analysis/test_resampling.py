"""Resamples of the images: the literal way and rsatoolbox as oracles."""

import numpy as np
import pytest
from scipy import stats

from analysis.compare import METRICS, compare_many
from analysis.rdm import dissimilarity, pair_values
from analysis.resampling import bootstrap_scores, jackknife_scores
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


@pytest.mark.parametrize("metric", METRICS)
def test_the_jackknife_leaves_each_image_out(metric):
    a, b = rdms(2, 7, 0, True), rdms(3, 7, 1, True)
    for image, scores in enumerate(jackknife_scores(a, b, metric)):
        keep = np.delete(np.arange(7), image)
        expected = compare_many(a[:, keep][:, :, keep], b[:, keep][:, :, keep], metric)
        np.testing.assert_allclose(scores, expected, atol=1e-12)


def test_measures_of_matrices_are_scored_on_halves_without_repeats():
    a, b = rdms(1, 8, 0, False), rdms(1, 8, 1, False)
    samples = bootstrap_scores(a, b, "linear-cka", 5, np.random.default_rng(3))
    generator = np.random.default_rng(3)
    for sample in samples:
        half = generator.permutation(8)[:4]
        assert sample == compare_many(a[:, half][:, :, half], b[:, half][:, :, half], "linear-cka")


def test_a_sample_of_one_image_has_no_score():
    a, b = rdms(1, 4, 0, False), rdms(2, 4, 1, True)
    samples = bootstrap_scores(a, b, "spearman", 2000, np.random.default_rng(0))
    drawn = np.random.default_rng(0).integers(0, 4, size=(2000, 4))
    alone = (drawn == drawn[:, :1]).all(axis=1)
    assert alone.any()
    assert np.isnan(samples[alone]).all()


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
