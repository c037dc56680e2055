"""Recording source `session`: single trials of one 2-photon session."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from analysis.presentations import check_frames, trials_by_frame
from analysis.recording_file import Recording
from analysis.trials import cell_reliability, trial_recording
from analysis.units import Units, make_units
from study.provenance import provenance

ITEM = "allen-session-636930038"
SITES = {"allen-session-636930038": "VISp_layer5", "allen-session-614535829": "VISp_sst"}
CITATION = "de Vries et al. 2020, doi 10.1038/s41593-019-0550-9, (c) Allen Institute; non-commercial use."
CRE_LINES = {"636930038": "Fezf2-CreER", "614535829": "Sst-IRES-Cre"}
LAGS = (0, 1)


def lagged(frame: np.ndarray, response: np.ndarray, lag: int) -> tuple[np.ndarray, np.ndarray]:
    """Pair every presentation with the response `lag` presentations later.

    Presentations follow each other every 0.25 s without a gap, and the calcium indicator is slower than that. The
    last `lag` presentations have no response.

    Parameters
    ----------
    frame : int array, (presentation,)
    response : array, (presentation, cell)
    lag : 0 or 1
    """
    if lag not in LAGS:
        raise ValueError(f"lag is {lag} presentations; allowed are 0 and 1.")
    return frame[: len(frame) - lag], response[lag:]


def load_session(
    path: str | Path, site: str, lag: int = 1, gray: bool = False, z_score: bool = False
) -> Recording:
    """Read a session's single trials (peak dF/F per presentation) as the recording of one site.

    Parameters
    ----------
    path : path
        npz file with `frame` (presentation,) and `max_dff` (cell, presentation).
    site : str
    lag : 0 or 1
    gray : bool
    z_score : bool
        Z-score every cell over stimuli before the RDM.

    Raises
    ------
    ValueError
        If the file lacks something, or a cell holds NaN.
    """
    with np.load(path, allow_pickle=False) as file:
        if not {"frame", "max_dff"} <= set(file.files):
            raise ValueError(f"{path} holds {', '.join(file.files)}; frame and max_dff are needed.")
        frame, traces = file["frame"], file["max_dff"]
        ids = file["cell_specimen_id"] if "cell_specimen_id" in file.files else np.arange(len(traces))
    if traces.ndim != 2 or traces.shape[1] != len(frame):
        raise ValueError(
            f"{path}: max_dff has the shape {traces.shape}; (cell, {len(frame)}) is needed, one value a presentation."
        )
    bad = np.isnan(traces).any(axis=1)
    if bad.any():
        raise ValueError(f"{path}: {int(bad.sum())} of {len(bad)} cells hold NaN; drop these cells.")
    shown, read = lagged(frame, traces.T, lag)
    check_frames(shown, str(path))
    response, stimulus = trials_by_frame(shown, read, gray, equal=True)
    facts = provenance({"lag": lag, "gray": gray, "z_score": z_score}, {"recording": path})
    facts.update(source="session", simulated="false", citation=CITATION, distance="correlation")
    facts.update(lag=str(lag), gray=str(gray).lower(), response="2-photon, peak dF/F of a presentation")
    reliability = cell_reliability(response)
    facts["median_cell_reliability"] = f"{np.nanmedian(reliability):.3f}"
    units = _units(Path(path).stem, ids, site, reliability)
    return trial_recording(response, stimulus, units, facts, z_score)


def _units(name: str, ids: np.ndarray, site: str, reliability: np.ndarray) -> Units:
    area, _, layer = site.partition("_")
    facts = {
        "unit_id": ids,
        "area": area,
        "layer": layer,
        "cre_line": CRE_LINES.get(name, ""),
        "reliability": reliability,
        "session": int(name) if name.isdigit() else -1,
    }
    return make_units(len(ids), facts)
