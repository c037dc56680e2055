"""Single trials: reliability of cells and of RDMs, and the recording that they make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from analysis.presentations import trial_mean
from analysis.rdm import dissimilarity, pair_values
from analysis.recording_file import Recording
from analysis.units import Units, make_units

N_HALVES = 100
HALVES_SEED = 0


def spearman_brown(r: np.ndarray | float) -> np.ndarray | float:
    """Return the reliability of the whole from the correlation r of its halves: 2 r / (1 + r).

    Grounded for Pearson correlations only. Source: Spearman 1910, Brown 1910.
    """
    return 2 * r / (1 + r)


def half_reliability(whole: np.ndarray | float) -> np.ndarray | float:
    """Return the correlation of halves that Spearman-Brown turned into `whole`: w / (2 - w)."""
    return whole / (2 - whole)


def halves(
    response: np.ndarray, n_halves: int = N_HALVES, seed: int = HALVES_SEED
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield mean responses (stimulus, unit) of random halves of the repeats.

    Parameters
    ----------
    response : array, (stimulus, repeat, unit)
        NaN is a missing trial; a half without any trial of a stimulus is NaN there.
    n_halves : int
        How many random splits.
    seed : int

    Raises
    ------
    ValueError
        If there are fewer than 2 repeats.
    """
    n_repeats = response.shape[1]
    if n_repeats < 2:
        raise ValueError(f"the response has {n_repeats} repeat; at least 2 are needed to split it.")
    generator = np.random.default_rng(seed)
    for _ in range(n_halves):
        order = generator.permutation(n_repeats)
        half = n_repeats // 2
        yield trial_mean(response[:, order[:half]]), trial_mean(response[:, order[half : 2 * half]])


def cell_reliability(response: np.ndarray, n_halves: int = N_HALVES, seed: int = HALVES_SEED) -> np.ndarray:
    """Return each cell's split-half reliability: correlation over stimuli of the means of two halves of the trials.

    Parameters
    ----------
    response : array, (stimulus, repeat, unit)

    Returns
    -------
    array, (unit,), in [-1, 1]
        Mean over random splits, without Spearman-Brown correction; NaN for a constant cell.
    """
    total = np.zeros(response.shape[2])
    for a, b in halves(response, n_halves, seed):
        total += _unit_correlation(a, b)
    return total / n_halves


def _unit_correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return each unit's correlation of two patterns (stimulus, unit), over the stimuli that both have."""
    both = np.isfinite(a) & np.isfinite(b)
    n = np.maximum(both.sum(axis=0), 1)
    a, b = (np.where(both, x - np.where(both, x, 0).sum(axis=0) / n, 0) for x in (a, b))
    norm = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    return np.divide((a * b).sum(axis=0), norm, out=np.full(norm.shape, np.nan), where=norm > 0)


def z_scored(patterns: np.ndarray) -> np.ndarray:
    """Return patterns (stimulus, unit) with mean 0 and variance 1 over stimuli for every unit that varies."""
    spread = patterns.std(axis=0)
    return np.asarray((patterns - patterns.mean(axis=0)) / np.where(spread > 0, spread, 1))


def compared_trials(recording: Recording, site: str) -> np.ndarray:
    """Return the single trials (stimulus, repeat, unit) of a site as its RDM takes them: z-scored units if it was recorded so.

    Every unit is scaled so that its means over trials are z-scored over stimuli. Errors as `Recording.site_response`.
    """
    response = recording.site_response(site)
    if recording.attributes.get("z_score") != "true":
        return response
    means = trial_mean(response)
    spread = means.std(axis=0)
    return np.asarray((response - means.mean(axis=0)) / np.where(spread > 0, spread, 1))


def rdm_reliability(
    response: np.ndarray, n_halves: int = N_HALVES, seed: int = HALVES_SEED, z_score: bool = False
) -> float:
    """Return the Pearson correlation between the RDMs of two halves of the trials, mean over splits, corrected.

    Parameters
    ----------
    response : array, (stimulus, repeat, unit)
    n_halves, seed : int
    z_score : bool
        Z-score every unit over stimuli before each RDM.

    Returns
    -------
    float
        Spearman-Brown corrected; NaN if no pair of stimuli has a dissimilarity in both halves. Units without any trial
        of a stimulus in a half are left out of that split.
    """
    r = []
    for a, b in halves(response, n_halves, seed):
        whole = np.isfinite(a + b).all(axis=0)
        if not whole.any():
            return np.nan
        a, b = a[:, whole], b[:, whole]
        first, second = (pair_values(_rdm(half, z_score)) for half in (a, b))
        defined = np.isfinite(first) & np.isfinite(second)
        if defined.sum() < 2:
            return np.nan
        r.append(np.corrcoef(first[defined], second[defined])[0, 1])
    return float(spearman_brown(np.mean(r)))


def trial_recording(
    response: np.ndarray,
    stimulus: np.ndarray,
    units: str | Units,
    attributes: Mapping[str, str],
    z_score: bool = False,
) -> Recording:
    """Return the recording that single trials make: RDM of the mean over trials and its reliability, site by site.

    Parameters
    ----------
    response : array, (stimulus, repeat, unit)
        NaN is a missing trial.
    stimulus : int array, (stimulus,)
    units : Units or str
        What the units are, or the name of the one site to which all belong, such as `VISp_layer5`.
    attributes : mapping of str to str
    z_score : bool
        Z-score every unit over stimuli before the RDM. Otherwise loud units dominate it.

    Raises
    ------
    ValueError
        If a unit lacks all trials of a stimulus.
    """
    if isinstance(units, str):
        facts = {"area": units.split("_")[0], "site": units, "reliability": cell_reliability(response)}
        units = make_units(response.shape[2], facts)
    sites = np.array(list(dict.fromkeys(map(str, units.site))))
    parts = [response[:, :, units.site == site] for site in sites]
    return Recording(
        site=sites,
        stimulus=np.asarray(stimulus, np.int64),
        dissimilarity=np.stack(
            [_site_rdm(part, site, z_score) for part, site in zip(parts, sites, strict=True)]
        ),
        ceiling=np.array([rdm_reliability(part, z_score=z_score) for part in parts]),
        n_cells=np.array([part.shape[2] for part in parts]),
        response=response,
        attributes={**attributes, "site": "; ".join(sites), "z_score": str(z_score).lower()},
        units=units,
    )


def _site_rdm(response: np.ndarray, site: str, z_score: bool) -> np.ndarray:
    try:
        return _rdm(trial_mean(response), z_score)
    except ValueError as error:
        raise ValueError(f"site {site}: {error}") from error


def _rdm(patterns: np.ndarray, z_score: bool) -> np.ndarray:
    return dissimilarity(z_scored(patterns) if z_score else patterns)
