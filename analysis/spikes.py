"""Neuropixels sessions: from spike times to one count for each presentation and unit."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from analysis.population import Population, make_population, time_bins
from analysis.presentations import BLANK, check_frames
from analysis.running import THRESHOLD_CM_S, in_state, running_modulation
from analysis.units import Units

WINDOW_MS = (0.0, 250.0)  # a scene stayed for 250 ms


@dataclasses.dataclass(frozen=True)
class SpikeChoices:
    """What of a Neuropixels session is a response, and which units are good enough.

    Parameters
    ----------
    window_ms : (start, stop)
        From onset; spikes in it are counted, those at its edges included.
    bin_ms : float, optional
        Width of bins that the window is cut into, each of which is a response of its own.
    presence_ratio : float
        At least this share of the session with spikes.
    isi_violations : float
        At most this rate of spikes inside the refractory period, relative to all.
    amplitude_cutoff : float
        At most this estimated share of missed spikes. These three defaults are allensdk's.
    running : "all", "running" or "still"
    threshold_cm_s : float
    gray : bool
        Keep the blank as stimulus -1.
    """

    window_ms: tuple[float, float] = WINDOW_MS
    bin_ms: float | None = None
    presence_ratio: float = 0.95
    isi_violations: float = 0.5
    amplitude_cutoff: float = 0.1
    running: str = "all"
    threshold_cm_s: float = THRESHOLD_CM_S
    gray: bool = False

    def __post_init__(self) -> None:
        for name, most in (("presence_ratio", 1.0), ("isi_violations", np.inf), ("amplitude_cutoff", np.inf)):
            value = getattr(self, name)
            if not 0 <= value <= most:
                allowed = "0 to 1" if most == 1 else "0 or more"
                raise ValueError(f"{name} is {value:g}; allowed is {allowed}.")
        if not self.window_ms[0] < self.window_ms[1]:
            raise ValueError(
                f"the window is {self.window_ms[0]:g} to {self.window_ms[1]:g} ms; its end must lie after its start, "
                "such as 0 250."
            )
        _ = self.bins

    @property
    def bins(self) -> dict[str, tuple[float, float]]:
        """Bins of the window by name, in ms from onset; none by default."""
        return {} if self.bin_ms is None else time_bins(self.window_ms, self.bin_ms, "ms")


@dataclasses.dataclass(frozen=True)
class SpikeSession:
    """A Neuropixels session, whoever read it.

    Parameters
    ----------
    name : str
        File name, for messages.
    session : int
    spike_times_s : sequence of arrays
        Ascending, one array a unit.
    units : Units
        Of those that pass the quality limits.
    n_recorded : int
        Units before the quality limits.
    frame : array, (presentation,)
        -1 is the blank. In the order of time; presentations at invalid times are left out.
    start_s, stop_s : array, (presentation,)
    speed_time_s, speed : array, (sample,)
        Running speed in cm/s; empty where it was not recorded.
    n_invalid : int
        Presentations left out because they were invalid.
    """

    name: str
    session: int
    spike_times_s: Sequence[np.ndarray]
    units: Units
    n_recorded: int
    frame: np.ndarray
    start_s: np.ndarray
    stop_s: np.ndarray
    speed_time_s: np.ndarray
    speed: np.ndarray
    n_invalid: int = 0


def spike_counts(
    spike_times_s: Sequence[np.ndarray], onset_s: np.ndarray, window_ms: tuple[float, float]
) -> np.ndarray:
    """Return the number of spikes in a window after every onset: (presentation, unit).

    Both edges belong to the window, as in allensdk's `presentationwise_spike_counts`.
    """
    start, stop = (onset_s + edge / 1000 for edge in window_ms)
    counts = [np.searchsorted(t, stop, "right") - np.searchsorted(t, start, "left") for t in spike_times_s]
    return np.stack(counts, axis=1).astype(np.float64) if counts else np.empty((len(onset_s), 0))


def mean_speed(session: SpikeSession) -> np.ndarray:
    """Return the mean running speed during every presentation in cm/s: (presentation,); NaN where unknown."""
    first = np.searchsorted(session.speed_time_s, session.start_s)
    last = np.searchsorted(session.speed_time_s, session.stop_s)
    total = np.concatenate([[0], np.cumsum(session.speed)])
    n = last - first
    return np.divide(total[last] - total[first], n, out=np.full(len(n), np.nan), where=n > 0)


def spike_population(session: SpikeSession, choices: SpikeChoices) -> Population:
    """Return the trials of a session.

    Raises
    ------
    ValueError
        If frames are wrong or missing, or running is asked for but was not recorded.
    """
    check_frames(session.frame, session.name)
    counts = spike_counts(session.spike_times_s, session.start_s, choices.window_ms)
    speed = mean_speed(session)
    running_p = running_modulation(session.frame, counts, speed, choices.threshold_cm_s)
    keep = in_state(session.frame, speed, choices.running, choices.threshold_cm_s, session.name)
    n_blank = int((session.frame == BLANK).sum())
    notes = {
        "sessions": str(session.session),
        "blanks": f"{n_blank} blank presentations {'kept as stimulus -1' if choices.gray else 'dropped'}",
        "quality": f"{len(session.units)} of {session.n_recorded} units pass",
    }
    if session.n_invalid:
        notes["remark"] = f"{session.session}: {session.n_invalid} presentations at invalid times left out"
    binned = {
        name: spike_counts(session.spike_times_s, session.start_s[keep], window)
        for name, window in choices.bins.items()
    }
    return make_population(
        session.frame[keep], counts[keep], session.units, running_p, choices.gray, notes, binned
    )
