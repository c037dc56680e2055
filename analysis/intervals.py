"""How sure scores, and differences of scores, are: errors and intervals of sites and of means over sites.

A score is a function of all pairs of n images. To first order it varies with the images one by one (variance
v_single) and, beside that, with their pairs (v_pairs): v = v_single + v_pairs (Hoeffding 1948). Resampling counts the
second part too often: the jackknife about twice (Efron & Stein 1981), a bootstrap without the pairs of an image with
itself, or halves of the images, about three times (`resampling.shares`). Noise of measurement is mostly in v_pairs, so
for scores near zero plain bootstrap errors are up to √3 times too large. Jackknife and bootstrap together tell the two
parts apart (`image_variance`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
from scipy import stats

from analysis.compare import compare_many
from analysis.resampling import bootstrap_scores, jackknife_scores, shares
from study.commands import unknown

CI_PERCENT = (2.5, 97.5)
MIN_APART = 10  # images from which jackknife and bootstrap tell single images and pairs apart
TAIL = CI_PERCENT[1] / 100
SECOND_ORDER = 6.6  # see `difference_variance`


@dataclasses.dataclass(frozen=True)
class Resamples:
    """Scores, or differences of scores, of all images and of resamples of them.

    Parameters
    ----------
    score : array, (model, site)
    samples : array, (sample, model, site)
        From bootstrap samples of the images.
    left_out : array, (image, model, site)
        Without each image in turn.
    shares : (float, float)
        How often `samples` counts v_single and v_pairs.
    differences : bool
        Whether these are differences of scores, which vary alike to both sides; scores near zero do not.
    """

    score: np.ndarray
    samples: np.ndarray
    left_out: np.ndarray
    shares: tuple[float, float]
    differences: bool = False

    def difference(self, first: list[int], second: list[int]) -> Resamples:
        """Return differences between rows of models: what both share in a sample cancels."""
        return Resamples(
            self.score[first] - self.score[second],
            self.samples[:, first] - self.samples[:, second],
            self.left_out[:, first] - self.left_out[:, second],
            self.shares,
            differences=True,
        )


@dataclasses.dataclass(frozen=True)
class Columns:
    """What is known of every site and then every group of sites, axes (model, column)."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray  # two-sided, against 0


def resample(
    models: np.ndarray, data: np.ndarray, metric: str, n_samples: int, generator: np.random.Generator
) -> Resamples:
    """Return scores and their resamples; without samples there is no jackknife either. Parameters: `bootstrap_scores`."""
    score = compare_many(models, data, metric)
    samples = bootstrap_scores(models, data, metric, n_samples, generator)
    left_out = jackknife_scores(models, data, metric) if n_samples else samples
    return Resamples(score, samples, left_out, shares(metric, models.shape[-1]))


def image_variance(
    samples: np.ndarray, left_out: np.ndarray, shares: tuple[float, float], differences: bool = False
) -> np.ndarray:
    """Return the variance of scores over new images, v_single + v_pairs, from two equations with two unknowns.

    jackknife = v_single + 2 (n-1)/(n-2) v_pairs;  bootstrap = shares[0] v_single + shares[1] v_pairs. Both parts are
    kept at zero or above; of differences see `difference_variance`. With fewer than 10 images the equations are too much
    alike: the jackknife's variance.

    Parameters
    ----------
    samples : array, (sample, ...)
    left_out : array, (image, ...)
    shares : (float, float)
    differences : bool
        See `Resamples`.

    Returns
    -------
    array, (...)
        NaN with fewer than 2 samples, or where leaving an image out leaves no score.
    """
    n = len(left_out)
    if len(samples) < 2:
        return np.full(samples.shape[1:], np.nan)
    jackknife = (n - 1) * left_out.var(axis=0)
    if n < MIN_APART:
        return np.asarray(jackknife)
    twice = 2 * (n - 1) / (n - 2)
    of_pairs = (_variance(samples) - shares[0] * jackknife) / (shares[1] - shares[0] * twice)
    if differences:
        return difference_variance(jackknife, np.maximum(of_pairs, 0), n)
    of_pairs = np.clip(of_pairs, 0, jackknife / twice)
    return np.asarray(jackknife - (twice - 1) * of_pairs)


