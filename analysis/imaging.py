"""2-photon sessions: from traces over time to one response for each presentation and cell."""

from __future__ import annotations

import dataclasses

import numpy as np

from analysis.population import Population, make_population, time_bins
from analysis.presentations import check_frames
from analysis.running import THRESHOLD_CM_S, in_state, running_modulation
from analysis.units import layer_of, make_units
from study.commands import unknown

SWEEP_FRAMES = 7  # a scene stayed for 0.25 s; imaging frames last 33 ms
# Windows in imaging frames from the onset of a scene, as in the studies that made the signals known.
WINDOWS = {
    "dff": (0, 2 * SWEEP_FRAMES),
    "events": (0, SWEEP_FRAMES),
    "mean_sweep_response": (0, 2 * SWEEP_FRAMES),
}
SIGNALS = tuple(WINDOWS)
BASELINE_SWEEPS = 4
INHIBITORY = {"Sst-IRES-Cre": "sst", "Vip-IRES-Cre": "vip", "Pvalb-IRES-Cre": "pvalb"}


@dataclasses.dataclass(frozen=True)
class ImagingChoices:
    """What of a 2-photon session is a response.

    Parameters
    ----------
    signal : "dff", "events" or "mean_sweep_response"
        Mean dF/F or mean deconvolved event in the window; or the percentage by which the neuropil-corrected
        fluorescence in the window exceeds its mean over the four sweeps before onset, as the Allen Institute's
        `NaturalScenes.mean_sweep_response` has it.
    window_frames : (start, stop), optional
        Imaging frames from onset, stop excluded; that of `WINDOWS` by default.
    bin_frames : int, optional
        Width of bins that the window is cut into, each of which is a response of its own.
    lag : int
        Sweeps by which the window is moved later.
    running : "all", "running" or "still"
    threshold_cm_s : float
    gray : bool
        Keep the blank as stimulus -1.
    """

    signal: str = "dff"
    window_frames: tuple[int, int] | None = None
    bin_frames: int | None = None
    lag: int = 0
    running: str = "all"
    threshold_cm_s: float = THRESHOLD_CM_S
    gray: bool = False

    def __post_init__(self) -> None:
        if self.signal not in WINDOWS:
            raise unknown("signal", self.signal, WINDOWS)
        if self.lag < 0:
            raise ValueError(f"lag is {self.lag} presentations; allowed is 0 or more.")
        start, stop = self.window
        if not start < stop:
            raise ValueError(
                f"the window is {start} to {stop} imaging frames; it must hold at least one, such as 0 14."
            )
        _ = self.bins

    @property
    def window(self) -> tuple[int, int]:
        """Window in imaging frames from onset, lag included."""
        start, stop = self.window_frames or WINDOWS[self.signal]
        return start + self.lag * SWEEP_FRAMES, stop + self.lag * SWEEP_FRAMES

    @property
    def bins(self) -> dict[str, tuple[int, int]]:
        """Bins of the window by name, in imaging frames from onset, lag included; none by default."""
        if self.bin_frames is None:
            return {}
        found = time_bins(self.window, self.bin_frames, "frames")
        return {name: (int(start), int(stop)) for name, (start, stop) in found.items()}


@dataclasses.dataclass(frozen=True)
class ImagingSession:
    """A 2-photon session, whoever read it.

    Parameters
    ----------
    name : str
        File name, for messages.
    session : int
        Experiment id.
    traces : array, (cell, time)
        dF/F, events, or neuropil-corrected fluorescence, as the signal needs.
    cell_id : int array, (cell,)
    frame : int array, (presentation,)
        -1 is the blank. In the order of time.
    start : int array, (presentation,)
        Imaging frame of the onset.
    speed : array, (time,)
        Running speed in cm/s, NaN where unknown.
    area, cre_line : str
    depth_um : float
    without : tuple of int
        Frames that the reader had to drop.
    note : str
        What was odd about the file.
    """

    name: str
    session: int
    traces: np.ndarray
    cell_id: np.ndarray
    frame: np.ndarray
    start: np.ndarray
    speed: np.ndarray
    area: str
    cre_line: str
    depth_um: float
    without: tuple[int, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        if len(self.cell_id) != len(self.traces):
            raise ValueError(
                f"{self.name} holds {len(self.cell_id)} cell ids and traces of {len(self.traces)} cells; download it again."
            )


def window_mean(traces: np.ndarray, start: np.ndarray, window: tuple[int, int]) -> np.ndarray:
    """Return means of traces (cell, time) in windows after onsets (presentation,): (presentation, cell).

    NaN where a window reaches beyond the recording.
    """
    places = start[:, None] + np.arange(*window)
    inside = ((places >= 0) & (places < traces.shape[1])).all(axis=1)
    means = np.full((len(start), len(traces)), np.nan)
    for k in np.flatnonzero(
        inside
    ):  # one presentation at a time: all at once would be copies of the whole session
        means[k] = traces[:, places[k, 0] : places[k, -1] + 1].mean(axis=1, dtype=np.float64)
    return means


def presentation_responses(
    session: ImagingSession, choices: ImagingChoices, window: tuple[int, int] | None = None
) -> np.ndarray:
    """Return one response for each presentation and cell, in the window of the choices or in another.

    Returns
    -------
    array, (presentation, cell)
        dF/F or events as they are; `mean_sweep_response` in percent.
    """
    response = window_mean(session.traces, session.start, window or choices.window)
    if choices.signal != "mean_sweep_response":
        return response
    baseline = window_mean(session.traces, session.start, (-BASELINE_SWEEPS * SWEEP_FRAMES, 0))
    return 100 * (response / baseline - 1)


def imaging_population(session: ImagingSession, choices: ImagingChoices) -> Population:
    """Return the trials of a session.

    Raises
    ------
    ValueError
        If frames are wrong or missing, or running is asked for but was not recorded.
    """
    check_frames(session.frame, session.name, without=session.without)
    values = presentation_responses(session, choices)
    speed = window_mean(session.speed[None], session.start, (0, 2 * SWEEP_FRAMES))[:, 0]
    running_p = running_modulation(session.frame, values, speed, choices.threshold_cm_s)
    keep = in_state(session.frame, speed, choices.running, choices.threshold_cm_s, session.name)
    facts = {
        "unit_id": session.cell_id,
        "area": session.area,
        "layer": INHIBITORY.get(session.cre_line) or layer_of(session.depth_um),
        "depth_um": session.depth_um,
        "cre_line": session.cre_line,
        "session": session.session,
    }
    n_blank = int((session.frame == -1).sum())
    notes = {"sessions": str(session.session), "blanks": _blanks(n_blank, choices.gray)}
    if session.note:
        notes["remark"] = f"{session.session}: {session.note}"
    units = make_units(values.shape[1], facts)
    binned = {
        name: presentation_responses(session, choices, window)[keep] for name, window in choices.bins.items()
    }
    return make_population(session.frame[keep], values[keep], units, running_p, choices.gray, notes, binned)


def _blanks(n: int, gray: bool) -> str:
    return f"{n} blank presentations {'kept as stimulus -1' if gray else 'dropped'}"
