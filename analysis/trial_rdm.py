"""RDMs from single trials: missing trials, noise-normalised and cross-validated distances.

Crossnobis: Walther et al. 2016, doi 10.1016/j.neuroimage.2015.12.012. rsatoolbox 0.3.2 is the oracle of the tests.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from analysis.noise import COVARIANCES, noise_precision, whole_trials
from analysis.presentations import trial_mean
from analysis.rdm import DISTANCES, MIN_IMAGES, dissimilarity
from analysis.recording_file import Recording
from analysis.trials import compared_trials
from study.commands import unknown

TRIAL_DISTANCES = ("mahalanobis", "crossnobis")
ALL_DISTANCES = (*DISTANCES, *TRIAL_DISTANCES)


@dataclasses.dataclass(frozen=True)
class Distance:
    """How dissimilarities are computed.

    Parameters
    ----------
    name : str
        One of `ALL_DISTANCES`.
    noise : str
        One of `noise.COVARIANCES`; read by mahalanobis and crossnobis alone.
    silent : str
        See `rdm.dissimilarity`.
    """

    name: str = "correlation"
    noise: str = "ledoit-wolf"
    silent: str = "exclude"

    def __post_init__(self) -> None:
        if self.name not in ALL_DISTANCES:
            raise unknown("distance", self.name, ALL_DISTANCES)
        if self.noise not in COVARIANCES:
            raise unknown("noise covariance", self.noise, COVARIANCES)

    @property
    def of_trials(self) -> bool:
        """Whether single trials are needed."""
        return self.name in TRIAL_DISTANCES

    @property
    def words(self) -> str:
        """Name, with the noise covariance where it matters: `crossnobis (ledoit-wolf)`."""
        return f"{self.name} ({self.noise})" if self.of_trials else self.name


def trial_rdm(response: np.ndarray, distance: Distance) -> np.ndarray:
    """Return the RDM of single trials.

    Parameters
    ----------
    response : array, (stimulus, repeat, unit)
        NaN is a missing trial: repeats may differ from stimulus to stimulus, and between units where distances are of
        means. Mahalanobis and crossnobis leave trials out that any unit lacks.
    distance : Distance

    Returns
    -------
    array, (stimulus, stimulus)
        Zero on the diagonal. Crossnobis may be below zero elsewhere: it is zero on average for stimuli that do not differ.

    Raises
    ------
    ValueError
        If a stimulus has too few trials, see also `rdm.dissimilarity` and `noise.noise_precision`.
    """
    if not distance.of_trials:
        return dissimilarity(trial_mean(response), distance.name, distance.silent)
    if len(response) < MIN_IMAGES:
        raise ValueError(
            f"the response holds {len(response)} stimuli; at least {MIN_IMAGES} are needed: show more images."
        )
    response = whole_trials(response)
    _check_trials(response, 2 if distance.name == "crossnobis" else 1)
    precision = noise_precision(response, distance.noise)
    inner = (
        crossvalidated(response, precision) if distance.name == "crossnobis" else plain(response, precision)
    )
    own = np.diag(inner)
    matrix = (own[:, None] + own[None] - inner - inner.T) / response.shape[2]
    np.fill_diagonal(matrix, 0)
    return np.asarray(matrix)


def _check_trials(response: np.ndarray, wanted: int) -> None:
    n_trials = np.isfinite(response).all(axis=2).sum(axis=1)
    few = np.flatnonzero(n_trials < wanted)
    if len(few):
        raise ValueError(
            f"{len(few)} of {len(response)} stimuli have fewer than {wanted} trials that all units share (first: stimulus "
            f"{few[0]}, {n_trials[few[0]]} trials); take more repeats, drop units with missing trials, or use a distance of means such as correlation."
        )


def plain(response: np.ndarray, precision: np.ndarray) -> np.ndarray:
    """Return inner products of mean patterns in the metric of the precision: (stimulus, stimulus)."""
    means = trial_mean(response)
    return np.asarray(means @ precision @ means.T)


def crossvalidated(response: np.ndarray, precision: np.ndarray) -> np.ndarray:
    """Return inner products from which noise cancels: means over all pairs of trials from different repeats.

    With equal numbers of trials this is the leave-one-repeat-out mean. All pairs at once: the products of sums over
    trials less those within a repeat, divided by the number of pairs.

    Parameters
    ----------
    response : array, (stimulus, repeat, unit)
    precision : array, (unit, unit)

    Returns
    -------
    array, (stimulus, stimulus)
    """
    there = np.isfinite(response).all(axis=2)
    values = np.where(there[:, :, None], response, 0)
    total = values.sum(axis=1)
    inner = total @ precision @ total.T
    for repeat in range(values.shape[1]):
        inner -= values[:, repeat] @ precision @ values[:, repeat].T
    n, together = there.sum(axis=1), there.astype(float)
    return np.asarray(inner / (np.outer(n, n) - together @ together.T))


def with_distance(recording: Recording, distance: Distance) -> Recording:
    """Return a recording with its sites' RDMs made anew from its single trials.

    Units are z-scored where they were for the recorded RDMs. The trial reliability, that of correlation distances, is not
    known for another distance: NaN.

    Raises
    ------
    ValueError
        If it holds no single trials.
    """
    matrices = []
    for site in map(str, recording.site):
        try:
            matrices.append(trial_rdm(compared_trials(recording, site), distance))
        except ValueError as error:
            raise ValueError(f"site {site}: {error}") from error
    same = distance.name == "correlation"
    return dataclasses.replace(
        recording,
        dissimilarity=np.stack(matrices),
        ceiling=recording.ceiling if same else np.full(len(matrices), np.nan),
        attributes={**recording.attributes, "distance": distance.name, "noise": distance.noise},
    )


def recorded_distance(recording: Recording) -> Distance:
    """Return how a recording's RDMs were made from its trials; correlation where it does not say."""
    name = recording.attributes.get("distance", "")
    noise = recording.attributes.get("noise", Distance.noise)
    return Distance(name if name in ALL_DISTANCES else Distance.name, noise)
