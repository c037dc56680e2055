"""Intervals of scores: theorems about their errors, rsatoolbox as oracle, coverage on toys."""

import numpy as np
import pytest
from scipy import stats

from analysis.compare import METRICS, compare_many
from analysis.intervals import (
    INTERVALS,
    Resamples,
    confidence_interval,
    corrected,
    difference_variance,
    image_variance,
    mean_variance,
    resample,
    two_factor_error,
)
from analysis.rdm import dissimilarity, pair_values
from analysis.resampling import bootstrap_scores, shares
from tests.analysis.test_compare import rdms


def pair_means(kernel: np.ndarray, index: np.ndarray) -> float:
    """Mean of a symmetric kernel over pairs of different images."""
    part = kernel[np.ix_(index, index)]
    return float(part[index[:, None] != index[None]].mean())


@pytest.mark.parametrize("metric", ["spearman", "linear-cka"])  # bootstrap, halves
@pytest.mark.parametrize("single", [0.0, 0.1, 1.0])
def test_the_variance_over_images_is_that_of_new_images(single, metric):
    """A mean over pairs of a_i + a_j + noise_ij, whose variance is known: 4 single² / n + 2 / (n (n - 1))."""
    generator, n = np.random.default_rng(0), 30
    truth = 4 * single**2 / n + 2 / (n * (n - 1))
    found, plain = [], []
    for _ in range(30):
        a, noise = single * generator.standard_normal(n), np.triu(generator.standard_normal((n, n)), 1)
        kernel = a[:, None] + a[None] + noise + noise.T
        halves = metric == "linear-cka"
        draw = [
            generator.permutation(n)[: n // 2] if halves else generator.integers(0, n, n) for _ in range(150)
        ]
        drawn = [pair_means(kernel, index) for index in draw]
        left_out = [pair_means(kernel, np.delete(np.arange(n), k)) for k in range(n)]
        found.append(image_variance(np.array(drawn), np.array(left_out), shares(metric, n)))
        plain.append(np.var(drawn))
    assert np.mean(found) == pytest.approx(truth, rel=0.3)  # parts below zero are cut off: a little too large
    if single == 0:
        assert np.mean(plain) == pytest.approx(3 * truth, rel=0.15)


@pytest.mark.parametrize("n", [12, 30, 118, 300])
@pytest.mark.parametrize("single", [0.0, 0.3, 1.0, 5.0, 100.0])
def test_a_t_test_of_differences_errs_five_times_in_a_hundred(n, single):
    """A normal difference of variance single + 1 beside a jackknife that follows chi-squared: the integral over it."""
    count = 2 * (n - 1) / (n - 2)
    middles = (np.arange(4000) + 0.5) / 4000
    jackknife = (single + count) * stats.chi2.ppf(middles, n - 1) / (n - 1)
    error = np.sqrt(difference_variance(jackknife, np.ones_like(jackknife), n))
    errs = 2 * stats.norm.sf(stats.t.ppf(0.975, n - 1) * error / np.sqrt(single + 1)).mean()
    assert 0.047 < errs < 0.051


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    """Toy: two noisy looks at images drawn from a population; the truth is the score over 400 images.

    The whole calibration is benchmarks/calibration.py.
    """
    generator = np.random.default_rng(0)

    def look(n):
        x = generator.standard_normal((n, 10))
        return [dissimilarity(x + generator.standard_normal(x.shape), "euclidean")[None] for _ in range(2)]

    truth = compare_many(*look(400))[0, 0]
    hits = 0
    for _ in range(60):
        columns = corrected(resample(*look(40), "spearman", 100, generator), {}, generator)
        hits += bool(columns.low[0, 0] <= truth <= columns.high[0, 0])
    assert 0.85 <= hits / 60 <= 1


def test_errors_of_scores_at_chance_are_smaller_than_those_of_a_bootstrap():
    generator = np.random.default_rng(0)
    resampled = resample(rdms(1, 40, 0, False), rdms(4, 40, 1, False), "spearman", 400, generator)
    columns = {name: interval(resampled, {}, generator) for name, interval in INTERVALS.items()}
    width = {name: (c.high - c.low).mean() for name, c in columns.items()}
    assert 1.4 < width["percentile"] / width["corrected"] < np.sqrt(3.2)


@pytest.mark.parametrize("n", [2, 6])
def test_a_mean_over_sites_adds_the_spread_of_the_sites(n):
    """Scores that images hardly move: the error is that of a mean of sites, with sites - 1 degrees of freedom."""
    generator = np.random.default_rng(0)
    score = np.tile(np.arange(float(n)), (2, 1))
    samples, left_out = (score + 1e-4 * generator.standard_normal((k, 2, n)) for k in (400, 50))
    variance, degrees = mean_variance(Resamples(score, samples, left_out, (1, 3)), np.arange(n))
    assert np.sqrt(variance) == pytest.approx(np.std(np.arange(n), ddof=1) / np.sqrt(n), rel=0.01)
    assert degrees == pytest.approx(n - 1, rel=0.01)
    alone = mean_variance(Resamples(score, samples, left_out, (1, 3)), np.array([1]))
    assert alone[1].tolist() == [49, 49]


def test_four_images_say_nothing():
    """An interval is given, and is as wide as the scale."""
    generator = np.random.default_rng(0)
    columns = corrected(
        resample(rdms(3, 4, 0, False), rdms(5, 4, 1, False), "spearman", 50, generator), {}, generator
    )
    assert np.median(columns.high - columns.low) > 2
    assert (columns.p > 0.05).mean() > 0.8


@pytest.mark.parametrize("metric", METRICS)
def test_every_measure_has_an_interval_around_its_score(metric):
    a, b = rdms(2, 12, 0, False), rdms(2, 12, 1, False) + rdms(1, 12, 0, False)
    generator = np.random.default_rng(0)
    columns = corrected(resample(a, b, metric, 20, generator), {"all": np.arange(2)}, generator)
    assert columns.value.shape == (2, 3)
    assert (columns.low < columns.value).all()
    assert (columns.value < columns.high).all()
    assert ((columns.p > 0) & (columns.p <= 1)).all()


def test_sites_that_differ_widen_the_interval_of_their_mean():
    generator = np.random.default_rng(0)
    samples = generator.standard_normal((400, 2, 6)) * 0.01 + np.arange(6)
    scores = np.tile(np.arange(6.0), (2, 1))
    error = two_factor_error(scores, samples, np.arange(6), 50, np.random.default_rng(1))
    # resampled sites, corrected for their number: standard deviation of the sites / sqrt(6)
    assert error == pytest.approx(np.arange(6).std(ddof=1) / np.sqrt(6), rel=0.1)
    resampled = Resamples(scores, samples, np.zeros((50, 2, 6)), (1, 3))
    columns = INTERVALS["percentile"](resampled, {"one": np.array([2])}, generator)
    assert columns.value[:, -1] == pytest.approx([2, 2])
    assert (columns.high - columns.low)[:, -1] / 2 == pytest.approx(2.01 * 0.01, rel=0.15)


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
    ours = two_factor_error(compare_many(model, data), samples, np.arange(4), 20, generator)
    assert ours == pytest.approx(theirs.get_sem(), rel=0.25)


def test_no_samples_no_interval():
    low, high = confidence_interval(np.zeros((0, 2, 3)))
    assert np.isnan(low).all()
    assert np.isnan(high).all()
