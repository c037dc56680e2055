"""How well a perfect model could do: named ceilings of a site's score.

Source of the bounds between subjects: Nili et al. 2014, doi 10.1371/journal.pcbi.1003553.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from analysis.compare import compare_many
from analysis.rdm import pair_values
from analysis.recording_file import Recording
from analysis.trials import half_reliability
from study.commands import unknown

Bounds = tuple[np.ndarray, np.ndarray]


def trial_ceiling(recording: Recording, metric: str) -> Bounds:
    """Return what trial noise allows: correlation of half the trials with the other half, and of all trials.

    Pearson, Spearman-Brown corrected, as published or computed from the trials, whatever `metric` is: the correction
    is not grounded for other measures. Noise within the recorded cells only; other animals agree much less.
    """
    return np.asarray(half_reliability(recording.ceiling)), recording.ceiling


def site_ceiling(recording: Recording, metric: str) -> Bounds:
    """Return what agreement between all sites allows."""
    return _between(recording, metric, np.ones((len(recording.site),) * 2, bool))


def area_ceiling(recording: Recording, metric: str) -> Bounds:
    """Return what agreement between the sites (layers) of one area allows; NaN for an area with one site."""
    return _between(recording, metric, recording.area[:, None] == recording.area[None])


def _between(recording: Recording, metric: str, together: np.ndarray) -> Bounds:
    """Return bounds from the sites that belong together (site, site).

    Lower: mean score of the other sites as models of this one. Upper: score of the mean RDM of all of them, this one
    included; RDMs are ranked first, so that each counts alike.
    """
    matrices = recording.dissimilarity
    scores = compare_many(matrices, matrices, metric)
    ranks = _ranked(matrices)
    lower, upper = np.full(len(matrices), np.nan), np.full(len(matrices), np.nan)
    for site, row in enumerate(together):
        others = row.copy()
        others[site] = False
        if others.any():
            lower[site] = scores[others, site].mean()
            mean = ranks[row].mean(axis=0)
            upper[site] = compare_many(mean[None], matrices[site][None], metric)[0, 0]
    return lower, upper


def _ranked(matrices: np.ndarray) -> np.ndarray:
    from scipy.stats import rankdata

    n = matrices.shape[-1]
    rows, columns = np.triu_indices(n, 1)
    ranked = np.zeros(matrices.shape)
    ranked[:, rows, columns] = ranked[:, columns, rows] = rankdata(pair_values(matrices), axis=1)
    return ranked


CEILINGS: dict[str, Callable[[Recording, str], Bounds]] = {
    "sites": site_ceiling,
    "area": area_ceiling,
    "trials": trial_ceiling,
}


def ceiling(recording: Recording, name: str, metric: str) -> Bounds:
    """Return (lower, upper) per site; trial bounds where sites cannot be compared because there is only one.

    Parameters
    ----------
    recording : Recording
    name : "sites", "area" or "trials"
    metric : str

    Returns
    -------
    lower, upper : array, (site,)
    """
    if name not in CEILINGS:
        raise unknown("ceiling", name, CEILINGS)
    return CEILINGS[ceiling_used(recording, name)](recording, metric)


def ceiling_used(recording: Recording, name: str) -> str:
    """Return the ceiling's name after the fall-back for recordings of one site."""
    return "trials" if len(recording.site) == 1 else name
