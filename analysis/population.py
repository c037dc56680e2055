"""Single trials of many units with all that is known about them: what every raw source becomes."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from analysis.presentations import trials_by_frame
from analysis.units import AT, Units, concatenated


@dataclasses.dataclass(frozen=True)
class Population:
    """Units of one or several sessions.

    Parameters
    ----------
    response : array, (stimulus, repeat, unit)
        NaN is a missing trial.
    stimulus : int array, (stimulus,)
    units : Units
    running_p : array, (unit,)
        p-value of the modulation by running, see `running.running_modulation`; NaN where it cannot be tested.
    notes : mapping of str to str
        What a reader should know: blanks that were dropped, sessions, ...
    bins : mapping of name to array, (stimulus, repeat, unit)
        The same responses in bins of their window, such as `50-100ms`; see `in_bins`.
    """

    response: np.ndarray
    stimulus: np.ndarray
    units: Units
    running_p: np.ndarray
    notes: Mapping[str, str] = dataclasses.field(default_factory=dict)
    bins: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)

    def take(self, keep: np.ndarray) -> Population:
        """Return some of the units; `keep` is a mask (unit,)."""
        return dataclasses.replace(
            self,
            response=self.response[:, :, keep],
            units=self.units.take(keep),
            running_p=self.running_p[keep],
            bins={name: response[:, :, keep] for name, response in self.bins.items()},
        )

    def in_bins(self) -> Population:
        """Return every unit once per bin of time, at a site of that bin such as `VISp@50-100ms`; as it is without bins."""
        if not self.bins:
            return self
        parts = [
            dataclasses.replace(self.units, site=np.array([f"{site}{AT}{name}" for site in self.units.site]))
            for name in self.bins
        ]
        return dataclasses.replace(
            self,
            response=np.concatenate(list(self.bins.values()), axis=2),
            units=concatenated(parts),
            running_p=np.tile(self.running_p, len(parts)),
            bins={},
        )


def time_bins(window: tuple[float, float], width: float, unit: str) -> dict[str, tuple[float, float]]:
    """Return the bins of a window: name such as `50-100ms` to (start, stop).

    Parameters
    ----------
    window : (start, stop)
    width : float
        Of a bin; a whole number of bins fills the window.
    unit : str
        Of all three, for names and messages.

    Raises
    ------
    ValueError
        If bins of this width do not fill the window.
    """
    start, stop = window
    n = (stop - start) / width if width > 0 else 0
    if round(n) < 1 or abs(n - round(n)) > 1e-9:
        raise ValueError(
            f"bins of {width:g} {unit} do not fill the window {start:g} to {stop:g} {unit}; take a width of which it "
            f"holds a whole number, such as {(stop - start) / 2:g}."
        )
    edges = [start + k * width for k in range(round(n) + 1)]
    return {f"{a:g}-{b:g}{unit}": (a, b) for a, b in itertools.pairwise(edges)}


def make_population(
    frame: np.ndarray,
    values: np.ndarray,
    units: Units,
    running_p: np.ndarray,
    gray: bool,
    notes: Mapping[str, str],
    bins: Mapping[str, np.ndarray] | None = None,
) -> Population:
    """Return the population of one session from its presentations in the order of time.

    Parameters
    ----------
    frame : int array, (presentation,)
    values : array, (presentation, unit)
        NaN where there is no response.
    units : Units
    running_p : array, (unit,)
    gray : bool
        Keep the blank as stimulus -1.
    notes : mapping of str to str
    bins : mapping of name to array, (presentation, unit), optional
        Values in bins of the window.
    """
    response, stimulus = trials_by_frame(frame, values, gray)
    cut = {name: trials_by_frame(frame, part, gray)[0] for name, part in (bins or {}).items()}
    return Population(response, stimulus, units, running_p, notes, cut)


def pool(populations: Sequence[Population]) -> Population:
    """Return the units of several sessions side by side; sessions with fewer repeats end in NaN.

    Raises
    ------
    ValueError
        If the sessions hold different stimuli.
    """
    first = populations[0]
    for other in populations[1:]:
        if not np.array_equal(other.stimulus, first.stimulus):
            raise ValueError(
                f"the sessions {_names(first)} and {_names(other)} hold different stimuli "
                f"({len(first.stimulus)} and {len(other.stimulus)}); record them one by one."
            )
    response = _side_by_side([p.response for p in populations])
    bins = {name: _side_by_side([p.bins[name] for p in populations]) for name in first.bins}
    units = concatenated([p.units for p in populations])
    keys = dict.fromkeys(key for p in populations for key in p.notes)
    notes = {
        key: "; ".join(dict.fromkeys(p.notes[key] for p in populations if key in p.notes)) for key in keys
    }
    running_p = np.concatenate([p.running_p for p in populations])
    return Population(response, first.stimulus, units, running_p, notes, bins)


def _side_by_side(responses: Sequence[np.ndarray]) -> np.ndarray:
    """Return responses (stimulus, repeat, unit) of several sessions, with as many repeats as the longest has."""
    n_repeats = max(r.shape[1] for r in responses)
    padded = [
        np.pad(r, ((0, 0), (0, n_repeats - r.shape[1]), (0, 0)), constant_values=np.nan) for r in responses
    ]
    return np.concatenate(padded, axis=2)


def _names(population: Population) -> str:
    return population.notes.get("sessions", "?")
