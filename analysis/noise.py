"""Noise covariance of units from single trials, for Mahalanobis and crossnobis distances.

Sources: Walther et al. 2016, doi 10.1016/j.neuroimage.2015.12.012 (multivariate noise normalisation); Ledoit & Wolf 2004,
doi 10.1016/S0047-259X(03)00096-4; Schäfer & Strimmer 2005, doi 10.2202/1544-6115.1175. rsatoolbox 0.3.2
(`cov_from_unbalanced`) is the oracle of the tests.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from analysis.presentations import trial_mean
from study.commands import unknown


def residuals(response: np.ndarray) -> tuple[np.ndarray, int]:
    """Return single trials minus the mean of their stimulus, and the degrees of freedom that are left.

    Parameters
    ----------
    response : array, (stimulus, repeat, unit)
        NaN is a missing trial; a trial that one unit lacks counts for none, since covariance needs all.

    Returns
    -------
    array, (trial, unit)
    int
        Trials minus stimuli.

    Raises
    ------
    ValueError
        With fewer than 2 trials more than stimuli.
    """
    whole = whole_trials(response)
    means = trial_mean(whole)
    rest = (whole - means[:, None])[np.isfinite(whole).all(axis=2)]
    free = len(rest) - int(np.isfinite(means).all(axis=1).sum())
    if free < 2:
        raise ValueError(
            f"the response leaves {free} degrees of freedom for noise ({len(rest)} whole trials of {len(response)} stimuli); at "
            "least 2 are needed: record more repeats, or use a distance without noise."
        )
    return rest, free


def whole_trials(response: np.ndarray) -> np.ndarray:
    """Return the response with all units of a trial NaN where one is."""
    return np.where(np.isfinite(response).all(axis=2, keepdims=True), response, np.nan)


def full(rest: np.ndarray, free: int) -> np.ndarray:
    """Return the sample covariance."""
    return rest.T @ rest / free


def diagonal(rest: np.ndarray, free: int) -> np.ndarray:
    """Return the variances alone: univariate noise normalisation."""
    return np.diag((rest**2).sum(axis=0) / free)


def ledoit_wolf(rest: np.ndarray, free: int) -> np.ndarray:
    """Return the sample covariance shrunk towards a multiple of the identity (`shrinkage_eye` of rsatoolbox)."""
    n, n_units = rest.shape
    sample = rest.T @ rest / n
    mean = np.trace(sample) / n_units
    distance = ((sample - mean * np.eye(n_units)) ** 2).sum()
    error = (((rest**2).sum(axis=1) ** 2).sum() / n - (sample**2).sum()) / n
    share = min(error, distance) / distance if distance > 0 else 1.0
    return np.asarray((share * mean * np.eye(n_units) + (1 - share) * sample) * n / free)


def schaefer_strimmer(rest: np.ndarray, free: int) -> np.ndarray:
    """Return the sample covariance shrunk towards its diagonal (`shrinkage_diag`, the default of rsatoolbox)."""
    n = len(rest)
    sample = rest.T @ rest / free
    spread = np.sqrt(np.diag(sample))
    scaled = rest / spread
    first, second = scaled.T @ scaled / (n - 1), (scaled**2).T @ scaled**2 / (n - 1)
    off = ~np.eye(len(sample), dtype=bool)
    error = (n / free**2 * (second - first**2))[off].sum()
    size = (first[off] ** 2).sum()
    share = min(max(error / size, 0), 1) if size > 0 else 1.0
    return np.asarray(sample * np.where(off, 1 - share, 1))


COVARIANCES: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "ledoit-wolf": ledoit_wolf,
    "schaefer-strimmer": schaefer_strimmer,
    "diagonal": diagonal,
    "full": full,
}


def noise_precision(response: np.ndarray, method: str = "ledoit-wolf") -> np.ndarray:
    """Return the inverse of the noise covariance of units.

    Parameters
    ----------
    response : array, (stimulus, repeat, unit)
        NaN is a missing trial.
    method : str
        One of `COVARIANCES`.

    Returns
    -------
    array, (unit, unit)

    Raises
    ------
    ValueError
        For an unknown method, units without noise, too few trials, or a covariance that has no inverse.
    """
    if method not in COVARIANCES:
        raise unknown("noise covariance", method, COVARIANCES)
    rest, free = residuals(response)
    still = np.flatnonzero((rest**2).sum(axis=0) == 0)
    if len(still):
        raise ValueError(
            f"{len(still)} of {rest.shape[1]} units never vary from trial to trial (first: unit {still[0]}), so their noise has "
            "no inverse; drop these units, or use a distance without noise."
        )
    if method == "full" and free < rest.shape[1]:
        raise ValueError(
            f"the full covariance of {rest.shape[1]} units has no inverse with {free} degrees of freedom; use ledoit-wolf."
        )
    return np.linalg.inv(COVARIANCES[method](rest, free))
