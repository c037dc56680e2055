"""Level `lif`: membranes in mV and time in ms, integrated exactly between spikes.

tau_m dv/dt = E_L - v + R_m (I_syn + I_drive), held at reset while refractory. A spike holds the synaptic current for
one network step, as torch holds the output of a step: +w when it arrives, -w one step later. With one time step per
network step this is level `exact` spike for spike; with many, time is continuous.
"""

from __future__ import annotations

import math
from typing import Any

from brian2 import Mohm, Quantity, ms, mV, second

from bio.levels.level import Level, Pathway, Population
from study.network import LIF, Current, FirstSpike, LeakyIntegrator, Neuron

# Chosen, within what cortical neurons show: rest, and the distance from rest to threshold.
E_L: Quantity = -70 * mV
UNIT: Quantity = 15 * mV
R_M: Quantity = 100 * Mohm
# Silence after a spike, in network steps (3.9 ms at T = 16): from a grid of 0 to 1, the one whose spike counts were on
# the whole closest to level `exact` in random networks (docs/methods.md; its neighbours differ by about .01).
REFRACTORY_STEPS = 0.25

CURRENTS = """
I_syn : amp
I_drive : amp
"""
LEAKY = "dv/dt = (E_L - v + R_m*(I_syn + I_drive))/tau_m : volt"
NOT_LEAKY = "dv/dt = R_m*(I_syn + I_drive)/step : volt"  # Euler's method is exact for it


def population(neuron: Neuron, step_ms: float) -> Population:
    """Return the texts of one kind of neuron.

    Parameters
    ----------
    neuron : LIF, LeakyIntegrator or Current
    step_ms : float
        Duration of a network step.

    Raises
    ------
    ValueError
        If the membrane keeps nothing from step to step (decay 0), which no time constant expresses, or fires once.
    """
    if isinstance(neuron, Current):
        return Population(
            equations="I_mean : amp" + CURRENTS,
            update="I_mean += (I_syn + I_drive)*dt/step",
            step_start="I_mean = 0*amp",
            onset="I_syn = 0*amp",
            unit_current=UNIT / R_M,
            namespace={"step": step_ms * ms},
            output="I_mean",
            output_unit=UNIT / R_M,
        )
    if isinstance(neuron, FirstSpike):
        raise ValueError("level lif has no neurons that fire once; use level exact for this network.")
    method = "euler" if neuron.decay == 1 else "exact"
    equation, unit_current, namespace = _membrane(neuron, step_ms)
    firing: dict[str, Any] = {}
    onset = "v = E_L; I_syn = 0*amp"
    if isinstance(neuron, LIF):
        namespace["V_T"] = E_L + neuron.v_threshold * UNIT
        namespace["V_reset"] = E_L + neuron.v_reset * UNIT
        equation = equation.replace(": volt", ": volt (unless refractory)")
        firing["refractory"] = REFRACTORY_STEPS * step_ms * ms
        # A spike of the stimulus before must not silence the first steps of this one. The order matters: Brian2
        # ignores what is written to v while not_refractory is false.
        onset = "lastspike = -1*hour; not_refractory = True; " + onset
        namespace["hour"] = 3600 * second
        firing["threshold"] = f"v {neuron.threshold_rule} V_T"
        firing["reset"] = "v = V_reset" if neuron.reset == "hard" else "v -= V_T - E_L"
    return Population(
        equations=equation + CURRENTS,
        onset=onset,
        unit_current=unit_current,
        namespace=namespace,
        method=method,
        output="v",
        output_zero=E_L,
        output_unit=UNIT,
        **firing,
    )


def _membrane(neuron: LIF | LeakyIntegrator, step_ms: float) -> tuple[str, Any, dict[str, Any]]:
    """Return (equation, unit current, constants) such that one step at a constant current is the trained update."""
    constants = {"E_L": E_L, "R_m": R_M}
    if neuron.decay == 0:
        raise ValueError(
            "level lif cannot express a membrane with decay 0; "
            "train with a decay above 0 or use level exact for this network."
        )
    if neuron.decay == 1:
        return NOT_LEAKY, neuron.gain * UNIT / R_M, {**constants, "step": step_ms * ms}
    # Over one step at constant I, v - E_L becomes decay (v - E_L) + (1 - decay) R_m I; torch has gain I there.
    scale = neuron.gain / (1 - neuron.decay)
    return LEAKY, scale * UNIT / R_M, {**constants, "tau_m": -step_ms / math.log(neuron.decay) * ms}


LEVEL = Level(
    name="lif",
    summary="leaky integrate-and-fire membranes in mV and ms, continuous time",
    current_unit="amp",
    steps_per_network_step=128,
    subdivides=True,
    pathways=(
        Pathway("begin", "I_syn_post += w"),
        Pathway("end", "I_syn_post -= w", 1.0),
    ),
    population=population,
)
