"""From presentations in the order of time to trials in the order of frame numbers."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

BLANK = -1
N_FRAMES = 118


def check_frames(
    frame: np.ndarray, where: str, n_frames: int = N_FRAMES, without: Collection[int] = ()
) -> None:
    """Raise ValueError unless `frame` holds every frame number 0 to n_frames - 1, and nothing else but blanks.

    Parameters
    ----------
    frame : array, (presentation,)
        -1 is the blank.
    where : str
        Name of the file, for the message.
    n_frames : int
    without : collection of int
        Frames that may be missing, because a source had to drop them.
    """
    shown = np.unique(frame)
    wrong = shown[(shown != np.floor(shown)) | (shown < BLANK) | (shown >= n_frames)]
    if len(wrong) or np.isnan(shown).any():
        first = wrong[0] if len(wrong) else np.nan
        raise ValueError(
            f"{where}: frame {first:g} was shown, but the natural scenes are 0 to {n_frames - 1} and {BLANK} (blank); "
            "take the frame column, not the stimulus condition."
        )
    missing = np.setdiff1d(np.arange(n_frames), [*shown, *without])
    if len(missing):
        raise ValueError(
            f"{where}: {len(missing)} of the {n_frames} natural scenes were never shown (first: frame {missing[0]}); "
            "take a session in which all were."
        )


def trials_by_frame(
    frame: np.ndarray, response: np.ndarray, gray: bool = False, equal: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Sort presentations by frame number; blanks are dropped unless asked for.

    Parameters
    ----------
    frame : int array, (presentation,)
        -1 is the blank (gray screen).
    response : array, (presentation, unit)
        NaN where there is none.
    gray : bool
        Keep the blank as stimulus -1.
    equal : bool
        Give every frame as many repeats as the rarest has. Otherwise, shorter rows end in NaN.

    Returns
    -------
    response : array, (stimulus, repeat, unit)
        Repeats in the order of presentation.
    stimulus : int array, (stimulus,)
        Ascending frame numbers.
    """
    stimulus = np.unique(frame).astype(np.int64)
    stimulus = stimulus if gray else stimulus[stimulus != BLANK]
    places = [np.flatnonzero(frame == s) for s in stimulus]
    n_repeats = (min if equal else max)(map(len, places))
    trials = np.full((len(stimulus), n_repeats, response.shape[1]), np.nan)
    for row, place in zip(trials, places, strict=True):
        row[: len(place[:n_repeats])] = response[place[:n_repeats]]
    return trials, stimulus


def trial_mean(response: np.ndarray) -> np.ndarray:
    """Return the mean over the trials that there are: (stimulus, repeat, unit) to (stimulus, unit).

    NaN is a missing trial; without any trial the mean is NaN.
    """
    there = np.isfinite(response)
    if there.all():
        return np.asarray(response.mean(axis=1))
    count = there.sum(axis=1)
    total = np.where(there, response, 0).sum(axis=1)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