def difference_variance(jackknife: np.ndarray, of_pairs: np.ndarray, n: int) -> np.ndarray:
    """Return v_single + v_pairs of differences of scores, such that a t test at 5 % errs 5 times in 100.

    Kept at zero, v_single would be too large on average where it is zero in truth, as between two models at chance, and tests
    would find too little. Free, it makes the sum uncertain, and tests find too much: with a jackknife that follows chi-squared
    of n - 1 degrees of freedom and counts v_pairs k = 2 (n-1)/(n-2) times, Student's t makes up for that up to

        v_pairs / n · (t² + 1)/2 · ((r + k)² - (r + 1)²)/(r + 1),   r = v_single / v_pairs,   t = 1.96,

    to second order (Taylor), which is 7.3 v_pairs / n for r = 0 and 4.8 v_pairs / n for large r. 6.6 errs least over all r
    (tests: 4.7 to 5.1 % from 12 to 300 images). Of scores near zero, which are skewed, intervals would be too short.

    Parameters
    ----------
    jackknife, of_pairs : array, (...)
        The jackknife's variance and v_pairs, which is zero or above.
    n : int
        Images, at least 10.

    Returns
    -------
    array, (...)
        jackknife - (k-1) v_pairs + 6.6/n v_pairs, and no less than (jackknife/k)²/v_pairs where the jackknife is below k v_pairs.
    """
    twice = 2 * (n - 1) / (n - 2)
    both = jackknife - (twice - 1 - SECOND_ORDER / n) * of_pairs
    below = of_pairs > jackknife / twice
    least = np.divide((jackknife / twice) ** 2, of_pairs, out=np.zeros_like(both), where=below)
    return np.asarray(np.maximum(both, least))


def _variance(samples: np.ndarray) -> np.ndarray:
    """Return the variance over samples that have a score (a sample of one image, many times over, has none)."""
    defined = np.isfinite(samples)
    count = defined.sum(axis=0)
    values = np.where(defined, samples, 0)
    mean = values.sum(axis=0) / np.maximum(count, 1)
    square = ((values - mean) ** 2 * defined).sum(axis=0)
    return np.divide(square, count - 1, out=np.full(count.shape, np.nan), where=count > 1)


