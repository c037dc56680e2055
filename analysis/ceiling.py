"""How well a perfect model could do: named ceilings of a site's score.

The bounds from pooled sites are those of Nili et al. 2014, doi 10.1371/journal.pcbi.1003553, with sites in the place of
subjects. Sites share animals and see the same images, so the bounds say what is common to sites of these animals; they
are too high for what is common to mice.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.stats import rankdata

from analysis.compare import CENTRINGS, centred_unit, compare_many, unit
from analysis.rdm import MIN_IMAGES, defined_images, pair_values, pairs
from analysis.recording_file import Recording
from analysis.trial_rdm import recorded_distance, trial_rdm
from analysis.trials import HALVES_SEED, compared_trials, half_reliability, spearman_brown
from study.commands import unknown

N_UNIT_HALVES = 50
MIN_HALF = 2  # units

Bounds = tuple[np.ndarray, np.ndarray]


def trial_ceiling(recording: Recording, metric: str) -> Bounds:
    """Return what trial noise allows, from the reliability R of a site's RDM.

    Lower: a model no better than half of the trials, scored on the other half. Upper: a model without any noise, whose
    correlation with the recorded RDM is sqrt(R) (Spearman 1904), since R is the correlation of two equally noisy RDMs.
    Pearson, whatever `metric` is: neither step is grounded for other measures. Noise within the recorded cells only;
    other sites agree less.
    """
    reliability = recording.ceiling
    return np.asarray(half_reliability(reliability)), np.sqrt(np.maximum(reliability, 0))


def site_ceiling(recording: Recording, metric: str) -> Bounds:
    """Return what agreement between all sites allows; of a recording that is cut in time, all sites of the same bin."""
    return _pooled(recording, metric, same_window(recording))


def same_window(recording: Recording) -> np.ndarray:
    """Return which sites have the same bin of time: bool (site, site). Bins of one site are no other neurons."""
    return np.asarray(recording.window[:, None] == recording.window[None])


def area_ceiling(recording: Recording, metric: str) -> Bounds:
    """Return what agreement between the sites of one area allows: its layers, or its animals where sites are split by session.

    NaN for an area with one site.
    """
    of_area = recording.area[:, None] == recording.area[None]
    return _pooled(recording, metric, of_area & same_window(recording))


def pair_ceiling(recording: Recording, metric: str) -> Bounds:
    """Return how well single sites predict each other: mean and highest score of the other sites as models of one."""
    scores = compare_many(recording.dissimilarity, recording.dissimilarity, metric)
    others = same_window(recording) & ~np.eye(len(scores), dtype=bool)
    found = [row[chosen] for row, chosen in zip(scores, others, strict=True)]
    return np.array([s.mean() for s in found]), np.array([s.max() for s in found])


def unit_ceiling(recording: Recording, metric: str) -> Bounds:
    """Return what the sample of recorded units allows, from random halves of a site's units. Needs single trials.

    Lower: score of one half's RDM with the other's. Upper, for Pearson: sqrt(R) with R the Spearman-Brown corrected
    correlation of halves, what a model of all units of the site, recorded or not, would reach. Spearman-Brown is grounded
    for no other measure: there the upper bound is the score of a half with the whole that it is part of.
    """
    found = np.array([unit_halves(recording, str(site), metric).mean(axis=0) for site in recording.site])
    lower, upper = found[:, 0], found[:, 1]
    if metric == "pearson":
        upper = np.sqrt(np.maximum(spearman_brown(lower), 0))
    return lower, np.asarray(upper)


def unit_halves(recording: Recording, site: str, metric: str) -> np.ndarray:
    """Return scores of random halves of a site's units: (half, 2), with the other half and with the whole.

    The first is also the positive control of the table (`other-half`): what a model that is the same brain would score.

    Returns
    -------
    array, (half, 2)
        NaN for a site with fewer than 4 units, or halves that leave fewer than 4 images with a pattern.

    Raises
    ------
    ValueError
        If the recording holds no single trials.
    """
    response = compared_trials(recording, site)
    distance = recorded_distance(recording)
    scores = np.full((N_UNIT_HALVES, 2), np.nan)
    generator = np.random.default_rng(HALVES_SEED)
    half = response.shape[2] // 2
    for k in range(N_UNIT_HALVES if half >= MIN_HALF else 0):
        order = generator.permutation(response.shape[2])
        first, second, whole = (
            trial_rdm(response[:, :, part], distance)
            for part in (order[:half], order[half : 2 * half], order)
        )
        both = defined_images(first) & defined_images(second)
        if both.sum() >= MIN_IMAGES:
            keep = np.ix_(both, both)
            scores[k] = compare_many(first[keep][None], np.stack([second[keep], whole[keep]]), metric)[0]
    return scores


def _pooled(recording: Recording, metric: str, together: np.ndarray) -> Bounds:
    """Return bounds from the sites that belong together (site, site).

    Lower: score of the mean RDM of the others. Upper: score of the mean RDM of all of them, this one included. RDMs
    are standardised before they are averaged, so that each counts alike.
    """
    matrices = recording.dissimilarity
    alike = standardised(matrices, metric)
    bounds = np.full((2, len(matrices)), np.nan)
    for site, row in enumerate(together):
        others = row & (np.arange(len(row)) != site)
        if others.any():
            means = np.stack([alike[others].mean(axis=0), alike[row].mean(axis=0)])
            bounds[:, site] = compare_many(means, matrices[site][None], metric)[:, 0]
    return bounds[0], bounds[1]


def standardised(matrices: np.ndarray, metric: str) -> np.ndarray:
    """Return RDMs in the form in which a mean over them is alike all of them as far as `metric` sees.

    Ranks for measures of ranks, dissimilarities z-scored for pearson and at length 1 for cosine, and the whole divided
    by the length of its centred matrix for the measures that centre matrices (linear-cka and its kin).

    Parameters
    ----------
    matrices : array, (site, image, image)
    metric : str

    Returns
    -------
    array, (site, image, image)
    """
    if metric in CENTRINGS:
        lengths = np.linalg.norm(CENTRINGS[metric](matrices), axis=(1, 2))
        return np.asarray(matrices / lengths[:, None, None])
    values = pair_values(matrices)
    form = {"pearson": centred_unit, "cosine": unit}.get(metric, lambda v: rankdata(v, axis=1))
    rows, columns = pairs(matrices.shape[-1])
    result = np.zeros(matrices.shape)
    result[:, rows, columns] = result[:, columns, rows] = form(values)
    return result


CEILINGS: dict[str, Callable[[Recording, str], Bounds]] = {
    "sites": site_ceiling,
    "area": area_ceiling,
    "pairs": pair_ceiling,
    "trials": trial_ceiling,
    "neurons": unit_ceiling,
}


def ceiling(recording: Recording, name: str, metric: str) -> Bounds:
    """Return (lower, upper) per site; trial bounds where sites cannot be compared because there is only one.

    Parameters
    ----------
    recording : Recording
    name : str
        One of `CEILINGS`.
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
    alone = len(recording.site) == len(set(recording.window))
    return "trials" if alone and name != "neurons" else name
