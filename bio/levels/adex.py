"""Level `adex`: adaptive exponential integrate-and-fire (Brette and Gerstner 2005, doi 10.1152/jn.00686.2005).

C_m dv/dt = g_L (E_L - v) + g_L Delta_T exp((v - V_rise)/Delta_T) - w_adapt + I_syn
tau_w dw_adapt/dt = a (v - E_L) - w_adapt;   at a spike v = V_reset, w_adapt += b

Synapses are those of level `coba`, converted at the trained threshold V_T. V_rise, where the upstroke begins, is such that
the smallest constant current that makes the neuron fire, the rheobase g_L (V_T - E_L), stays what it was.
"""

from __future__ import annotations

import math
from typing import Any

from brian2 import Quantity, ms, mV

from bio.levels.coba import REST, SYNAPSES, conductances
from bio.levels.cuba import ARRIVE, LARGEST_DT_MS, READY, REFRACTORY, readout
from bio.levels.level import Level, Pathway, Population, refuse
from bio.levels.lif import E_L, R_M, UNIT, unit_current
from study.network import LIF, Neuron

# Brette and Gerstner 2005, regular spiking: Delta_T 2 mV, tau_w 144 ms, a 4 nS at g_L 30 nS, b 80.5 pA at
# g_L (V_T - E_L) = 30 nS · 20.2 mV. a and b are kept in proportion to our g_L and to our distance to threshold.
DELTA_T: Quantity = 2 * mV
TAU_W: Quantity = 144 * ms
A_PER_LEAK = 4 / 30
B_PER_RHEOBASE = 80.5 / (30 * 20.2)
# Chosen: a spike is counted, and the membrane reset, this far above the beginning of the upstroke.
UPSTROKE: Quantity = 5 * DELTA_T

MEMBRANE = """
dv/dt = (g_L*(E_L - v) + g_L*Delta_T*exp((v - V_rise)/Delta_T) - w_adapt + I_syn)/C_m : volt (unless refractory)
dw_adapt/dt = (a*(v - E_L) - w_adapt)/tau_w : amp
"""


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
        For a membrane without leak or memory, that fires once, or is reset by subtraction.
    """
    if not isinstance(neuron, LIF):
        return readout("adex", neuron, step_ms)
    check("adex", neuron)
    return Population(
        equations=MEMBRANE + SYNAPSES,
        threshold="v > V_rise + upstroke",
        reset="v = V_reset; w_adapt += b",
        refractory=REFRACTORY,
        onset=READY | REST | {"w_adapt": "0*amp"},
        unit_current=unit_current(neuron),
        namespace=conductances("adex", neuron, step_ms) | adaptation(neuron),
        method="rk2",
        output="v",
        output_zero=E_L,
        output_unit=UNIT,
    )


def check(level: str, neuron: LIF) -> None:
    """Raise ValueError for what a membrane with a spike of its own has no place for."""
    if neuron.reset == "soft":
        raise refuse(level, neuron, "the soft reset of neurons")
    if neuron.decay == 1:
        raise refuse(level, neuron, "a membrane without leak (decay 1) of neurons")
    if neuron.v_threshold <= 0:
        raise refuse(level, neuron, f"the threshold {neuron.v_threshold:g} of neurons")


def adaptation(neuron: LIF) -> dict[str, Any]:
    """Return the constants of adaptation and of the upstroke.

    The rheobase of the model is (g_L + a) (V* - E_L - Delta_T) at V* = V_rise + Delta_T ln(1 + a/g_L), where the fixed
    point vanishes (Touboul and Brette 2008, doi 10.1007/s00422-008-0267-4); set equal to g_L (V_T - E_L) and solved.
    """
    distance, leak = neuron.v_threshold * UNIT, 1 / R_M
    return {
        "Delta_T": DELTA_T,
        "tau_w": TAU_W,
        "a": A_PER_LEAK * leak,
        "b": B_PER_RHEOBASE * leak * distance,
        "V_rise": E_L + distance / (1 + A_PER_LEAK) + DELTA_T * (1 - math.log1p(A_PER_LEAK)),
        "upstroke": UPSTROKE,
    }


LEVEL = Level(
    name="adex",
    summary="conductances, adaptation and an exponential upstroke",
    current_unit="amp",
    steps_per_network_step=128,
    subdivides=True,
    pathways=(Pathway("arrive", "; ".join(ARRIVE)),),
    population=population,
    largest_dt_ms=LARGEST_DT_MS,
)
