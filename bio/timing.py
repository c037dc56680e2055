"""Time steps: how a stimulus, a network step and a simulation time step divide one another."""

from __future__ import annotations

import dataclasses
import math

from bio.levels import Level

FLASH_MS = 250.0  # how long a natural scene is shown in the Allen recordings; a stimulus lasts as long
# Times are multiples of 2^-40 s (0.9 ps), so that products of time step and count are exact in floating point and
# clocks of different time steps agree for ever: the C++ target calls two times equal only when within 1e-14 s.
TICKS_PER_SECOND = 2**40
SHORTEST_MS = 1e-5  # time step: ten thousand ticks


@dataclasses.dataclass(frozen=True)
class Timing:
    """Time steps of one simulation.

    Parameters
    ----------
    n_steps : int
        T, network steps per stimulus.
    per_step : int
        Simulation time steps per network step.
    dt_s : float
        Simulation time step in seconds.
    blank_steps : int
        Network steps between a stimulus and the next.
    """

    n_steps: int
    per_step: int
    dt_s: float
    blank_steps: int = 0

    @property
    def step_ms(self) -> float:
        """Duration of a network step."""
        return self.dt_s * self.per_step * 1e3

    @property
    def dt_ms(self) -> float:
        """Simulation time step."""
        return self.dt_s * 1e3

    @property
    def period_steps(self) -> int:
        """Network steps from one stimulus to the next."""
        return self.n_steps + self.blank_steps

    @property
    def period_s(self) -> float:
        """Time from one stimulus to the next."""
        return self.steps_s(self.period_steps)

    def steps_s(self, n_steps: int) -> float:
        """Return the duration of `n_steps` network steps."""
        return self.dt_s * (self.per_step * n_steps)

    def run_s(self, n_stimuli: int) -> float:
        """Return how long to run: one time step longer than the stimuli, in which the last readout is recorded."""
        return n_stimuli * self.period_s + self.dt_s


def find_timing(n_steps: int, level: Level, dt_ms: float | None, blank_steps: int = 0) -> Timing:
    """Choose the time step.

    Parameters
    ----------
    n_steps : int
        T, network steps per stimulus of 250 ms.
    level : Level
    dt_ms : float, optional
        Simulation time step; the level's own when absent.
    blank_steps : int
        Network steps between a stimulus and the next.

    Raises
    ------
    ValueError
        If a network step is not a whole number of `dt_ms`, the level has one time step per network step, or `dt_ms` is too
        long for its equations.
    """
    step_ms = FLASH_MS / n_steps
    least = max(1, math.ceil(step_ms / level.largest_dt_ms * (1 - 1e-9)))
    per_step = max(level.steps_per_network_step, least) if dt_ms is None else _whole(step_ms, dt_ms)
    if per_step < least:
        raise ValueError(
            f"dt_ms is {dt_ms:g}, but with more than {level.largest_dt_ms:g} ms level {level.name} skips over what is fastest in "
            f"it; give {step_ms / least:g} or less."
        )
    if per_step > 1 and not level.subdivides:
        raise ValueError(
            f"dt_ms is {dt_ms:g}, but level {level.name} has one time step per network step; "
            f"leave it out or give {step_ms:g}."
        )
    dt_s = round(step_ms / per_step * 1e-3 * TICKS_PER_SECOND) / TICKS_PER_SECOND
    return Timing(n_steps, per_step, dt_s, blank_steps)


def _whole(step_ms: float, dt_ms: float) -> int:
    if 0 < dt_ms < SHORTEST_MS:
        raise ValueError(
            f"dt_ms is {dt_ms:g}; at least {SHORTEST_MS:g} is needed, for times are multiples of 0.9 ps."
        )
    per_step = round(step_ms / dt_ms) if dt_ms > 0 else 0
    if per_step < 1 or abs(per_step * dt_ms / step_ms - 1) > 1e-3:
        raise ValueError(
            f"dt_ms is {dt_ms:g}, which does not divide the network step of {step_ms:g} ms; "
            f"give {step_ms:g} divided by a whole number, for example {step_ms / 128:g}."
        )
    return per_step
