"""How sure a score is: bootstrap over images and sites, permutation of image labels, false discovery rate.

A bootstrap sample draws n images with replacement. An image drawn m times enters each of its pairs m times, and
pairs of an image with itself are left out (their dissimilarity is zero by definition, not by measurement). Ranks
are taken anew within each sample. Because a sample only weights pairs, by m_i m_j, every RDM is sorted once and the
ranks of a sample are cumulative sums of weights: the same numbers as the literal way, without sorting.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import stats

from analysis.compare import DOT_FORMS, MATRIX_MEASURES, PAIR_MEASURES, compare_many, require_metric
from analysis.rdm import pair_values, pairs

CI_PERCENT = (2.5, 97.5)


def bootstrap_scores(
    models: np.ndarray, data: np.ndarray, metric: str, n_samples: int, generator: np.random.Generator
) -> np.ndarray:
    """Return scores in bootstrap samples of the images.

    Parameters
    ----------
    models : array, (model, image, image)
    data : array, (site, image, image)
        Both wholly defined.
    metric : str
    n_samples : int
        0 or more.
    generator : Generator
        Draws n_samples x n_images integers and nothing else.

    Returns
    -------
    array, (sample, model, site)
    """
    require_metric(metric)
    n = models.shape[-1]
    drawn = generator.integers(0, n, size=(n_samples, n))
    counts = np.stack([np.bincount(d, minlength=n) for d in drawn]) if n_samples else np.zeros((0, n), int)
    if metric not in DOT_FORMS:
        return _bootstrap_literally(models, data, metric, drawn)
    rows, columns = pairs(n)
    forms = [_WeightedForm(pair_values(m), metric) for m in (models, data)]
    scores = np.empty((n_samples, len(models), len(data)))
    for sample, count in enumerate(counts):
        weight = (count[rows] * count[columns]).astype(np.float64)
        a, b = (form(weight) for form in forms)
        scores[sample] = (a * weight) @ b.T
    return scores


class _WeightedForm:
    """The dot-product form of values (rdm, pair) under weights of the pairs."""

    def __init__(self, values: np.ndarray, metric: str) -> None:
        self.metric, self.values = metric, values
        self.ranks = metric in ("spearman", "rho-a")
        if self.ranks:
            self.order = np.argsort(values, axis=1, kind="stable")
            ordered = np.take_along_axis(values, self.order, axis=1)
            # where the run of values equal to each one begins and ends in sorted order: ties share their mean rank
            begin, end = (
                np.stack([np.searchsorted(o, v, side=side) for o, v in zip(ordered, values, strict=True)])
                for side in ("left", "right")
            )
            row = np.arange(len(values))[:, None] * (values.shape[1] + 1)
            self.begin, self.end = begin + row, end + row

    def _ranked(self, weight: np.ndarray) -> np.ndarray:
        """Return ranks from 1: the weight below a value, and half of what is equal to it, and one half."""
        below = np.zeros((len(self.values), self.values.shape[1] + 1))
        np.cumsum(weight[self.order], axis=1, out=below[:, 1:])
        flat = below.ravel()
        return (flat.take(self.begin) + flat.take(self.end) + 1) / 2

    def __call__(self, weight: np.ndarray) -> np.ndarray:
        total = weight.sum()
        values = self._ranked(weight) if self.ranks else self.values
        if self.metric != "cosine":
            values = values - (values @ weight / total)[:, None]
        if self.metric == "rho-a":
            return values * np.sqrt(12 / (total**3 - total))
        length = np.sqrt(values**2 @ weight)[:, None]
        return np.divide(
            values, length, out=np.full(values.shape, np.nan), where=length > 1e-12 * np.sqrt(total)
        )


def _bootstrap_literally(models: np.ndarray, data: np.ndarray, metric: str, drawn: np.ndarray) -> np.ndarray:
    """Repeat images one by one, for measures that have no weighted form. Axes as in `bootstrap_scores`."""
    scores = np.empty((len(drawn), len(models), len(data)))
    for sample, index in enumerate(drawn):
        a, b = models[:, index][:, :, index], data[:, index][:, :, index]
        if metric in MATRIX_MEASURES:
            scores[sample] = compare_many(a, b, metric)
            continue
        distinct = index[:, None] != index[None]
        keep = pair_values(distinct)
        scores[sample] = [
            [PAIR_MEASURES[metric](m, d) for d in pair_values(b)[:, keep]] for m in pair_values(a)[:, keep]
        ]
    return scores


def confidence_interval(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the 2.5th and 97.5th percentile over the first axis; NaN where nothing is defined."""
    shape = samples.shape[1:]
    low, high = np.full(shape, np.nan), np.full(shape, np.nan)
    usable = np.isfinite(samples).any(axis=0) if len(samples) else np.zeros(shape, bool)
    if usable.any():
        low[usable], high[usable] = np.nanpercentile(samples[:, usable], CI_PERCENT, axis=0)
    return low, high


