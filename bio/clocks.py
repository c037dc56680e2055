"""Clocks: Brian2 objects tick in time steps, network steps, rows of the stimulus, or once a stimulus."""

from __future__ import annotations

from typing import Any

import brian2
from brian2 import second

from bio.presentation import Presentation
from bio.timing import Timing


def make_clocks(presentation: Presentation, timing: Timing, n_stimuli: int) -> dict[str, Any]:
    """Return the clocks of time steps, network steps, rows of the stimulus, and resets."""
    # Without resets the second one must come after the end of the run, but not by far: Brian2 takes a period 10,000
    # times as long as the run for one that never begins.
    after_the_end = timing.steps_s(8 * (n_stimuli * timing.period_steps + 64))
    seconds = {
        "dt": timing.dt_s,
        "step": timing.steps_s(1),
        "row": timing.steps_s(presentation.row_steps),
        "onset": timing.period_s if presentation.reset else after_the_end,
    }
    names = {"dt": "timestep", "step": "step", "row": "row", "onset": "onset"}
    return {key: brian2.Clock(s * second, name=f"{names[key]}_clock") for key, s in seconds.items()}
