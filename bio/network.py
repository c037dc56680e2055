"""A `study.network.Network` as Brian2 objects that can be read, edited and run like any others."""

from __future__ import annotations

import dataclasses
from typing import Any

import brian2
import numpy as np
from brian2 import amp, second

from bio.connectivity import analog_current, synapse_text
from bio.levels import Level, Population, find_level
from bio.timing import Timing, find_timing
from study.network import Layer, Network


@dataclasses.dataclass
class BrianNetwork:
    """What `build_network` made; every object can be changed before it runs.

    Parameters
    ----------
    network : brian2.Network
        Run it with `network.run(duration, namespace={})`.
    groups, synapses : dict of layer name to NeuronGroup or Synapses
        Synapses are those that reach the layer; the first layer has none, but `stimulus`.
    kernels : dict of layer name to NeuronGroup
        The weights, one per kernel entry, as currents; synapses point into them.
    spikes : dict of layer name to SpikeMonitor
    readout : StateMonitor
        Of the last layer, one sample per network step; sample 0 is the state before the first step.
    stimulus : TimedArray
        Current into the first layer, (stimulus, unit), in SI units.
    duration : Quantity
    timing : Timing
    output_zero, output_unit : float
        (recorded - output_zero) / output_unit is dimensionless; SI units.
    """

    network: Any
    groups: dict[str, Any]
    synapses: dict[str, Any]
    kernels: dict[str, Any]
    spikes: dict[str, Any]
    readout: Any
    stimulus: Any
    duration: Any
    timing: Timing
    output_zero: float
    output_unit: float


def flat_stimuli(network: Network, values: np.ndarray) -> np.ndarray:
    """Return stimuli as (stimulus, unit) float64 after checking that they fit the network's input.

    Parameters
    ----------
    network : Network
    values : array, (stimulus, *input_shape), or (stimulus, y, x) for an input of one channel

    Raises
    ------
    ValueError
        If the shape differs, there is no stimulus, or a value is not finite.
    """
    values = np.asarray(values, np.float64)
    shape = network.input_shape
    allowed = [shape] + ([shape[1:]] if len(shape) == 3 and shape[0] == 1 else [])
    if values.shape[1:] not in allowed:
        raise ValueError(
            f"stimuli have the shape {values.shape}, but the {network.role} takes {shape} per stimulus; "
            "make stimuli of that size or export a network that was trained on this size."
        )
    if not len(values) or not np.isfinite(values).all():
        raise ValueError(
            f"{len(values)} stimuli with {int((~np.isfinite(values)).sum())} NaN or infinite values; "
            "at least one stimulus and finite values are needed."
        )
    return values.reshape(len(values), -1)


def build_network(
    network: Network, stimuli: np.ndarray, level: str = "exact", dt_ms: float | None = None
) -> BrianNetwork:
    """Make the Brian2 objects that show `stimuli` one after another, 250 ms each, to `network`.

    Brian2's device and code generation target are the caller's choice and are not touched.

    Parameters
    ----------
    network : Network
    stimuli : array, (stimulus, *input_shape)
        Dimensionless: images in [0, 1] or latents.
    level : str
        A name in `bio.levels.LEVELS`.
    dt_ms : float, optional
        Simulation time step; the level's own when absent.

    Returns
    -------
    BrianNetwork

    Raises
    ------
    ValueError
        For an unknown level, stimuli of another shape, a time step that does not divide the network step, or
        parameters that the level cannot express.
    """
    chosen = find_level(level)
    currents = analog_current(network.layers[0], flat_stimuli(network, stimuli))
    return assemble(network, currents, chosen, find_timing(network.n_steps, chosen, dt_ms))


def assemble(network: Network, currents: np.ndarray, level: Level, timing: Timing) -> BrianNetwork:
    """Make the Brian2 objects for dimensionless first-layer `currents`, (stimulus, unit)."""
    populations = [level.population(layer.neuron, timing.step_ms) for layer in network.layers]
    clocks = {
        "dt": brian2.Clock(timing.dt_s * second, name="timestep_clock"),
        "step": brian2.Clock(timing.dt_s * timing.per_step * second, name="step_clock"),
        "stimulus": brian2.Clock(timing.stimulus_s * second, name="stimulus_clock"),
    }
    unit = amp if level.current_unit == "amp" else 1
    stimulus = brian2.TimedArray(
        si_current(currents, populations[0]) * unit, dt=timing.stimulus_s * second, name="stimulus_current"
    )
    built = BrianNetwork(
        network=brian2.Network(name="network"),
        groups={},
        synapses={},
        kernels={},
        spikes={},
        readout=None,
        stimulus=stimulus,
        duration=timing.run_s(len(currents)) * second,
        timing=timing,
        output_zero=float(populations[-1].output_zero),
        output_unit=float(populations[-1].output_unit),
    )
    for depth, (layer, population) in enumerate(zip(network.layers, populations, strict=True)):
        _add_group(built, layer, population, clocks, 10 * depth)
        if depth:
            _add_synapses(built, network.layers[depth - 1].name, layer, population, level, 10 * depth - 5)
    _add_monitors(built, network, populations[-1], clocks["step"])
    return built


