"""Whether a score is more than chance: permutation of image labels, false discovery rate."""

from __future__ import annotations

import numpy as np

from analysis.compare import CENTRINGS, DOT_FORMS, compare_many, flat_form, require_metric
from analysis.rdm import pair_values, pairs


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
    n = models.shape[-1]
    orders = [generator.permutation(n) for _ in range(n_permutations)]
    scores = np.empty((n_permutations, len(models), len(data)))
    if metric not in DOT_FORMS and metric not in CENTRINGS:
        for index, order in enumerate(orders):
            scores[index] = compare_many(models, data[:, order][:, :, order], metric)
        return scores
    if metric in CENTRINGS:
        fixed, shuffled = flat_form(models, metric), flat_form(data, metric).reshape(data.shape)
        rows, columns = (place.ravel() for place in np.indices((n, n)))
    else:
        rows, columns = pairs(n)
        fixed, shuffled = DOT_FORMS[metric](pair_values(models)), np.zeros(data.shape)
        shuffled[:, rows, columns] = shuffled[:, columns, rows] = DOT_FORMS[metric](pair_values(data))
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
    # the factor first: it is at least 1, so that no rounding takes a q below its p
    scaled = p[order] * (len(order) / np.arange(1, len(order) + 1))
    q[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    return q
