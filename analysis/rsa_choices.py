"""What may be chosen when RDMs are compared, and the groups of sites over which means are given."""

from __future__ import annotations

import dataclasses

import numpy as np

from analysis.ceiling_interval import CEILING_INTERVALS
from analysis.compare import CENTRINGS, DOT_FORMS
from analysis.intervals import require_interval
from analysis.recording_file import Recording
from analysis.selection import require_chooser
from analysis.units import AT
from study.commands import unknown


@dataclasses.dataclass(frozen=True)
class RsaChoices:
    """How RDMs are compared and what is tested.

    Parameters
    ----------
    metric : str
        One of `compare.METRICS`.
    ceiling : str
        One of `ceiling.CEILINGS`.
    n_bootstrap, n_permutations : int
        0 leaves the interval or the test out.
    seed : int
    silent : str
        The rule that made the RDMs; recorded with the result.
    good_cells, good_ceiling : int, float
        What makes a site good: at least this many cells and this trial reliability.
    interval : str
        One of `intervals.INTERVALS`.
    best_layer : str
        One of `selection.CHOOSERS`.
    against : str
        What layers are compared with; see `contrasts.twins`.
    ceiling_interval : str
        One of `ceiling_interval.CEILING_INTERVALS`.
    """

    metric: str = "spearman"
    ceiling: str = "sites"
    n_bootstrap: int = 1000
    n_permutations: int = 1000
    seed: int = 0
    silent: str = "exclude"
    good_cells: int = 100
    good_ceiling: float = 0.7
    interval: str = "corrected"
    best_layer: str = "images"
    against: str = ""
    ceiling_interval: str = "none"

    def __post_init__(self) -> None:
        require_interval(self.interval)
        require_chooser(self.best_layer)
        if self.interval == "percentile" and self.metric in CENTRINGS:
            raise ValueError(
                f"{self.metric} has no percentile interval, since it has no place for images that are drawn twice; use "
                "the interval corrected."
            )
        self._check_ceiling_interval()
        for name in ("n_bootstrap", "n_permutations", "seed", "good_cells"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}; allowed is 0 or more.")
        if not -1 <= self.good_ceiling <= 1:
            raise ValueError(
                f"good_ceiling is {self.good_ceiling:g}; a trial reliability is allowed from -1 to 1."
            )

    def _check_ceiling_interval(self) -> None:
        if self.ceiling_interval not in CEILING_INTERVALS:
            raise unknown("interval of ceilings", self.ceiling_interval, CEILING_INTERVALS)
        if self.ceiling_interval == "none":
            return
        if self.ceiling != "sites":
            raise ValueError(
                f"the ceiling {self.ceiling} has no interval; only the ceiling sites has one, from a dual bootstrap."
            )
        if self.metric not in DOT_FORMS:
            raise ValueError(
                f"ceilings of {self.metric} have no interval; allowed are those of {', '.join(DOT_FORMS)}."
            )


def site_groups(recording: Recording, choices: RsaChoices) -> dict[str, np.ndarray]:
    """Return the groups of sites over which means are given: name to indices.

    A recording that is cut in time has those of every bin, such as `mean-all@50-100ms`.
    """
    good = (recording.n_cells >= choices.good_cells) & (recording.ceiling >= choices.good_ceiling)
    groups = {}
    for name, members in (("mean-all", np.ones(len(good), bool)), ("mean-good", good)):
        for window in dict.fromkeys(recording.window):
            chosen = np.flatnonzero(members & (recording.window == window))
            if len(chosen):
                groups[f"{name}{AT}{window}" if window else name] = chosen
    return groups