def si_current(values: np.ndarray, population: Population) -> np.ndarray:
    """Return learned, dimensionless currents as `population` needs them, in SI units without Brian2's wrapper."""
    return np.asarray(values, np.float64) * float(population.unit_current)


def _add_group(
    built: BrianNetwork, layer: Layer, population: Population, clocks: dict[str, Any], order: int
) -> None:
    """Add one layer: update, threshold and reset at `order` of the slot `groups`, onset in the slot `start`."""
    first = not built.groups
    group = brian2.NeuronGroup(
        layer.n_units,
        population.equations,
        threshold=population.threshold or None,
        reset=population.reset or None,
        refractory=False if population.refractory is None else population.refractory,
        method=population.method,
        clock=clocks["dt"],
        name=layer.name,
        namespace={**population.namespace, **({"stimulus_current": built.stimulus} if first else {})},
    )
    group.state_updater.order = order
    if population.threshold:
        for offset, part in ((1, group.thresholder["spike"]), (2, group.resetter["spike"])):
            part.when, part.order = "groups", order + offset
    if first:
        onset = population.onset + "; I_drive = stimulus_current(t, i)"
    else:
        onset = population.onset
        group.variables["I_drive"].set_value(si_current(layer.drive, population))
    group.run_regularly(onset, clock=clocks["stimulus"], when="start", order=-8, name=f"{layer.name}_onset")
    if population.update:
        group.run_regularly(
            population.update, clock=clocks["dt"], when="groups", order=order, name=f"{layer.name}_update"
        )
    if population.step_start:
        group.run_regularly(
            population.step_start,
            clock=clocks["step"],
            when="start",
            order=-9,
            name=f"{layer.name}_step_start",
        )
    built.groups[layer.name] = group
    built.network.add(group)


def _add_synapses(
    built: BrianNetwork, source: str, layer: Layer, population: Population, level: Level, order: int
) -> None:
    """Add the synapses into `layer`; their pathways act between the layers' updates, at `order` and after."""
    unit, timing = level.current_unit, built.timing
    kernel = brian2.NeuronGroup(
        layer.connection.weight.size,
        f"weight : {unit} (constant)",
        clock=built.groups[source].clock,
        name=f"{layer.name}_kernel",
        namespace={},
    )
    kernel.variables["weight"].set_value(si_current(layer.connection.weight.ravel(), population))
    synapses = brian2.Synapses(
        built.groups[source],
        built.groups[layer.name],
        f"w : {unit} (linked)\nkernel_index : integer (constant)",
        on_pre={path.name: path.on_pre for path in level.pathways},
        delay={path.name: path.delay_steps * timing.step_ms * brian2.ms for path in level.pathways},
        clock=built.groups[source].clock,
        name=f"{layer.name}_synapses",
        namespace={
            "step_timesteps": timing.per_step,
            "period_timesteps": timing.per_step * timing.n_steps,
        },
    )
    synapses.w = brian2.linked_var(kernel, "weight", index="kernel_index")
    text = synapse_text(layer.connection)
    synapses.connect(j=text.connect)
    synapses.kernel_index = text.kernel_index
    for offset, path in enumerate(level.pathways):
        pathway = getattr(synapses, path.name)
        pathway.when, pathway.order = "groups", order + offset
    built.kernels[layer.name], built.synapses[layer.name] = kernel, synapses
    built.network.add(kernel, synapses)


def _add_monitors(built: BrianNetwork, network: Network, population: Population, step_clock: Any) -> None:
    for layer in network.layers:
        if layer.spikes:
            monitor = brian2.SpikeMonitor(built.groups[layer.name], when="end", name=f"{layer.name}_spikes")
            built.spikes[layer.name] = monitor
            built.network.add(monitor)
    built.readout = brian2.StateMonitor(
        built.groups[network.readout.name],
        population.output,
        record=True,
        clock=step_clock,
        when="start",
        order=-10,
        name=f"{network.readout.name}_readout",
    )
    built.network.add(built.readout)
