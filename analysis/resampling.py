"""Scores in resamples of the images: bootstrap, jackknife.

A bootstrap sample draws n images with replacement. An image drawn m times enters each of its pairs m times, and
pairs of an image with itself are left out (their dissimilarity is zero by definition, not by measurement). Ranks
are taken anew within each sample. A sample only weights pairs, by m_i m_j, so ranks are cumulative sums of weights, and
nothing is sorted again: the same numbers as the literal way.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from analysis.compare import CENTRINGS, DOT_FORMS, PAIR_MEASURES, compare_many, require_metric
from analysis.rdm import pair_values, pairs

BLOCK = 64  # models per block: what a sample needs of them stays in the processor's cache
RANKED = ("spearman", "rho-a")


def bootstrap_scores(
    models: np.ndarray, data: np.ndarray, metric: str, n_samples: int, generator: np.random.Generator
) -> np.ndarray:
    """Return scores in bootstrap samples of the images.

    Measures that centre whole matrices (linear-cka and its kin) have no place for an image that was drawn twice; they
    are scored on random halves of the images without replacement, whose scores vary as those of bootstrap samples do
    (`inference.image_variance`).

    Parameters
    ----------
    models : array, (model, image, image)
    data : array, (site, image, image)
        Both wholly defined.
    metric : str
    n_samples : int
        0 or more.
    generator : Generator
        Draws n_samples x n_images integers, or n_samples permutations, and nothing else.

    Returns
    -------
    array, (sample, model, site)
    """
    require_metric(metric)
    n = models.shape[-1]
    if metric in CENTRINGS:
        halves = np.array([generator.permutation(n)[: n // 2] for _ in range(n_samples)], int)
        return _literal_scores(models, data, metric, halves.reshape(n_samples, n // 2))
    drawn = generator.integers(0, n, size=(n_samples, n))
    if metric in PAIR_MEASURES:
        return _literal_scores(models, data, metric, drawn)
    return weighted_scores(models, data, metric, image_counts(drawn, n))


def jackknife_scores(models: np.ndarray, data: np.ndarray, metric: str) -> np.ndarray:
    """Return scores without each image in turn: (image left out, model, site). Parameters as in `bootstrap_scores`."""
    require_metric(metric)
    n = models.shape[-1]
    if metric in DOT_FORMS:
        return weighted_scores(models, data, metric, 1 - np.eye(n, dtype=int))
    others = np.array([np.delete(np.arange(n), k) for k in range(n)])
    return _literal_scores(models, data, metric, others)


def shares(metric: str, n_images: int) -> tuple[float, float]:
    """Return how often the variance of `bootstrap_scores` counts what images and what pairs of images contribute.

    For a mean over all pairs, whose parts v_single and v_pairs each count once in truth. Bootstrap: (n-1)/n, and the
    variance of m_i m_j divided by its squared mean, with multinomial m (both as if the total weight were fixed). Halves
    of m images: n/m - 1, and (n choose 2)/(m choose 2) - 1.
    """
    n = n_images
    if metric in CENTRINGS:
        m = n // 2
        return n / m - 1, n * (n - 1) / (m * (m - 1)) - 1
    two, three, four = (np.prod([(n - k) / n for k in range(order)]) for order in (2, 3, 4))
    return float(two), float((four + 2 * three + two) / two**2 - 1)


def image_counts(drawn: np.ndarray, n_images: int) -> np.ndarray:
    """Return how often each sample holds each image: (sample, draw) to (sample, image)."""
    return np.array([np.bincount(d, minlength=n_images) for d in drawn], int).reshape(len(drawn), n_images)


def weighted_scores(models: np.ndarray, data: np.ndarray, metric: str, counts: np.ndarray) -> np.ndarray:
    """Return scores in samples that hold image i counts[sample, i] times.

    Parameters
    ----------
    models : array, (model, image, image)
    data : array, (site, image, image)
    metric : str
        One of `DOT_FORMS`.
    counts : int array, (sample, image)

    Returns
    -------
    array, (sample, model, site)
    """
    rows, columns = pairs(models.shape[-1])
    scores = np.empty((len(counts), len(models), len(data)))
    blocks = [
        (slice(k, k + BLOCK), WeightedForm(pair_values(models[k : k + BLOCK]), metric))
        for k in range(0, len(models), BLOCK)
    ]
    of_data = WeightedForm(pair_values(data), metric)
    for sample, count in enumerate(counts):
        kept, weight = pair_weights(count, rows, columns)
        values, length = of_data(kept, weight)
        b = (values * weight / length[:, None]).T
        for part, form in blocks:
            values, length = form(kept, weight)
            scores[sample, part] = values @ b / length[:, None]
    return scores


def pair_weights(count: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which pairs a sample holds and how often: (image,), (pair,), (pair,) to (kept,), (kept,)."""
    weight = count[rows] * count[columns]
    kept = np.flatnonzero(weight)
    return kept, weight[kept].astype(np.float64)


class WeightedForm:
    """The dot-product form of values (rdm, pair) in samples that hold some of the pairs, some of them several times."""

    def __init__(self, values: np.ndarray, metric: str) -> None:
        self.metric, self.values = metric, values
        if metric in RANKED:  # integers from 0 in the same order are all that is needed
            self.values = (stats.rankdata(values, axis=1, method="dense") - 1).astype(np.intp)

    def __call__(self, kept: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return values and their lengths: score = sum over kept pairs of weight · a · b / (length of a · length of b).

        Parameters
        ----------
        kept : int array, (kept,)
            Pairs that the sample holds.
        weight : array, (kept,)
            How often, above zero.

        Returns
        -------
        values : array, (rdm, kept)
            Ranks are multiples of one half.
        length : array, (rdm,)
            NaN where all values are equal.
        """
        total = weight.sum()
        values = self.values.take(kept, axis=1)
        if self.metric in RANKED:
            values = weighted_ranks(values, weight) - total / 2  # their mean
        elif self.metric == "pearson":
            values -= (values @ weight / max(total, 1))[:, None]
        if self.metric == "rho-a":
            return values, np.full(len(values), np.sqrt((total**3 - total) / 12) or np.nan)
        length = np.sqrt(values**2 @ weight)
        return values, np.where(length > 1e-12 * np.sqrt(total), length, np.nan)


def weighted_ranks(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the weight below each value and half of what is equal to it: one half less than ranks from 1.

    Parameters
    ----------
    values : intp array, (row, pair)
        From 0, without large gaps: weights are counted per value.
    weight : array, (pair,)
    """
    ranks = np.empty(values.shape)
    for row, rank in zip(values, ranks, strict=True):
        at = np.bincount(row, weight)
        middle = at.cumsum() - at / 2
        middle.take(row, out=rank, mode="clip")  # clip, for other modes copy; nothing is out of range
    return ranks


def _literal_scores(models: np.ndarray, data: np.ndarray, metric: str, drawn: np.ndarray) -> np.ndarray:
    """Take images one by one, for measures that have no weighted form: (sample, draw) to (sample, model, site)."""
    scores = np.empty((len(drawn), len(models), len(data)))
    for sample, index in enumerate(drawn):
        a, b = models[:, index][:, :, index], data[:, index][:, :, index]
        if metric in CENTRINGS:
            scores[sample] = compare_many(a, b, metric)
            continue
        keep = pair_values(index[:, None] != index[None])
        scores[sample] = [
            [PAIR_MEASURES[metric](m, d) for d in pair_values(b)[:, keep]] for m in pair_values(a)[:, keep]
        ]
    return scores
