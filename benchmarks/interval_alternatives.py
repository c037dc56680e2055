"""Errors and quantiles that were tried in the place of `analysis.intervals.corrected`, for benchmarks/calibration.py.

The corrected interval finds too few differences between two models that are both at chance. There v_single is zero in
truth, and its estimate is cut off at zero. None of these is better everywhere (docs/results/analysis.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from scipy import stats

from analysis.intervals import TAIL, Columns, Resamples, image_variance, mean_variance, with_means

QUANTILES = (np.arange(48) + 0.5) / 48
STEPS = 30  # halvings of the range in which a critical value lies

Kind = Callable[[Resamples, Mapping[str, np.ndarray], np.random.Generator], Columns]


def parts(resampled: Resamples) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the jackknife's variance, v_pairs (not cut off), and how often the jackknife counts v_pairs."""
    n = len(resampled.left_out)
    twice = 2 * (n - 1) / (n - 2)
    jackknife = (n - 1) * resampled.left_out.var(axis=0)
    once, thrice = resampled.shares
    of_pairs = (resampled.samples.var(axis=0, ddof=1) - once * jackknife) / (thrice - once * twice)
    return jackknife, of_pairs, twice


def uncut(satterthwaite: bool) -> Kind:
    """Return intervals whose v_single may be below zero; the sum is kept where 1 degree of freedom is left.

    With `satterthwaite`, the degrees of freedom are those of a difference of which only the jackknife is uncertain.
    """

    def made(
        resampled: Resamples, groups: Mapping[str, np.ndarray], generator: np.random.Generator
    ) -> Columns:
        jackknife, of_pairs, twice = parts(of_columns(resampled, groups))
        n = len(resampled.left_out)
        variance = np.maximum(jackknife - (twice - 1) * of_pairs, jackknife / np.sqrt(n - 1))
        degrees = (n - 1) * (variance / jackknife) ** 2 if satterthwaite else np.full(variance.shape, n - 1.0)
        return interval(resampled, groups, variance, stats.t.ppf(TAIL, degrees))

    return made


def critical(
    resampled: Resamples, groups: Mapping[str, np.ndarray], generator: np.random.Generator
) -> Columns:
    """Return intervals with the quantile of score / error for an error that is cut off, instead of Student's.

    The jackknife's variance is taken to follow a chi-squared distribution of n - 1 degrees of freedom, independent of the
    score; where nothing is cut off that is Student's t. Cf. Beran 1987 (prepivoting).
    """
    whole = of_columns(resampled, groups)
    _, of_pairs, twice = parts(whole)
    variance = image_variance(whole.samples, whole.left_out, whole.shares)
    of_pairs = np.clip(of_pairs, 0, variance)
    expected = variance + (twice - 1) * of_pairs
    n = len(whole.left_out)
    drawn = expected[..., None] * stats.chi2.ppf(QUANTILES, n - 1) / (n - 1)
    cut = np.maximum(drawn - (twice - 1) * of_pairs[..., None], drawn / twice) / variance[..., None]
    low, high = np.full(variance.shape, 1.0), np.full(variance.shape, 6.0)
    for _ in range(STEPS):
        middle = (low + high) / 2
        wide = stats.norm.sf(middle[..., None] * np.sqrt(cut)).mean(axis=-1) > 1 - TAIL
        low, high = np.where(wide, middle, low), np.where(wide, high, middle)
    return interval(resampled, groups, variance, (low + high) / 2)


def of_columns(resampled: Resamples, groups: Mapping[str, np.ndarray]) -> Resamples:
    """Return resamples in which means over sites stand as sites."""
    parts = (resampled.score, resampled.samples, resampled.left_out)
    return Resamples(*(with_means(values, groups) for values in parts), resampled.shares)


def interval(
    resampled: Resamples, groups: Mapping[str, np.ndarray], variance: np.ndarray, quantile: np.ndarray
) -> Columns:
    """Return value ± quantile · error; what sites add to the variance of a mean is added as the product does.

    p is 0 outside the interval and 1 within.
    """
    value = with_means(resampled.score, groups)
    images = image_variance(resampled.samples, resampled.left_out, resampled.shares)
    for k, chosen in enumerate(groups.values(), start=images.shape[1]):
        both, _ = mean_variance(resampled, chosen)
        mean = image_variance(
            resampled.samples[:, :, chosen].mean(axis=2),
            resampled.left_out[:, :, chosen].mean(axis=2),
            resampled.shares,
        )
        variance[:, k] *= both / mean
    reach = quantile * np.sqrt(variance)
    return Columns(value, value - reach, value + reach, (np.abs(value) <= reach).astype(float))


ALTERNATIVES: dict[str, Kind] = {
    "uncut": uncut(satterthwaite=False),
    "uncut, Satterthwaite": uncut(satterthwaite=True),
    "critical": critical,
}
