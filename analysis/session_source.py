"""Recording source `session`: single trials of one 2-photon session."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from analysis.recording_file import Recording
from analysis.trials import cell_reliability, trial_recording
from study.provenance import provenance

ITEM = "allen-session-636930038"
SITES = {"allen-session-636930038": "VISp_layer5", "allen-session-614535829": "VISp_sst"}
CITATION = "de Vries et al. 2020, doi 10.1038/s41593-019-0550-9, (c) Allen Institute; non-commercial use."
LAGS = (0, 1)


def trials_by_frame(
    frame: np.ndarray, response: np.ndarray, lag: int = 1, gray: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Sort presentations by frame number.

    Presentations follow each other every 0.25 s without a gap, and the calcium indicator is slower than that: the
    response to presentation t is read at presentation t + lag.

    Parameters
    ----------
    frame : int array, (presentation,)
        -1 is the gray screen.
    response : array, (cell, presentation)
    lag : 0 or 1
    gray : bool
        Keep the gray screen.

    Returns
    -------
    response : array, (stimulus, repeat, cell)
        As many repeats as every frame has: the lag cuts the last presentation off.
    stimulus : int array, (stimulus,)
    """
    if lag not in LAGS:
        raise ValueError(f"lag is {lag} presentations; allowed are 0 and 1.")
    shown, read = frame[: len(frame) - lag], response[:, lag:]
    stimulus = np.unique(shown)
    if not gray:
        stimulus = stimulus[stimulus >= 0]
    places = [np.flatnonzero(shown == s) for s in stimulus]
    n_repeats = min(map(len, places))
    return np.stack([read[:, p[:n_repeats]].T for p in places]).astype(np.float64), stimulus.astype(np.int64)


def load_session(path: str | Path, site: str, lag: int = 1, gray: bool = False) -> Recording:
    """Read a session's single trials (peak dF/F per presentation) as the recording of one site.

    Parameters
    ----------
    path : path
        npz file with `frame` (presentation,) and `max_dff` (cell, presentation).
    site : str
    lag : 0 or 1
    gray : bool

    Raises
    ------
    ValueError
        If the file lacks something, or a cell holds NaN.
    """
    with np.load(path, allow_pickle=False) as file:
        if not {"frame", "max_dff"} <= set(file.files):
            raise ValueError(f"{path} holds {', '.join(file.files)}; frame and max_dff are needed.")
        frame, traces = file["frame"], file["max_dff"]
    bad = np.isnan(traces).any(axis=1)
    if bad.any():
        raise ValueError(f"{path}: {int(bad.sum())} of {len(bad)} cells hold NaN; drop these cells.")
    response, stimulus = trials_by_frame(frame, traces, lag, gray)
    facts = provenance({"lag": lag, "gray": gray}, {"recording": path})
    facts.update(source="session", simulated="false", citation=CITATION, distance="correlation")
    facts.update(lag=str(lag), gray=str(gray).lower(), response="2-photon, peak dF/F of a presentation")
    facts["median_cell_reliability"] = f"{np.nanmedian(cell_reliability(response)):.3f}"
    return trial_recording(response, stimulus, site, facts)
