"""When a stimulus begins: states go back to rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bio.levels import Population
from bio.presentation import Presentation
from bio.timing import Timing


def add_onset(
    group: Any,
    population: Population,
    presentation: Presentation,
    timing: Timing,
    clocks: dict[str, Any],
    behind: int,
) -> None:
    """Put the state to rest in the slot `start` when the layer's stimulus begins, `behind` network steps late.

    Without reset this is the first stimulus alone: until it begins, a layer that runs behind has drives, but no input.
    Clocks cannot start late: a layer that runs behind looks at every step whether its stimulus begins.
    """
    late = behind > 0
    code = "; ".join(f"{name} = {value}" for name, value in population.onset.items())
    if late:
        code = _late_onset(population.onset, behind, timing, presentation.reset)
    if code:
        clock = clocks["step" if late else "onset"]
        group.run_regularly(code, clock=clock, when="start", order=-8, name=f"{group.name}_onset")


def _late_onset(onset: Mapping[str, str], behind: int, timing: Timing, reset: bool) -> str:
    step = "timestep(t, dt)" + (f"//{timing.per_step}" if timing.per_step > 1 else "")
    every = f" % {timing.period_steps} == 0" if reset else " == 0"
    begins = f"(({step} - {behind}){every} or {step} == 0)"
    logical = {"True": "{name} or {begins}", "False": "{name} and not {begins}"}
    number = "int({begins})*({value}) + int(not {begins})*{name}"
    return "\n".join(
        f"{name} = " + logical.get(value, number).format(name=name, value=value, begins=begins)
        for name, value in onset.items()
    )
