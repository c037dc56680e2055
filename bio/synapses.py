"""Connections of `study.network` as Brian2 synapses that share one kernel."""

from __future__ import annotations

import dataclasses
from typing import Any

import brian2
import numpy as np
from brian2 import second
from brian2.utils.stringtools import word_substitute

from bio.connectivity import SynapseText, edges, synapse_text, weights
from bio.levels import Level, Pathway, Population
from bio.timing import Timing
from study.network import Connection


@dataclasses.dataclass(frozen=True)
class Projection:
    """One connection between two groups.

    Parameters
    ----------
    name : str
        Of the Brian2 objects: `<name>_synapses` and `<name>_kernel`.
    connection : Connection
    source, target : NeuronGroup
    order : int
        Within the slot `groups`: after the source's threshold.
    late : bool
        Whether spikes arrive one network step later. `order` is then after the target's update.
    behind : int, optional
        By how many network steps source and target run behind the input, where it is the same number.
    """

    name: str
    connection: Connection
    source: Any
    target: Any
    order: int
    late: bool
    behind: int | None = None


def si_current(values: np.ndarray, population: Population) -> np.ndarray:
    """Return learned, dimensionless currents as `population` needs them, in SI units without Brian2's wrapper."""
    return np.asarray(values, np.float64) * float(population.unit_current)


def make_synapses(
    projection: Projection, population: Population, level: Level, timing: Timing, reset: bool
) -> tuple[Any, Any]:
    """Make (synapses, kernel): every synapse points to its weight, a current, in the kernel's group.

    Parameters
    ----------
    projection : Projection
    population : Population
        Of the target.
    level : Level
    timing : Timing
    reset : bool
        Whether a stimulus begins from rest, so that nothing fired before its onset may arrive after it.
    """
    unit, text = level.current_unit, synapse_text(projection.connection)
    clock = projection.target.clock
    learned = si_current(weights(projection.connection), population)
    kernel = brian2.NeuronGroup(
        learned.size,
        f"weight : {unit} (constant)",
        clock=clock,
        name=f"{projection.name}_kernel",
        namespace={},
    )
    kernel.variables["weight"].set_value(learned)
    late = projection.late and not level.latency_steps
    delays = {path.name: _delay(path, timing, late) for path in level.pathways}
    period = timing.per_step * timing.period_steps if reset else 0
    if period and max(delays.values()) >= period:
        raise ValueError(
            f"a delay of {max(delays.values()) * timing.dt_ms:g} ms is no shorter than a stimulus of {period * timing.dt_ms:g} ms "
            "that begins from rest, so that no spike would ever arrive; give a shorter one or simulate without reset."
        )
    if reset and level.latency_steps and projection.behind is not None:
        text = dataclasses.replace(text, transmits=_but_the_last(text.transmits, projection.behind, timing))
    synapses = brian2.Synapses(
        projection.source,
        projection.target,
        f"w : {unit} (linked)\nkernel_index : integer (constant)",
        on_pre={path.name: _on_pre(path, text, delays[path.name], period) for path in level.pathways},
        delay={name: delay * timing.dt_s * second for name, delay in delays.items()},
        clock=clock,
        name=f"{projection.name}_synapses",
        namespace=dict(population.namespace),
    )
    synapses.w = brian2.linked_var(kernel, "weight", index="kernel_index")
    if text.connect:
        synapses.connect(j=text.connect)
        synapses.kernel_index = text.kernel_index
    else:
        i, j, k = edges(projection.connection)
        synapses.connect(i=i, j=j)
        synapses.kernel_index = k
    for offset, path in enumerate(level.pathways):
        pathway = getattr(synapses, path.name)
        pathway.when, pathway.order = "groups", projection.order + offset
    return synapses, kernel


def _but_the_last(transmits: str, behind: int, timing: Timing) -> str:
    """Return the factor that is also 0 in the last step of a stimulus, whose spikes would act in the next stimulus."""
    step = f"timestep(t, dt)//{timing.per_step} + {-behind % timing.period_steps}"
    last = f"int(({step}) % {timing.period_steps} != {timing.period_steps - 1})"
    return f"{transmits}*{last}" if transmits else last


def _delay(path: Pathway, timing: Timing, late: bool) -> int:
    """Return the delay in time steps. What arrives after the target's update acts one time step later anyway."""
    return round(path.delay_steps * timing.per_step) + (timing.per_step - 1 if late else 0)


def _on_pre(path: Pathway, text: SynapseText, delay: int, period: int) -> str:
    """Return the statements of a pathway, the weight 0 where nothing may arrive."""
    factors = [text.transmits] if text.transmits else []
    if delay and period:
        factors.append(f"int(timestep(t, dt) % {period} >= {delay})")
    return word_substitute(path.on_pre, {"w": f"({'*'.join(['w', *factors])})"}) if factors else path.on_pre
