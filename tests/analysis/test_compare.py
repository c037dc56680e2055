"""Measures of likeness: theorems and rsatoolbox as oracle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.compare import METRICS, compare, compare_many
from analysis.rdm import dissimilarity, pair_values

THEIRS = {
    "spearman": "spearman",
    "rho-a": "rho-a",
    "pearson": "corr",
    "cosine": "cosine",
    "kendall-tau-a": "tau-a",
    "whitened-cosine": "cosine_cov",
    "linear-cka": "cosine_cov",
    "whitened-correlation": "corr_cov",
}


def rdms(n: int, n_images: int, seed: int, ties: bool) -> np.ndarray:
    generator = np.random.default_rng(seed)
    upper = generator.random((n, n_images, n_images))
    if ties:
        upper = np.round(upper * 4) / 4
    upper = np.triu(upper, 1)
    return upper + upper.transpose(0, 2, 1)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("metric", THEIRS)
def test_rsatoolbox_agrees(metric, ties):
    rsatoolbox = pytest.importorskip("rsatoolbox")
    a, b = rdms(3, 15, 0, ties), rdms(2, 15, 1, ties)
    theirs = rsatoolbox.rdm.compare(
        *(rsatoolbox.rdm.RDMs(pair_values(x)) for x in (a, b)), method=THEIRS[metric]
    )
    np.testing.assert_allclose(compare_many(a, b, metric), theirs, atol=1e-12)


@pytest.mark.parametrize("metric", [m for m in METRICS if m != "whitened-cosine"])  # it is linear-cka
@given(seed=st.integers(0, 50), n=st.integers(5, 9))
@settings(max_examples=20, deadline=None)
def test_alike_symmetric_and_bounded(metric, seed, n):
    a, b = rdms(1, n, seed, False)[0], rdms(1, n, seed + 100, False)[0]
    assert compare(a, a, metric) == pytest.approx(1)
    assert compare(a, b, metric) == pytest.approx(compare(b, a, metric), abs=1e-12)
    assert -1 - 1e-12 <= compare(a, b, metric) <= 1 + 1e-12
    order = np.random.default_rng(seed).permutation(n)
    both = compare(a[np.ix_(order, order)], b[np.ix_(order, order)], metric)
    assert both == pytest.approx(compare(a, b, metric), abs=1e-12)


@pytest.mark.parametrize("metric", ["spearman", "rho-a", "kendall-tau-a"])
@given(seed=st.integers(0, 50))
@settings(max_examples=20, deadline=None)
def test_rank_measures_ignore_monotone_maps(metric, seed):
    a, b = rdms(1, 8, seed, True)[0], rdms(1, 8, seed + 100, True)[0]
    off = ~np.eye(8, dtype=bool)
    mapped = np.where(off, np.exp(3 * a) + 2, 0)
    assert compare(mapped, b, metric) == pytest.approx(compare(a, b, metric), abs=1e-12)
    assert compare(np.where(off, -a, 0), b, metric) == pytest.approx(-compare(a, b, metric), abs=1e-12)


def test_linear_cka_is_that_of_the_patterns():
    generator = np.random.default_rng(0)
    x, y = generator.standard_normal((12, 5)), generator.standard_normal((12, 7))
    x, y = x - x.mean(0), y - y.mean(0)
    expected = np.linalg.norm(x.T @ y) ** 2 / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y))
    rotated = dissimilarity(3 * x @ np.linalg.qr(generator.standard_normal((5, 5)))[0], "euclidean")
    assert compare(
        dissimilarity(x, "euclidean"), dissimilarity(y, "euclidean"), "linear-cka"
    ) == pytest.approx(expected)
    assert compare(rotated, dissimilarity(y, "euclidean"), "linear-cka") == pytest.approx(expected)


def unbiased_hsic(k: np.ndarray, m: np.ndarray) -> float:
    """Song et al. 2012, equation 5, on Gram matrices."""
    n, one = len(k), np.ones(len(k))
    k, m = (g - np.diag(np.diag(g)) for g in (k, m))
    cross = one @ k @ one * (one @ m @ one) / ((n - 1) * (n - 2)) - 2 / (n - 2) * (one @ k @ m @ one)
    return float((np.trace(k @ m) + cross) / (n * (n - 3)))


def test_debiased_cka_is_the_ratio_of_unbiased_hsic():
    generator = np.random.default_rng(0)
    x, y = generator.standard_normal((12, 5)), generator.standard_normal((12, 7))
    y[:, :3] += x[:, :3]
    k, m = x @ x.T, y @ y.T
    expected = unbiased_hsic(k, m) / np.sqrt(unbiased_hsic(k, k) * unbiased_hsic(m, m))
    found = compare(dissimilarity(x, "euclidean"), dissimilarity(y, "euclidean"), "debiased-cka")
    assert found == pytest.approx(expected, abs=1e-12)


def test_debiased_cka_of_unrelated_patterns_is_zero_on_average_and_linear_cka_is_not():
    generator = np.random.default_rng(0)
    a, b = (
        np.stack([dissimilarity(generator.standard_normal((15, 40)), "euclidean") for _ in range(200)])
        for _ in "ab"
    )
    debiased, biased = (
        np.array([compare(x, y, m) for x, y in zip(a, b, strict=True)])
        for m in ("debiased-cka", "linear-cka")
    )
    assert abs(debiased.mean()) < 4 * debiased.std() / np.sqrt(200)
    assert biased.mean() > 0.5


def test_undefined_images_are_left_out_of_both():
    a, b = rdms(2, 8, 0, False)
    holes = a.copy()
    holes[2], holes[:, 2] = np.nan, np.nan
    keep = np.delete(np.arange(8), 2)
    assert compare(holes, b) == compare(a[np.ix_(keep, keep)], b[np.ix_(keep, keep)])


def test_a_constant_rdm_has_no_rank_correlation():
    constant = np.ones((1, 6, 6)) - np.eye(6)
    for metric in ("spearman", "pearson", "kendall-tau-a", "debiased-cka", "whitened-correlation"):
        assert np.isnan(compare_many(constant, rdms(1, 6, 0, False), metric)).all()
    assert compare_many(constant, rdms(1, 6, 0, False), "rho-a")[0, 0] == 0


def test_bad_input():
    a = rdms(1, 6, 0, False)[0]
    with pytest.raises(ValueError, match="unknown metric 'spearmann': did you mean 'spearman'"):
        compare(a, a, "spearmann")
    with pytest.raises(ValueError, match=r"shapes \(6, 6\) and \(5, 5\)"):
        compare(a, a[:5, :5])
    with pytest.raises(ValueError, match="3 images in common; at least 4"):
        compare(a[:3, :3], a[:3, :3])