def mean_variance(resampled: Resamples, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the variance of mean scores over sites, for new images and new sites alike, and its degrees of freedom.

    Over images, the mean of s sites varies by v_images, which holds what images do to all sites and 1/s of what they
    do to single ones, v_own; the spread of the scores over sites, divided by s, holds the sites' variance and v_own / s
    once more: v = v_images + v_sites - v_own / s, where single sites' image variances average to what all share plus
    v_own. Kept at or above v_images and v_sites. Differences of two models often spread over sites no more than images make
    them; there the cut would make errors too large on average, and the sum is kept above half of v_images alone.
    Degrees of freedom: Satterthwaite 1946.

    Parameters
    ----------
    resampled : Resamples
    chosen : int array, (n_chosen,)
        Which sites make up the group. With one there are only images to generalise over.

    Returns
    -------
    variance, degrees : array, (model,)
    """
    n_images, n_sites = len(resampled.left_out), len(chosen)
    samples, left_out = (values[:, :, chosen] for values in (resampled.samples, resampled.left_out))
    images = image_variance(
        samples.mean(axis=2), left_out.mean(axis=2), resampled.shares, resampled.differences
    )
    if n_sites == 1:
        return images, np.full(images.shape, n_images - 1.0)
    sites = resampled.score[:, chosen].var(axis=1, ddof=1) / n_sites
    each = image_variance(samples, left_out, resampled.shares, resampled.differences)
    own = (each.mean(axis=1) - images) / (n_sites - 1)
    if resampled.differences:
        variance = np.maximum(images + sites - own, images / 2)
    else:
        variance = np.maximum(images + sites - np.maximum(own, 0), np.maximum(images, sites))
    spread = images**2 / (n_images - 1) + sites**2 / (n_sites - 1)
    degrees = np.divide(variance**2, spread, out=np.full(images.shape, n_images - 1.0), where=spread > 0)
    return variance, degrees


def corrected(
    resampled: Resamples, groups: Mapping[str, np.ndarray], generator: np.random.Generator
) -> Columns:
    """Return value ± t · standard error: `image_variance` of sites, `mean_variance` of groups; p of Student's t."""
    n_images = max(len(resampled.left_out), 2)
    variance = [
        image_variance(resampled.samples, resampled.left_out, resampled.shares, resampled.differences)
    ]
    degrees = [np.full(resampled.score.shape, n_images - 1.0)]
    for chosen in groups.values():
        both = mean_variance(resampled, chosen)
        variance.append(both[0][:, None])
        degrees.append(both[1][:, None])
    return _student(resampled.score, groups, np.sqrt(np.hstack(variance)), np.hstack(degrees))


def _student(
    score: np.ndarray, groups: Mapping[str, np.ndarray], error: np.ndarray, degrees: np.ndarray
) -> Columns:
    value = with_means(score, groups)
    reach = stats.t.ppf(TAIL, degrees) * error
    t = np.divide(np.abs(value), error, out=np.full(value.shape, np.nan), where=error > 0)
    p = np.where(error == 0, (value == 0).astype(float), 2 * stats.t.sf(t, degrees))
    return Columns(value, value - reach, value + reach, np.where(np.isnan(value), np.nan, p))


def percentile(
    resampled: Resamples, groups: Mapping[str, np.ndarray], generator: np.random.Generator
) -> Columns:
    """Return what rsatoolbox does: percentiles of bootstrap samples for sites, the two-factor error for groups.

    Too wide for scores near zero (docs/results/analysis.md). A site's p is twice the share of samples on the rarer side
    of 0.
    """
    score, samples = resampled.score, resampled.samples
    n_images = max(len(resampled.left_out), 2)
    low, high = confidence_interval(samples)
    p = sign_p(samples, score)
    for chosen in groups.values():
        error = np.full(len(score), np.nan)
        if len(samples) >= 2:
            error = two_factor_error(score, samples, chosen, n_images, generator)
        degrees = np.full(len(score), (n_images if len(chosen) == 1 else min(len(chosen), n_images)) - 1.0)
        mean = _student(score[:, chosen].mean(axis=1)[:, None], {}, error[:, None], degrees[:, None])
        low, high, p = (np.hstack(pair) for pair in ((low, mean.low), (high, mean.high), (p, mean.p)))
    return Columns(with_means(score, groups), low, high, p)


INTERVALS: dict[str, Callable[[Resamples, Mapping[str, np.ndarray], np.random.Generator], Columns]] = {
    "corrected": corrected,
    "percentile": percentile,
}


def require_interval(name: str) -> None:
    """Raise ValueError, with the nearest allowed name, unless `name` is a known kind of interval."""
    if name not in INTERVALS:
        raise unknown("interval", name, INTERVALS)


def confidence_interval(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the 2.5th and 97.5th percentile over the first axis; NaN where nothing is defined."""
    shape = samples.shape[1:]
    low, high = np.full(shape, np.nan), np.full(shape, np.nan)
    usable = np.isfinite(samples).any(axis=0) if len(samples) else np.zeros(shape, bool)
    if usable.any():
        low[usable], high[usable] = np.nanpercentile(samples[:, usable], CI_PERCENT, axis=0)
    return low, high


def sign_p(samples: np.ndarray, difference: np.ndarray) -> np.ndarray:
    """Return two-sided p = 2 (1 + samples on the rarer side of 0, or at 0) / (1 + samples), at most 1.

    Parameters
    ----------
    samples : array, (sample, ...)
    difference : array, (...)
        NaN where no test is possible.
    """
    if not len(samples):
        return np.full(difference.shape, np.nan)
    rarer = np.minimum((samples <= 0).sum(axis=0), (samples >= 0).sum(axis=0))
    return np.where(np.isfinite(difference), np.minimum(1, 2 * (1 + rarer) / (1 + len(samples))), np.nan)


def two_factor_error(
    scores: np.ndarray, samples: np.ndarray, chosen: np.ndarray, n_images: int, generator: np.random.Generator
) -> np.ndarray:
    """Return the standard error of mean scores over sites from bootstraps of images, of sites and of both.

    The bootstrap over both factors alone overestimates the variance v_both, since it contains the noise of single
    measurements twice; with v_sites and v_images from resampling one factor, s sites and n images,

        v = s/(s-1) v_sites + n/(n-1) v_images - s/(s-1) n/(n-1) (v_both - v_sites - v_images),

    kept between the larger of its first two terms and v_both. Source: Schütt et al. 2023; the formula is that of
    rsatoolbox 0.3.2. Its v_images counts pairs of images three times.

    Parameters
    ----------
    scores : array, (model, site)
    samples : array, (sample, model, site)
        From `bootstrap_scores`; at least 2 samples.
    chosen : int array, (n_chosen,)
        Which sites make up the group. With one there are only images to generalise over.
    n_images : int
    generator : Generator

    Returns
    -------
    array, (model,)
    """
    images = samples[:, :, chosen].mean(axis=2).var(axis=0, ddof=1) * n_images / (n_images - 1)
    if len(chosen) == 1:
        return np.sqrt(images)
    drawn = generator.choice(chosen, size=(len(samples), len(chosen)))
    both = np.take_along_axis(samples, drawn[:, None, :], axis=2).mean(axis=2).var(axis=0, ddof=1)
    sites = scores[:, drawn].mean(axis=2).var(axis=1, ddof=1)
    return np.sqrt(
        two_factor_variance(both, sites, images * (n_images - 1) / n_images, len(chosen), n_images)
    )


def two_factor_variance(
    both: np.ndarray, sites: np.ndarray, images: np.ndarray, n_sites: int, n_images: int
) -> np.ndarray:
    """Return the variance v of `two_factor_error` from those of bootstraps of both factors, of sites and of images."""
    of_sites, of_images = n_sites / (n_sites - 1), n_images / (n_images - 1)
    variance = of_sites * sites + of_images * images - of_sites * of_images * (both - sites - images)
    return np.minimum(np.maximum(variance, np.maximum(of_sites * sites, of_images * images)), both)


def with_means(scores: np.ndarray, groups: Mapping[str, np.ndarray]) -> np.ndarray:
    """Append means over groups of sites: (..., site) to (..., column)."""
    means = [scores[..., chosen].mean(axis=-1) for chosen in groups.values()]
    return np.concatenate([scores, np.stack(means, axis=-1)], axis=-1) if means else scores
