"""Representational dissimilarity matrices (RDMs) from patterns of activity.

Source of the definitions: Kriegeskorte, Mur & Bandettini 2008, doi 10.3389/neuro.06.004.2008; the squared and
averaged Euclidean distance is the one of rsatoolbox (Schütt et al. 2023, doi 10.7554/eLife.82566).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from study.commands import unknown

MIN_IMAGES = 4  # three images have three pairs: any rank correlation of them is noise
SILENT_RULES = ("exclude", "one")


def correlation_distance(patterns: np.ndarray) -> np.ndarray:
    """Return 1 - Pearson correlation over units; undefined (NaN) for a pattern without variation.

    Parameters
    ----------
    patterns : array, (stimulus, unit)

    Returns
    -------
    array, (stimulus, stimulus), in [0, 2]
    """
    centred = patterns - patterns.mean(axis=1, keepdims=True)
    centred[is_silent(patterns)] = 0  # a rounded mean must not turn silence into a pattern
    return cosine_distance(centred)


def cosine_distance(patterns: np.ndarray) -> np.ndarray:
    """Return 1 - cosine of the angle between patterns; undefined (NaN) for an all-zero pattern.

    Parameters
    ----------
    patterns : array, (stimulus, unit)

    Returns
    -------
    array, (stimulus, stimulus), in [0, 2]
    """
    norm = np.linalg.norm(patterns, axis=1, keepdims=True)
    unit = np.divide(patterns, norm, out=np.full_like(patterns, np.nan), where=norm > 0)
    return np.clip(1 - unit @ unit.T, 0, 2)


def euclidean_distance(patterns: np.ndarray) -> np.ndarray:
    """Return the squared Euclidean distance divided by the number of units; always defined.

    Parameters
    ----------
    patterns : array, (stimulus, unit)

    Returns
    -------
    array, (stimulus, stimulus), 0 or more, in squared units of the patterns
    """
    centred = patterns - patterns.mean(
        axis=0
    )  # the same distances, smaller numbers: less is lost by rounding
    square = (centred**2).sum(axis=1)
    distance = square[:, None] + square[None] - 2 * centred @ centred.T
    return np.maximum(distance, 0) / patterns.shape[1]


DISTANCES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "correlation": correlation_distance,
    "cosine": cosine_distance,
    "euclidean": euclidean_distance,
}


def is_silent(patterns: np.ndarray) -> np.ndarray:
    """Return which stimuli evoke no pattern: every unit answers alike (no spike at all, as a rule).

    A single unit has a pattern unless it answers zero.

    Parameters
    ----------
    patterns : array, (stimulus, unit)

    Returns
    -------
    bool array, (stimulus,)
    """
    if patterns.shape[1] == 1:
        return patterns[:, 0] == 0
    return patterns.max(axis=1) == patterns.min(axis=1)


def dissimilarity(patterns: np.ndarray, distance: str = "correlation", silent: str = "exclude") -> np.ndarray:
    """Return the RDM of `patterns`.

    Parameters
    ----------
    patterns : array, (stimulus, unit)
        Mean response of every unit to every stimulus.
    distance : "correlation", "cosine" or "euclidean"
    silent : "exclude" or "one"
        What becomes of a stimulus whose distance is undefined: its row and column are NaN, which comparisons leave
        out ("exclude"), or it is at distance 1 (uncorrelated) from all others and 0 from other silent ones ("one").

    Returns
    -------
    array, (stimulus, stimulus)
        Symmetric, zero on the diagonal.

    Raises
    ------
    ValueError
        For unknown names, fewer than 4 stimuli, NaN.
    """
    patterns = _checked(patterns)
    if distance not in DISTANCES:
        raise unknown("distance", distance, DISTANCES)
    if silent not in SILENT_RULES:
        raise unknown("rule for silent stimuli", silent, SILENT_RULES)
    matrix = DISTANCES[distance](patterns)
    undefined = np.isnan(np.diag(matrix))
    if silent == "one":
        matrix[undefined] = 1
        matrix[:, undefined] = 1
        matrix[np.ix_(undefined, undefined)] = 0
    matrix = (matrix + matrix.T) / 2
    np.fill_diagonal(matrix, 0)
    return matrix


def _checked(patterns: np.ndarray) -> np.ndarray:
    patterns = np.array(patterns, np.float64)
    if patterns.ndim != 2 or not patterns.shape[1]:
        raise ValueError(f"patterns have the shape {patterns.shape}; (stimulus, unit) is needed.")
    if len(patterns) < MIN_IMAGES:
        raise ValueError(
            f"patterns hold {len(patterns)} stimuli; at least {MIN_IMAGES} are needed: show more images."
        )
    if not np.isfinite(patterns).all():
        units = np.flatnonzero(~np.isfinite(patterns).all(axis=0))
        raise ValueError(
            f"patterns hold NaN or infinite values in {len(units)} of {patterns.shape[1]} units (first: unit "
            f"{units[0]}); drop these units."
        )
    return patterns


def pairs(n_images: int) -> tuple[np.ndarray, np.ndarray]:
    """Return row and column of every pair of images, row < column, in the order of numpy's upper triangle."""
    rows, columns = np.triu_indices(n_images, 1)
    return rows, columns


def pair_values(matrix: np.ndarray) -> np.ndarray:
    """Return the dissimilarities of all pairs: (..., image, image) to (..., pair)."""
    rows, columns = pairs(matrix.shape[-1])
    return matrix[..., rows, columns]


def cut(matrices: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """Return RDMs of some of the images: (rdm, image, image) and a mask (image,) to (rdm, kept, kept)."""
    return matrices[:, keep][:, :, keep]


def defined_images(matrix: np.ndarray) -> np.ndarray:
    """Return which images have a defined dissimilarity to the others.

    Parameters
    ----------
    matrix : array, (image, image)

    Returns
    -------
    bool array, (image,)

    Raises
    ------
    ValueError
        If the matrix is not square and symmetric, or if single entries (not whole rows) are NaN.
    """
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"an RDM has the shape {matrix.shape}; a square matrix is needed.")
    off_diagonal = ~np.eye(len(matrix), dtype=bool)
    defined = (np.isfinite(matrix) & off_diagonal).any(axis=1)
    inner = matrix[np.ix_(defined, defined)]
    if np.isnan(inner[off_diagonal[np.ix_(defined, defined)]]).any():
        raise ValueError(
            "an RDM holds single NaN entries; only whole rows may be undefined: compute the RDM again."
        )
    if not np.allclose(inner, inner.T, atol=1e-8):
        raise ValueError(
            f"an RDM is not symmetric (largest difference {np.abs(inner - inner.T).max():.3g}); "
            "compute it again."
        )
    return defined
