"""What a level is: equations for every kind of neuron of `study.network`, over the same learned weights."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

from study.network import Neuron


@dataclasses.dataclass(frozen=True)
class Population:
    """One population's texts and constants, ready for `brian2.NeuronGroup`.

    Every population has a parameter `I_drive` (constant current), set at stimulus onset in the first layer.

    Parameters
    ----------
    equations : str
        Brian2 equations with units.
    onset : mapping of str to str
        Variables and what each becomes when a stimulus begins: the state at rest.
    unit_current : Quantity or float
        What a learned current of 1 becomes; weights and drives are multiplied by it.
    namespace : mapping of str to Quantity or float
        Every constant that the texts name, those of the pathways into this population included.
    parameters : mapping of str to array
        Constants that differ from unit to unit, (n_units,); the equations declare them. SI units.
    threshold, reset : str
        Empty for populations that do not fire.
    update : str
        Statements run every time step instead of, or beside, a differential equation.
    step_start : str
        Statements run when a network step begins, after the readout of the step before was recorded.
    method : str
        Brian2's integration method.
    refractory : Quantity or str, optional
        How long a neuron that fired stays silent, or the condition under which it does.
    output : str
        The variable that a readout is recorded from.
    output_zero, output_unit : Quantity or float
        (output - output_zero) / output_unit is dimensionless, as in `study.network`.
    """

    equations: str
    onset: Mapping[str, str]
    unit_current: Any
    namespace: Mapping[str, Any]
    parameters: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    threshold: str = ""
    reset: str = ""
    update: str = ""
    step_start: str = ""
    method: str = "exact"
    refractory: Any = None
    output: str = ""
    output_zero: Any = 0.0
    output_unit: Any = 1.0


@dataclasses.dataclass(frozen=True)
class Pathway:
    """What one presynaptic spike does.

    Parameters
    ----------
    name : str
        Name of the pathway in Brian2.
    on_pre : str
        Statements; `w` is the synapse's weight as a current, or 0 where the spike was fired before the last reset or
        is not passed on. Constants come from the postsynaptic population.
    delay_steps : float
        Delay in network steps.
    """

    name: str
    on_pre: str
    delay_steps: float = 0.0


@dataclasses.dataclass(frozen=True)
class Level:
    """A set of equations for all kinds of neurons.

    Parameters
    ----------
    name : str
    summary : str
        One sentence for `--help`.
    current_unit : str
        Brian2 unit of currents and weights, "1" or "amp".
    steps_per_network_step : int
        Simulation time steps in a network step unless asked otherwise or `largest_dt_ms` needs more.
    subdivides : bool
        Whether other time steps than one per network step are allowed.
    pathways : tuple of Pathway
    population : callable (neuron, step_ms) -> Population
        Raises ValueError for parameters that the level cannot express.
    latency_steps : 0 or 1
        1 if spikes are handed on when the network step ends, so that they act in the next one.
    noise_seed : int, optional
        Where equations draw random numbers.
    largest_dt_ms : float
        The longest time step with which the level is the model that it says; infinite where equations are solved exactly.
    """

    name: str
    summary: str
    current_unit: str
    steps_per_network_step: int
    subdivides: bool
    pathways: tuple[Pathway, ...]
    population: Callable[[Neuron, float], Population]
    latency_steps: int = 0
    noise_seed: int | None = None
    largest_dt_ms: float = math.inf


def refuse(level: str, neuron: Neuron, what: str = "neurons") -> ValueError:
    """Return the error for a neuron that a level cannot express.

    Parameters
    ----------
    level : str
    neuron : Neuron
    what : str
        Which of its parameters, with its value, if it is not the whole kind.
    """
    return ValueError(
        f"level {level} cannot express {what} of the kind {neuron.kind!r}; use another level for this network."
    )
