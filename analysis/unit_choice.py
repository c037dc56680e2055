"""Which recorded units are compared: area, silence, running, reliability."""

from __future__ import annotations

import dataclasses

import numpy as np

from analysis.inclusion import included
from analysis.population import Population
from analysis.trials import cell_reliability
from study.commands import unknown

MIN_UNITS = 10  # as other studies of these recordings have it


@dataclasses.dataclass(frozen=True)
class UnitChoices:
    """What a unit must be.

    Parameters
    ----------
    areas : tuple of str
        All included areas (`inclusion.csv`) by default.
    reliability : float, optional
        Least split-half reliability over stimuli (mean over random halves of the trials, not corrected for length).
        None keeps all that answer at all. Usual: 0.5, 0.75, 0.8.
    running_p : float, optional
        Leave out units whose response to their best scene changes with running at this p-value. None keeps them.
    min_units : int
        Sites with fewer units than this are left out: RDMs of a few units are noise. 2 at least, since correlation is
        over units.
    """

    areas: tuple[str, ...] = dataclasses.field(default_factory=lambda: included("area"))
    reliability: float | None = None
    running_p: float | None = None
    min_units: int = MIN_UNITS

    def __post_init__(self) -> None:
        for area in self.areas:
            if area not in included("area"):
                raise unknown("area", area, included("area"))
        if self.reliability is not None and not -1 <= self.reliability <= 1:
            raise ValueError(
                f"the least reliability is {self.reliability:g}; allowed is -1 to 1, usual are 0.5, 0.75 and 0.8."
            )
        if self.running_p is not None and not 0 < self.running_p < 1:
            raise ValueError(
                f"the p-value of running modulation is {self.running_p:g}; allowed is 0 to 1, usual 0.05."
            )
        if self.min_units < 2:
            raise ValueError(
                f"the least number of units is {self.min_units}; 2 or more are needed to correlate over units."
            )


def choose_units(population: Population, choices: UnitChoices) -> tuple[Population, str]:
    """Return the chosen units with their reliabilities, and a sentence about how many each step left.

    Raises
    ------
    ValueError
        If a step leaves no unit.
    """
    said = [f"{len(population.units)} recorded"]
    if not len(population.units):
        quality = population.notes.get("quality", "the sessions hold none")
        raise ValueError(
            f"no unit is left: {quality}; loosen the limits of quality, or take another session."
        )

    def step(keep: np.ndarray, what: str) -> Population:
        if not keep.any():
            raise ValueError(
                f"no unit is left: {', '.join(said)}, 0 {what}; loosen this choice, or take another session."
            )
        said.append(f"{int(keep.sum())} {what}")
        return population.take(keep)

    population = step(
        np.isin(population.units.area, choices.areas), f"in {', '.join(_shown(population, choices))}"
    )
    population = step(_answering(population.response), "neither silent nor without trials of a stimulus")
    if choices.running_p is not None:
        kept = ~(population.running_p <= choices.running_p)
        population = step(kept, f"not modulated by running (p > {choices.running_p:g} or untested)")
    reliability = cell_reliability(population.response)
    population = dataclasses.replace(
        population, units=dataclasses.replace(population.units, reliability=reliability)
    )
    if choices.reliability is not None:
        reliable = reliability >= choices.reliability
        population = step(reliable, f"with split-half r of {choices.reliability:g} or more")
    names, counts = np.unique(population.units.site, return_counts=True)
    few = names[counts < choices.min_units]
    if len(few):
        sizes = ", ".join(f"{name} {n}" for name, n in zip(names, counts, strict=True) if name in few)
        keep = ~np.isin(population.units.site, few)
        population = step(keep, f"at sites of {choices.min_units} units or more (left out: {sizes})")
    return population, ", ".join(said)


def _shown(population: Population, choices: UnitChoices) -> list[str]:
    found = set(map(str, population.units.area))
    return [area for area in choices.areas if area in found] or list(choices.areas)


def _answering(response: np.ndarray) -> np.ndarray:
    """Return which units have a trial of every stimulus and do not always answer alike: (unit,)."""
    there = np.isfinite(response)
    low = np.where(there, response, np.inf).min(axis=(0, 1))
    high = np.where(there, response, -np.inf).max(axis=(0, 1))
    return there.any(axis=1).all(axis=0) & (high > low)
