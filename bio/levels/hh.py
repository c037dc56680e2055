"""Level `hh`: Hodgkin-Huxley membranes with the sodium and potassium channels of Traub and Miles 1991.

C_m dv/dt = g_L (E_L - v) + I_syn - g_Na m^3 h (v - E_Na) - g_K n^4 (v - E_K)

Channels as in Brette et al. 2007 (doi 10.1007/s10827-007-0038-6), benchmark 3. Synapses are those of level `coba`,
converted at the trained threshold V_T. The leak makes the trained decay. V_shift moves the channels' voltages such that the
rheobase is that of the trained membrane, g_L (V_T - E_L). There is no reset and no refractory period: the channels do both.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2 import Quantity, cm, mV, siemens, umetre

from bio.levels.adex import check
from bio.levels.coba import REST, SYNAPSES, conductances
from bio.levels.cuba import ARRIVE, readout
from bio.levels.level import Level, Pathway, Population, refuse
from bio.levels.lif import E_L, UNIT, unit_current
from study.network import LIF, Neuron

# Brette et al. 2007, benchmark 3: channel densities on an area of which the leak, 5e-5 S/cm2, is our 10 nS
AREA: Quantity = 20_000 * umetre**2
G_NA: Quantity = 0.1 * siemens / cm**2 * AREA
G_K: Quantity = 0.03 * siemens / cm**2 * AREA
E_NA: Quantity = 50 * mV
E_K: Quantity = -90 * mV
# Measured: with V_shift this far below V_T the rheobase is that of the trained membrane (tests/bio/test_levels.py). Brian2's
# example COBAHH has V_shift = -63 mV at E_L = -60 mV.
SHIFT: Quantity = 0.75 * mV
SPIKE: Quantity = -20 * mV  # Brian2's example COBAHH: a spike is where v exceeds this
# Measured: at a strong current 0.06 ms gives 20 of 21 spikes, 0.25 ms 17, 0.5 ms 16, 1 ms 13.
LARGEST_DT_MS = 0.25

# Slopes of the rates. They have names because sympy makes exp(x/(18*mV)) to exp(x/mV)**(1/18), whose power costs more than the rest.
SLOPES_MV = (4, 5, 18, 40)

MEMBRANE = """
dv/dt = (g_L*(E_L - v) + g_exc*(E_exc - v) + g_inh*(E_inh - v) - g_Na*m**3*h*(v - E_Na) - g_K*n**4*(v - E_K))/C_m : volt
dm/dt = alpha_m*(1 - m) - beta_m*m : 1
dn/dt = alpha_n*(1 - n) - beta_n*n : 1
dh/dt = alpha_h*(1 - h) - beta_h*h : 1
u = v - V_shift : volt
alpha_m = 0.32*4/exprel((13*mV - u)/k_4)/ms : Hz
beta_m = 0.28*5/exprel((u - 40*mV)/k_5)/ms : Hz
alpha_n = 0.032*5/exprel((15*mV - u)/k_5)/ms : Hz
beta_n = 0.5*exp((10*mV - u)/k_40)/ms : Hz
alpha_h = 0.128*exp((17*mV - u)/k_18)/ms : Hz
beta_h = 4/(1 + exp((40*mV - u)/k_5))/ms : Hz
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
        For a membrane without leak or memory, that fires once, or is reset by subtraction or to another voltage than rest.
    """
    if not isinstance(neuron, LIF):
        return readout("hh", neuron, step_ms)
    check("hh", neuron)
    if neuron.v_reset != 0:
        raise refuse("hh", neuron, f"the reset to {neuron.v_reset:g} of neurons")
    constants = conductances("hh", neuron, step_ms)
    constants |= {"g_Na": G_NA, "g_K": G_K, "E_Na": E_NA, "E_K": E_K, "V_spike": SPIKE}
    constants["V_shift"] = constants["V_T"] - SHIFT
    constants |= {f"k_{slope}": slope * mV for slope in SLOPES_MV}
    return Population(
        equations=MEMBRANE + SYNAPSES,
        threshold="v > V_spike",
        refractory="v > V_spike",  # one spike per crossing
        onset=REST | channels_at_rest(constants["V_shift"]),
        unit_current=unit_current(neuron),
        namespace=constants,
        method="exponential_euler",
        output="v",
        output_zero=E_L,
        output_unit=UNIT,
    )


def channels_at_rest(shift: Any) -> dict[str, str]:
    """Return the steady state of m, n and h at E_L."""
    u = float((E_L - shift) / mV)
    rates = {
        "m": (1.28 / _exprel((13 - u) / 4), 1.4 / _exprel((u - 40) / 5)),
        "n": (0.16 / _exprel((15 - u) / 5), 0.5 * np.exp((10 - u) / 40)),
        "h": (0.128 * np.exp((17 - u) / 18), 4 / (1 + np.exp((40 - u) / 5))),
    }
    return {name: f"{alpha / (alpha + beta):.12g}" for name, (alpha, beta) in rates.items()}


def _exprel(x: float) -> float:
    return float(np.expm1(x) / x) if x else 1.0


LEVEL = Level(
    name="hh",
    summary="Hodgkin-Huxley sodium and potassium channels, conductances",
    current_unit="amp",
    steps_per_network_step=256,
    subdivides=True,
    pathways=(Pathway("arrive", "; ".join(ARRIVE)),),
    population=population,
    largest_dt_ms=LARGEST_DT_MS,
)
