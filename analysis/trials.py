"""Single trials: reliability of cells and of RDMs, and the recording that they make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from analysis.rdm import dissimilarity, pair_values
from analysis.recording_file import Recording

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
        yield response[:, order[:half]].mean(axis=1), response[:, order[half : 2 * half]].mean(axis=1)


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
        a, b = a - a.mean(axis=0), b - b.mean(axis=0)
        norm = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
        total += np.divide((a * b).sum(axis=0), norm, out=np.full(norm.shape, np.nan), where=norm > 0)
    return total / n_halves


def rdm_reliability(response: np.ndarray, n_halves: int = N_HALVES, seed: int = HALVES_SEED) -> float:
    """Return the Pearson correlation between the RDMs of two halves of the trials, mean over splits, corrected.

    Parameters
    ----------
    response : array, (stimulus, repeat, unit)

    Returns
    -------
    float
        Spearman-Brown corrected; NaN if a half leaves a stimulus without a pattern.
    """
    r = []
    for a, b in halves(response, n_halves, seed):
        first, second = (pair_values(dissimilarity(half)) for half in (a, b))
        defined = np.isfinite(first) & np.isfinite(second)
        r.append(np.corrcoef(first[defined], second[defined])[0, 1])
    return float(spearman_brown(np.mean(r)))


def trial_recording(
    response: np.ndarray, stimulus: np.ndarray, site: str, attributes: Mapping[str, str]
) -> Recording:
    """Return the recording of one site from its single trials.

    Parameters
    ----------
    response : array, (stimulus, repeat, unit)
    stimulus : int array, (stimulus,)
    site : str
        Such as `VISp_layer5`.
    attributes : mapping of str to str
    """
    return Recording(
        site=np.array([site]),
        stimulus=np.asarray(stimulus, np.int64),
        dissimilarity=dissimilarity(response.mean(axis=1))[None],
        ceiling=np.array([rdm_reliability(response)]),
        n_cells=np.array([response.shape[2]]),
        response=response,
        attributes={**attributes, "site": site},
    )
