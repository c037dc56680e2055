"""Level `cuba`: current-based synapses that decay exponentially, membranes and spikes free of the network's steps.

C_m dv/dt = g_L (E_L - v) + I_exc + I_inh + I_drive. A spike adds the charge that level `lif` gives over a step, w · step:
by a positive weight to I_exc (AMPA), by a negative one to I_inh (GABA). One presynaptic unit does both, as in the trained
network: Dale's law is not obeyed.
"""

from __future__ import annotations

from typing import Any

from brian2 import Quantity, ms, second

from bio.levels.level import Level, Pathway, Population, refuse
from bio.levels.lif import E_L, R_M, UNIT, time_constant, unit_current
from study.network import LIF, CubaLI, CubaLIF, Current, FirstSpike, LeakyIntegrator, Neuron

# Billeh et al. 2020 (doi 10.1016/j.neuron.2020.01.040), point-neuron model of mouse V1, onto excitatory cells; their
# synapses are alpha functions of these time constants, ours are exponentials.
TAU_EXC: Quantity = 5.5 * ms
TAU_INH: Quantity = 8.5 * ms
# Brian2's example COBAHH, its author's version of benchmark 3 of Brette et al. 2007 (doi 10.1007/s10827-007-0038-6), whose
# text gives none.
REFRACTORY: Quantity = 3 * ms

SYNAPSES = """
dI_exc/dt = -I_exc/tau_exc : amp
dI_inh/dt = -I_inh/tau_inh : amp
I_drive : amp
"""
MEMBRANE = "dv/dt = (g_L*(E_L - v) + I_exc + I_inh + I_drive)/C_m : volt"
# Measured: with 2 ms, refractory periods of 3 ms become 2 or 4, and 42 spikes come at a current that makes 31; 1 ms makes 32.
LARGEST_DT_MS = 1.0
METHOD = "rk2"  # the exact solution of three coupled equations takes sympy half a minute; rk2 is 1e-4 off at our time step
REST = {"I_exc": "0*amp", "I_inh": "0*amp"}
# A spike of the stimulus before must not silence the first steps of this one. The order matters: Brian2 ignores what is
# written to v while not_refractory is false.
READY = {"lastspike": "-1*hour", "not_refractory": "True"}
ARRIVE = (
    "I_exc_post += w*int(w > 0*amp)*step/tau_exc",
    "I_inh_post += w*int(w < 0*amp)*step/tau_inh",
)


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
        For a membrane that keeps nothing from step to step, or that fires once.
    """
    if not isinstance(neuron, LIF):
        return readout("cuba", neuron, step_ms)
    return Population(
        equations=MEMBRANE + " (unless refractory)" + SYNAPSES,
        threshold=f"v {neuron.threshold_rule} V_T",
        reset="v = V_reset" if neuron.reset == "hard" else "v -= V_T - E_L",
        refractory=REFRACTORY,
        onset=READY | {"v": "E_L"} | REST,
        unit_current=unit_current(neuron),
        namespace=membrane("cuba", neuron, step_ms),
        method=METHOD,
        output="v",
        output_zero=E_L,
        output_unit=UNIT,
    )


def membrane(level: str, neuron: LIF | LeakyIntegrator, step_ms: float) -> dict[str, Any]:
    """Return the constants of a membrane and of its synapses.

    Raises
    ------
    ValueError
        If the membrane keeps nothing from step to step.
    """
    constants = time_constant(level, neuron, step_ms)
    leaky = neuron.decay < 1
    constants |= {"E_L": E_L, "tau_exc": TAU_EXC, "tau_inh": TAU_INH, "hour": 3600 * second}
    constants["C_m"] = constants["tau_m" if leaky else "step"] / R_M
    constants["g_L"] = (1 if leaky else 0) / R_M
    if isinstance(neuron, LIF):
        constants["V_T"] = E_L + neuron.v_threshold * UNIT
        constants["V_reset"] = E_L + neuron.v_reset * UNIT
    return constants


def readout(level: str, neuron: Neuron, step_ms: float) -> Population:
    """Return a readout: an instrument on the synaptic current, the same at this and all higher levels.

    `Current` is the mean of the current over a network step, `LeakyIntegrator` a passive membrane.

    Raises
    ------
    ValueError
        For a neuron that is no readout.
    """
    if isinstance(neuron, Current):
        return Population(
            equations="I_mean : amp" + SYNAPSES,
            update="I_mean += (I_exc + I_inh + I_drive)*dt/step",
            step_start="I_mean = 0*amp",
            onset=REST,
            unit_current=UNIT / R_M,
            namespace={"step": step_ms * ms, "tau_exc": TAU_EXC, "tau_inh": TAU_INH},
            output="I_mean",
            output_unit=UNIT / R_M,
        )
    if isinstance(neuron, FirstSpike | CubaLIF | CubaLI):
        raise refuse(level, neuron)
    return Population(
        equations=MEMBRANE + SYNAPSES,
        onset={"v": "E_L"} | REST,
        unit_current=unit_current(neuron),
        namespace=membrane(level, neuron, step_ms),
        method=METHOD,
        output="v",
        output_zero=E_L,
        output_unit=UNIT,
    )


LEVEL = Level(
    name="cuba",
    summary="exponential synaptic currents, AMPA and GABA; spikes free of the network's steps",
    current_unit="amp",
    steps_per_network_step=128,
    subdivides=True,
    pathways=(Pathway("arrive", "; ".join(ARRIVE)),),
    population=population,
    largest_dt_ms=LARGEST_DT_MS,
)