def mean_error(
    scores: np.ndarray, samples: np.ndarray, chosen: np.ndarray, n_images: int, generator: np.random.Generator
) -> np.ndarray:
    """Return the standard error of mean scores over sites, for new images and new sites alike.

    The bootstrap over both factors alone overestimates the variance v_both, since it contains the noise of single
    measurements twice; with v_sites and v_images from resampling one factor, s sites and n images,

        v = s/(s-1) v_sites + n/(n-1) v_images - s/(s-1) n/(n-1) (v_both - v_sites - v_images),

    kept between the larger of its first two terms and v_both. Source: Schütt et al. 2023; the formula is that of
    rsatoolbox 0.3.2.

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
    factor = len(chosen) / (len(chosen) - 1)
    sites = scores[:, drawn].mean(axis=2).var(axis=1, ddof=1) * factor
    shared = both - sites / factor - images * (n_images - 1) / n_images
    variance = sites + images - factor * n_images / (n_images - 1) * shared
    return np.sqrt(np.minimum(np.maximum(variance, np.maximum(sites, images)), both))


def mean_interval(
    scores: np.ndarray, samples: np.ndarray, chosen: np.ndarray, n_images: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean score ± t · standard error, t of Student's distribution with min(sites, images) - 1 degrees.

    Parameters as in `mean_error`; NaN without samples. One site: images - 1 degrees.
    """
    mean = scores[:, chosen].mean(axis=1)
    if len(samples) < 2:
        return np.full(mean.shape, np.nan), np.full(mean.shape, np.nan)
    reach = mean_reach(mean_error(scores, samples, chosen, n_images, generator), len(chosen), n_images)
    return mean - reach, mean + reach


def mean_reach(error: np.ndarray, n_sites: int, n_images: int) -> np.ndarray:
    """Return half the width of the interval of a mean over sites from its standard error."""
    return np.asarray(stats.t.ppf(CI_PERCENT[1] / 100, degrees_of_freedom(n_sites, n_images)) * error)


def degrees_of_freedom(n_sites: int, n_images: int) -> int:
    """Return the degrees of freedom of a mean over sites: of the smaller sample, of the images for a single site."""
    return (n_images if n_sites == 1 else min(n_sites, n_images)) - 1


def with_means(scores: np.ndarray, groups: Mapping[str, np.ndarray]) -> np.ndarray:
    """Append means over groups of sites: (..., site) to (..., column)."""
    means = [scores[..., chosen].mean(axis=-1) for chosen in groups.values()]
    return np.concatenate([scores, np.stack(means, axis=-1)], axis=-1)


def permutation_scores(
    models: np.ndarray, data: np.ndarray, metric: str, n_permutations: int, generator: np.random.Generator
) -> np.ndarray:
    """Return scores after the data's image labels were shuffled: what chance gives.

    Parameters
    ----------
    models : array, (model, image, image)
    data : array, (site, image, image)
    metric : str
    n_permutations : int
    generator : Generator

    Returns
    -------
    array, (permutation, model, site)
    """
    require_metric(metric)
    rows, columns = pairs(models.shape[-1])
    orders = [generator.permutation(models.shape[-1]) for _ in range(n_permutations)]
    scores = np.empty((n_permutations, len(models), len(data)))
    if metric not in DOT_FORMS:
        for index, order in enumerate(orders):
            scores[index] = compare_many(models, data[:, order][:, :, order], metric)
        return scores
    form = DOT_FORMS[metric]
    fixed = form(pair_values(models))
    shuffled = np.zeros(data.shape)
    shuffled[:, rows, columns] = shuffled[:, columns, rows] = form(pair_values(data))
    for index, order in enumerate(orders):
        scores[index] = fixed @ shuffled[:, order[rows], order[columns]].T
    return scores


def p_values(scores: np.ndarray, null: np.ndarray) -> np.ndarray:
    """Return one-sided p = (1 + number of null scores at or above the score) / (1 + number of permutations).

    Parameters
    ----------
    scores : array, (...)
    null : array, (permutation, ...)

    Returns
    -------
    array, (...)
        In (0, 1]; NaN where the score is.
    """
    above = (null >= scores).sum(axis=0)
    return np.where(np.isfinite(scores), (1 + above) / (1 + len(null)), np.nan)


def false_discovery_rate(p: np.ndarray) -> np.ndarray:
    """Return Benjamini and Hochberg's q: the smallest false discovery rate at which each test would be accepted.

    q_(k) = min over j >= k of p_(j) · n / j, for p sorted upwards. Source: Benjamini & Hochberg 1995.

    Parameters
    ----------
    p : array, (test,)
        NaN (no test was possible) stays NaN and does not count.

    Returns
    -------
    array, (test,)

    Raises
    ------
    ValueError
        If a value is outside 0 to 1.
    """
    p = np.asarray(p, np.float64)
    tested = np.flatnonzero(np.isfinite(p))
    if ((p[tested] < 0) | (p[tested] > 1)).any():
        raise ValueError(f"p-values run from {p[tested].min():g} to {p[tested].max():g}; allowed is 0 to 1.")
    q = np.full(p.shape, np.nan)
    order = tested[np.argsort(p[tested], kind="stable")]
    scaled = p[order] * len(order) / np.arange(1, len(order) + 1)
    q[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    return q
