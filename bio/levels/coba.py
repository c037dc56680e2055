"""Level `coba`: conductance-based synapses.

C_m dv/dt = g_L (E_L - v) + g_exc (E_exc - v) + g_inh (E_inh - v), with g_exc and g_inh decaying exponentially.

Every learned weight becomes an excitatory or inhibitory conductance by its sign, such that at the trained threshold V_T it
passes the charge of level `cuba`: g = |w| step / (tau |E - V_T|). Constant drives and the analog input become constant
conductances in the same way. At V_T both levels have the same current, so a constant input makes a neuron fire here if and
only if it does there; elsewhere excitation is stronger below V_T and inhibition weaker, and both shorten the time constant.

A readout is a voltage clamp at V_T = -55 mV: the current of level `cuba`, through a passive filter where the trained
readout has a membrane.
"""

from __future__ import annotations

from typing import Any

from brian2 import Quantity, mV

from bio.levels.cuba import ARRIVE, LARGEST_DT_MS, READY, REFRACTORY, membrane, readout
from bio.levels.level import Level, Pathway, Population
from bio.levels.lif import E_L, UNIT, unit_current
from study.network import LIF, Neuron

# Brette et al. 2007 (doi 10.1007/s10827-007-0038-6), benchmarks 1 and 3
E_EXC: Quantity = 0 * mV
E_INH: Quantity = -80 * mV

# I_exc and I_inh are what the conductances pass at V_T: one synapse text serves all levels, and so does the readout.
SYNAPSES = """
dI_exc/dt = -I_exc/tau_exc : amp
dI_inh/dt = -I_inh/tau_inh : amp
I_drive : amp
g_exc = (I_exc + I_drive*int(I_drive > 0*amp))/(E_exc - V_T) : siemens
g_inh = (I_inh + I_drive*int(I_drive < 0*amp))/(E_inh - V_T) : siemens
I_syn = g_exc*(E_exc - v) + g_inh*(E_inh - v) : amp
"""
MEMBRANE = "dv/dt = (g_L*(E_L - v) + g_exc*(E_exc - v) + g_inh*(E_inh - v))/C_m : volt (unless refractory)"
REST = {"v": "E_L", "I_exc": "0*amp", "I_inh": "0*amp"}


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
        For a membrane that keeps nothing from step to step, that fires once, or whose threshold is not between the
        reversal potentials.
    """
    if not isinstance(neuron, LIF):
        return readout("coba", neuron, step_ms)
    return Population(
        equations=MEMBRANE + SYNAPSES,
        threshold=f"v {neuron.threshold_rule} V_T",
        reset="v = V_reset" if neuron.reset == "hard" else "v -= V_T - E_L",
        refractory=REFRACTORY,
        onset=READY | REST,
        unit_current=unit_current(neuron),
        namespace=conductances("coba", neuron, step_ms),
        method="exponential_euler" if neuron.decay < 1 else "rk2",
        output="v",
        output_zero=E_L,
        output_unit=UNIT,
    )


def conductances(level: str, neuron: LIF, step_ms: float) -> dict[str, Any]:
    """Return the constants of a membrane with conductances.

    Raises
    ------
    ValueError
        If the threshold is not between the reversal potentials, where no conductance can excite and none inhibit.
    """
    constants = membrane(level, neuron, step_ms) | {"E_exc": E_EXC, "E_inh": E_INH}
    if not E_INH < constants["V_T"] < E_EXC:
        raise ValueError(
            f"level {level} cannot express the threshold {neuron.v_threshold:g}, {constants['V_T'] / mV:g} mV; it must lie "
            f"between {E_INH / mV:g} and {E_EXC / mV:g} mV: use level cuba for this network."
        )
    return constants


LEVEL = Level(
    name="coba",
    summary="conductances with reversal potentials, split by the sign of each weight",
    current_unit="amp",
    steps_per_network_step=128,
    subdivides=True,
    pathways=(Pathway("arrive", "; ".join(ARRIVE)),),
    population=population,
    largest_dt_ms=LARGEST_DT_MS,
)
