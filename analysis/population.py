"""Single trials of many units with all that is known about them: what every raw source becomes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from analysis.presentations import trials_by_frame
from analysis.units import Units


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
    """

    response: np.ndarray
    stimulus: np.ndarray
    units: Units
    running_p: np.ndarray
    notes: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def take(self, keep: np.ndarray) -> Population:
        """Return some of the units; `keep` is a mask (unit,)."""
        return dataclasses.replace(
            self,
            response=self.response[:, :, keep],
            units=self.units.take(keep),
            running_p=self.running_p[keep],
        )


def make_population(
    frame: np.ndarray,
    values: np.ndarray,
    units: Units,
    running_p: np.ndarray,
    gray: bool,
    notes: Mapping[str, str],
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
    """
    response, stimulus = trials_by_frame(frame, values, gray)
    return Population(response, stimulus, units, running_p, notes)


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
    n_repeats = max(p.response.shape[1] for p in populations)
    responses = [
        np.pad(p.response, ((0, 0), (0, n_repeats - p.response.shape[1]), (0, 0)), constant_values=np.nan)
        for p in populations
    ]
    fields = [f.name for f in dataclasses.fields(Units)]
    units = Units(**{f: np.concatenate([getattr(p.units, f) for p in populations]) for f in fields})
    keys = dict.fromkeys(key for p in populations for key in p.notes)
    notes = {
        key: "; ".join(dict.fromkeys(p.notes[key] for p in populations if key in p.notes)) for key in keys
    }
    running_p = np.concatenate([p.running_p for p in populations])
    return Population(np.concatenate(responses, axis=2), first.stimulus, units, running_p, notes)


def _names(population: Population) -> str:
    return population.notes.get("sessions", "?")
