"""Scores in resamples of the images: bootstrap, jackknife, halves.

A bootstrap sample draws n images with replacement. An image drawn m times enters each of its pairs m times, and
pairs of an image with itself are left out (their dissimilarity is zero by definition, not by measurement). Ranks
are taken anew within each sample. Because a sample only weights pairs, by m_i m_j, every RDM is sorted once and the
ranks of a sample are cumulative sums of weights: the same numbers as the literal way, without sorting.
"""

from __future__ import annotations

import numpy as np

from analysis.compare import CENTRINGS, DOT_FORMS, PAIR_MEASURES, compare_many, require_metric
from analysis.rdm import pair_values, pairs

BLOCK = 64  # models per block: what a sample needs of them stays in the processor's cache


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
        weight = (count[rows] * count[columns]).astype(np.float64)
        b = of_data.unit(weight) * weight
        for part, form in blocks:
            values, length = form(weight)
            scores[sample, part] = values @ b.T / length[:, None]
    return scores


class WeightedForm:
    """The dot-product form of values (rdm, pair) under weights of the pairs.

    What it returns is valid until it is called again.
    """

    def __init__(self, values: np.ndarray, metric: str) -> None:
        self.metric, self.values = metric, values
        self.ranks = metric in ("spearman", "rho-a")
        if self.ranks:
            self.order = np.argsort(values, axis=1, kind="stable")
            ordered = np.take_along_axis(values, self.order, axis=1)
            self.begin, self.end = _runs(values, ordered)
            self.sorted, self.below, self.upper = np.empty((3, *values.shape))

    def ranked(self, weight: np.ndarray) -> np.ndarray:
        """Return ranks: the weight below a value and half of what is equal to it. One half less than ranks from 1."""
        np.take(weight, self.order, out=self.sorted, mode="clip")
        np.cumsum(self.sorted, axis=1, out=self.below)  # up to a value, itself included
        below = self.below.ravel()
        np.take(below, self.end, out=self.upper, mode="clip")
        if self.begin is None:  # no ties: what is below a value is all up to it less its own weight
            self.upper -= weight / 2
            return self.upper
        lower = np.take(below, self.begin, out=self.sorted, mode="clip")
        lower[self.begin < 0] = 0
        self.upper += lower
        self.upper /= 2
        return self.upper

    def __call__(self, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return values and their lengths: score = sum over pairs of weight · a · b / (length of a · length of b)."""
        total = weight.sum()
        values = self.ranked(weight) if self.ranks else self.values
        if self.ranks:
            values -= total / 2  # their mean
        elif self.metric != "cosine":
            values = values - (values @ weight / total)[:, None]
        if self.metric == "rho-a":
            return values, np.full(len(values), np.sqrt((total**3 - total) / 12))
        length = np.sqrt(np.einsum("rp,rp->r", values * weight, values))
        return values, np.where(length > 1e-12 * np.sqrt(total), length, np.nan)

    def unit(self, weight: np.ndarray) -> np.ndarray:
        """Return values divided by their lengths."""
        values, length = self(weight)
        return values / length[:, None]


def _runs(values: np.ndarray, ordered: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
    """Return where the run of values equal to each one begins and ends in sorted order: ties share their mean rank.

    Places in the flattened (rdm, pair) cumulative sum: the one before the run (negative before the first; None where
    there are no ties at all) and the last of the run.
    """
    row = np.arange(len(values))[:, None] * values.shape[1]
    begin, end = (
        np.stack([np.searchsorted(o, v, side=side) for o, v in zip(ordered, values, strict=True)]) - 1
        for side in ("left", "right")
    )
    tied = bool((np.diff(ordered, axis=1) == 0).any())
    return np.where(begin < 0, -1, begin + row) if tied else None, end + row


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
