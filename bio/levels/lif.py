"""Level `lif`: membranes in mV and time in ms, integrated exactly between spikes; synapses keep the network's steps.

tau_m dv/dt = E_L - v + R_m (I_syn + I_drive). The current of a synapse is held for a network step, as torch holds the
output of a step: the spikes of one step act together, in the next one. A neuron fires when it crosses the threshold, at
any time, and then stays at reset until the step ends: at most one spike per step, as in torch.

Why this convention: with the current constant within a step, the membrane runs monotonically to its end, so crossing
the threshold within the step and being above it at the end are the same. Every spike of level `exact` is then found in
its step, one step later per layer; what continuous time adds is when within the step. docs/methods.md has what happens
to spike counts if any of these rules is left out.
"""

from __future__ import annotations

import math
from typing import Any

from brian2 import Mohm, Quantity, ms, mV

from bio.levels.level import Level, Pathway, Population, refuse
from study.network import LIF, CubaLI, CubaLIF, Current, FirstSpike, LeakyIntegrator, Neuron

# Chosen, within what cortical neurons show: rest, the distance from rest to threshold, and input resistance.
E_L: Quantity = -70 * mV
UNIT: Quantity = 15 * mV
R_M: Quantity = 100 * Mohm

CURRENTS = """
I_syn : amp
I_next : amp
I_drive : amp
"""
LEAKY = "dv/dt = (E_L - v + R_m*(I_syn + I_drive))/tau_m : volt"
NOT_LEAKY = "dv/dt = R_m*(I_syn + I_drive)/step : volt"  # Euler's method is exact for it
HOLD = "I_syn = I_next; I_next = 0*amp"


def population(neuron: Neuron, step_ms: float) -> Population:
    """Return the texts of one kind of neuron.

    Parameters
    ----------
    neuron : LIF, FirstSpike, LeakyIntegrator or Current
    step_ms : float
        Duration of a network step.

    Raises
    ------
    ValueError
        If the membrane keeps nothing from step to step (decay 0), which no time constant expresses, or has synaptic
        currents of its own.
    """
    if isinstance(neuron, CubaLIF | CubaLI):
        raise refuse("lif", neuron)
    if isinstance(neuron, Current):
        return Population(
            equations="I_mean : amp" + CURRENTS,
            update="I_mean += (I_syn + I_drive)*dt/step",
            step_start="I_mean = 0*amp; " + HOLD,
            onset={},
            unit_current=UNIT / R_M,
            namespace={"step": step_ms * ms},
            output="I_mean",
            output_unit=UNIT / R_M,
        )
    if isinstance(neuron, FirstSpike):
        return _first_spike(neuron, step_ms)
    constants = {"E_L": E_L, "R_m": R_M, **time_constant("lif", neuron, step_ms)}
    equation = NOT_LEAKY if neuron.decay == 1 else LEAKY
    if isinstance(neuron, LeakyIntegrator):
        return _texts(neuron, equation + CURRENTS, constants)
    constants |= {"V_T": E_L + neuron.v_threshold * UNIT, "V_reset": E_L + neuron.v_reset * UNIT}
    above = f"v {neuron.threshold_rule} V_T"
    if neuron.reset == "soft":
        # What is left above rest after a soft reset depends on the whole step: it is taken when the step ends.
        ends = "(timestep(t, dt) + 1) % step_timesteps == 0"
        firing = {"threshold": f"{above} and {ends}", "reset": "v -= V_T - E_L"}
        return _texts(neuron, equation + CURRENTS, constants, **firing)
    clamped = equation.replace(": volt", ": volt (unless refractory)") + CURRENTS + "fired : boolean"
    return _texts(
        neuron,
        clamped,
        constants,
        threshold=above,
        reset="v = V_reset; fired = True",
        refractory="fired",
        step_start=HOLD + "; fired = False; not_refractory = True",
    )


def _texts(
    neuron: LIF | LeakyIntegrator, equations: str, constants: dict[str, Any], **firing: Any
) -> Population:
    return Population(
        equations=equations,
        onset={"v": "E_L"},
        unit_current=unit_current(neuron),
        namespace=constants,
        method="euler" if neuron.decay == 1 else "exact",
        output="v",
        output_zero=E_L,
        output_unit=UNIT,
        **({"step_start": HOLD} | firing),
    )


def _first_spike(neuron: FirstSpike, step_ms: float) -> Population:
    """No leak; what fired stays silent until the next stimulus."""
    return Population(
        equations=NOT_LEAKY + CURRENTS + "fired : boolean",
        threshold=f"v {neuron.threshold_rule} V_T and not fired",
        reset="fired = True",
        step_start=HOLD,
        onset={"v": "E_L", "fired": "False"},
        unit_current=UNIT / R_M,
        namespace={"E_L": E_L, "R_m": R_M, "step": step_ms * ms, "V_T": E_L + neuron.v_threshold * UNIT},
        method="euler",
        output="v",
        output_zero=E_L,
        output_unit=UNIT,
    )


def time_constant(level: str, neuron: LIF | LeakyIntegrator, step_ms: float) -> dict[str, Any]:
    """Return `step` and, for a leaky membrane, `tau_m`, such that a step without input leaves decay (v - E_L).

    Raises
    ------
    ValueError
        If the membrane keeps nothing from step to step.
    """
    if neuron.decay == 0:
        raise ValueError(
            f"level {level} cannot express a membrane with decay 0; "
            "train with a decay above 0 or use level exact for this network."
        )
    constants = {"step": step_ms * ms}
    if neuron.decay < 1:
        constants["tau_m"] = -step_ms / math.log(neuron.decay) * ms
    return constants


def unit_current(neuron: LIF | LeakyIntegrator) -> Any:
    """Return the current that a learned current of 1 becomes.

    Over one step at constant I, v - E_L becomes decay (v - E_L) + (1 - decay) R_m I; torch has gain I there.
    """
    scale = neuron.gain if neuron.decay == 1 else neuron.gain / (1 - neuron.decay)
    return scale * UNIT / R_M


LEVEL = Level(
    name="lif",
    summary="leaky integrate-and-fire membranes in mV and ms, continuous time",
    current_unit="amp",
    steps_per_network_step=128,
    subdivides=True,
    pathways=(Pathway("arrive", "I_next_post += w"),),
    population=population,
    latency_steps=1,
)
