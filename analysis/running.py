"""Running of the mouse: which presentations it was shown while running, and which cells care."""

from __future__ import annotations

import numpy as np
from scipy import stats

from analysis.presentations import BLANK, trial_mean, trials_by_frame
from study.commands import unknown

THRESHOLD_CM_S = 1.0
MIN_TRIALS = 5  # in each of the two states
STATES = ("all", "running", "still")


def in_state(
    frame: np.ndarray, speed: np.ndarray, state: str, threshold_cm_s: float, where: str
) -> np.ndarray:
    """Return which presentations belong to a state of the mouse.

    Parameters
    ----------
    frame : array, (presentation,)
    speed : array, (presentation,)
        Mean running speed in cm/s; NaN where unknown, which belongs to "all" only.
    state : "all", "running" (at or above the threshold) or "still"
    threshold_cm_s : float
    where : str
        Name of the file, for messages.

    Returns
    -------
    bool array, (presentation,)

    Raises
    ------
    ValueError
        For an unknown state, where the speed was not recorded, or if a scene was never shown in that state.
    """
    if state not in STATES:
        raise unknown("running state", state, STATES)
    if state == "all":
        return np.ones(len(speed), bool)
    if np.isnan(speed).all():
        raise ValueError(
            f"{where} holds no running speed, so its trials cannot be split; take --running all instead of {state}."
        )
    running = speed >= threshold_cm_s
    keep = running if state == "running" else np.isfinite(speed) & ~running
    never = np.setdiff1d(frame, [*frame[keep], BLANK])
    if len(never):
        doing = "ran" if state == "running" else "was still"
        raise ValueError(
            f"{where}: {len(never)} scenes were never shown while the mouse {doing} (first: frame {never[0]:g}); take "
            "--running all, another --running-threshold, or another session."
        )
    return keep


def running_modulation(
    frame: np.ndarray, values: np.ndarray, speed: np.ndarray, threshold_cm_s: float = THRESHOLD_CM_S
) -> np.ndarray:
    """Return the p-value of each unit's modulation by running, at the scene that drives it most.

    Welch's t-test between the presentations of that scene during running and at rest, as in the Allen Institute's
    `NaturalScenes.get_peak` (`p_run_ns`).

    Parameters
    ----------
    frame : int array, (presentation,)
    values : array, (presentation, unit)
    speed : array, (presentation,), cm/s
    threshold_cm_s : float

    Returns
    -------
    array, (unit,)
        NaN with fewer than 5 presentations in either state.
    """
    scenes = np.unique(frame[frame != BLANK])
    means = trial_mean(trials_by_frame(frame, values)[0])
    preferred = scenes[np.where(np.isfinite(means), means, -np.inf).argmax(axis=0)]
    p = np.full(values.shape[1], np.nan)
    for unit, scene in enumerate(preferred):
        trials, run = values[frame == scene, unit], speed[frame == scene]
        groups = trials[run >= threshold_cm_s], trials[run < threshold_cm_s]
        groups = tuple(group[np.isfinite(group)] for group in groups)
        if min(map(len, groups)) >= MIN_TRIALS:
            p[unit] = stats.ttest_ind(*groups, equal_var=False).pvalue
    return p
