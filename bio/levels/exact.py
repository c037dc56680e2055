"""Level `exact`: the difference equations of `study.network`, dimensionless, one time step per network step.

Without latency a spike reaches the next layer in the time step in which it was fired, so the update of layer k + 1
follows the reset of layer k within the step (`bio.network` sets this order). Spikes equal those of torch one by one; voltages
differ by the order of floating point sums only.
"""

from __future__ import annotations

import dataclasses

from bio.levels.level import Level, Pathway, Population
from study.network import LIF, CubaLI, CubaLIF, FirstSpike, LeakyIntegrator, Neuron

CURRENTS = """
I_syn : 1
I_drive : 1
"""
SYNAPTIC = "A = decay_syn*A + gain_syn*(I_syn + I_drive); I_syn = 0; "


def population(neuron: Neuron, step_ms: float) -> Population:
    """Return the texts of one kind of neuron; `step_ms` has no meaning at this level."""
    if isinstance(neuron, LIF):
        return _lif(neuron)
    if isinstance(neuron, FirstSpike):
        return _first_spike(neuron)
    if isinstance(neuron, CubaLIF | CubaLI):
        return _cuba(neuron)
    if isinstance(neuron, LeakyIntegrator):
        return Population(
            equations="v : 1" + CURRENTS,
            update="v = decay*v + gain*(I_syn + I_drive); I_syn = 0",
            onset={"v": "0", "I_syn": "0"},
            unit_current=1.0,
            namespace={"decay": neuron.decay, "gain": neuron.gain},
            output="v",
        )
    return Population(
        equations="I_total : 1" + CURRENTS,
        update="I_total = I_syn + I_drive; I_syn = 0",
        onset={"I_syn": "0"},
        unit_current=1.0,
        namespace={},
        output="I_total",
    )


def _lif(neuron: LIF) -> Population:
    return Population(
        equations="v : 1" + CURRENTS,
        update="v = decay*v + gain*(I_syn + I_drive); I_syn = 0",
        threshold=f"v {neuron.threshold_rule} v_threshold",
        reset="v = v_reset" if neuron.reset == "hard" else "v -= v_threshold",
        onset={"v": "0", "I_syn": "0"},
        unit_current=1.0,
        namespace={
            "decay": neuron.decay,
            "gain": neuron.gain,
            "v_threshold": neuron.v_threshold,
            "v_reset": neuron.v_reset,
        },
        output="v",
    )


def _first_spike(neuron: FirstSpike) -> Population:
    return Population(
        equations="v : 1\nfired : boolean" + CURRENTS,
        update="v += I_syn + I_drive; I_syn = 0",
        threshold=f"v {neuron.threshold_rule} v_threshold and not fired",
        reset="fired = True",
        onset={"v": "0", "I_syn": "0", "fired": "False"},
        unit_current=1.0,
        namespace={"v_threshold": neuron.v_threshold},
        output="v",
    )


def _cuba(neuron: CubaLIF | CubaLI) -> Population:
    """Every parameter is a variable of the group, one value per unit."""
    parameters = {field.name: getattr(neuron, field.name) for field in dataclasses.fields(neuron)}
    declared = "".join(f"\n{name} : 1 (constant)" for name in parameters)
    firing = {"threshold": "v > v_threshold", "reset": "v = v_reset"} if isinstance(neuron, CubaLIF) else {}
    membrane = "v = decay*v + gain*A" if firing else "v = v_rest + decay*(v - v_rest) + gain*A"
    return Population(
        equations="v : 1\nA : 1" + CURRENTS + declared,
        update=SYNAPTIC + membrane,
        onset={"v": "0" if firing else "v_rest", "A": "0", "I_syn": "0"},
        unit_current=1.0,
        namespace={},
        parameters=parameters,
        output="v",
        **firing,
    )


LEVEL = Level(
    name="exact",
    summary="the trained network's own difference equations: the same spikes as torch",
    current_unit="1",
    steps_per_network_step=1,
    subdivides=False,
    pathways=(Pathway("arrive", "I_syn_post += w"),),
    population=population,
)
