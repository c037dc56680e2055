"""Canonical correlations between two sets of patterns, bare and after reduction (SVCCA).

Source: Hotelling 1936; Raghu et al. 2017, arXiv 1706.05806 (SVCCA). scikit-learn's CCA is the oracle of the tests.
"""

from __future__ import annotations

import numpy as np

from analysis.rdm import MIN_IMAGES

RANK_TOLERANCE = 1e-10  # of the norm before centring


def canonical_correlations(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the canonical correlations of two sets of patterns, largest first.

    Parameters
    ----------
    x, y : array, (stimulus, unit)
        Need not have as many units.

    Returns
    -------
    array, (correlation,), in [0, 1]
        As many as the smaller rank; none where one set is constant. All 1 where a set spans all stimuli: reduce it first.

    Raises
    ------
    ValueError
        For other stimuli, fewer than 4, or NaN.
    """
    for name, values in (("x", x), ("y", y)):
        if values.ndim != 2 or len(values) != len(x):
            raise ValueError(
                f"{name} has the shape {values.shape}; ({len(x)}, unit) is needed: both need the same stimuli."
            )
        if not np.isfinite(values).all():
            raise ValueError(f"{name} holds NaN or infinite values; drop these units.")
    if len(x) < MIN_IMAGES:
        raise ValueError(
            f"patterns hold {len(x)} stimuli; at least {MIN_IMAGES} are needed: show more images."
        )
    return np.clip(np.linalg.svd(_basis(x).T @ _basis(y), compute_uv=False), 0, 1)


def _basis(values: np.ndarray) -> np.ndarray:
    """Return an orthonormal basis of the centred patterns: (stimulus, rank)."""
    left, size, _ = np.linalg.svd(values - values.mean(axis=0), full_matrices=False)
    return left[:, size > RANK_TOLERANCE * np.linalg.norm(values)]


def svcca(x: np.ndarray, y: np.ndarray, n_components: int = 40) -> float:
    """Return the mean canonical correlation after both sets were reduced to their largest singular vectors.

    As Huang et al. 2023 have it: truncated decomposition without centring, 40 components. High by chance where
    components are many and stimuli few, so read it beside its chance level.

    Parameters
    ----------
    x, y : array, (stimulus, unit)
    n_components : int
        Fewer where there are fewer units, or where as many would span all stimuli.

    Returns
    -------
    float
        NaN where a set is constant.
    """
    reduced = (truncated(values, min(n_components, len(values) - 2)) for values in (x, y))
    found = canonical_correlations(*reduced)
    return float(found.mean()) if len(found) else np.nan


def truncated(values: np.ndarray, n_components: int) -> np.ndarray:
    """Return patterns in the coordinates of their largest singular vectors, without centring: (stimulus, component)."""
    left, size, _ = np.linalg.svd(values, full_matrices=False)
    return np.asarray((left * size)[:, :n_components])
