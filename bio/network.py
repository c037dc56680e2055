"""A `study.network.Network` as Brian2 objects that can be read, edited and run like any others."""

from __future__ import annotations

import dataclasses
from typing import Any

import brian2
import numpy as np
from brian2 import second

from bio.clocks import make_clocks
from bio.latency import steps_behind
from bio.levels import Level, Population, find_level
from bio.onset import add_onset
from bio.presentation import Presentation
from bio.synapses import Projection, make_synapses, si_current
from bio.timing import Timing, find_timing
from study.network import Connection, Layer, Network, Pick, Sparse


@dataclasses.dataclass
class BrianNetwork:
    """What `build_network` made; every object can be changed before it runs.

    Parameters
    ----------
    network : brian2.Network
        Run it with `network.run(duration, namespace={})`.
    groups : dict of layer name to NeuronGroup
    synapses : dict of str to Synapses
        By the name of the layer that they reach from the layer before (the first layer has none where its input is
        analog), and `<layer>_from_<source>` for recurrent input. A connection without any synapse has no entry.
    kernels : dict of str to NeuronGroup
        The weights, one per kernel entry, as currents; synapses of the same name point into them.
    spikes : dict of layer name to SpikeMonitor
    readout : StateMonitor
        Of the last layer, one sample per network step; sample 0 is the state before the first step.
    stimulus : TimedArray
        What is shown, (row, column), see `bio.presentation.Presentation`; currents in SI units.
    duration : Quantity
    timing : Timing
    output_zero, output_unit : float
        (recorded - output_zero) / output_unit is dimensionless; SI units.
    source : NeuronGroup, optional
        Fires the input's spikes, where the input is not analog.
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
    source: Any = None


def build_network(
    network: Network,
    stimuli: np.ndarray,
    level: str | Level = "exact",
    dt_ms: float | None = None,
    *,
    draws: np.ndarray | None = None,
    blank_steps: int = 0,
    reset: bool = True,
) -> BrianNetwork:
    """Make the Brian2 objects that show `stimuli` one after another, 250 ms each, to `network`.

    Brian2's device and code generation target are the caller's choice and are not touched.

    Parameters
    ----------
    network : Network
    stimuli : array, (stimulus, *input_shape)
        Dimensionless: images in [0, 1] or latents; 0/1 (stimulus, step, *input_shape) where the input is spikes;
        integers (stimulus, step, n_out) where it is draws.
    level : str or Level
        A name in `bio.levels.LEVELS`, or a level of one's own (`bio.modifiers.modify_level`).
    dt_ms : float, optional
        Simulation time step; the level's own when absent.
    draws : int array, (stimulus, step, n_out), optional
        For a network that picks and has another input beside.
    blank_steps : int
        Network steps without input between a stimulus and the next.
    reset : bool
        Whether every stimulus begins from rest.

    Returns
    -------
    BrianNetwork

    Raises
    ------
    ValueError
        For an unknown level, stimuli of another shape, a time step that does not divide the network step, or
        parameters that the level cannot express.

    Examples
    --------
    >>> brian = bio.build_network(spec, images, level="lif")
    >>> brian.groups["conv1"].namespace["V_T"] += 1 * mV  # harder to excite
    >>> brian.network.add(brian2.StateMonitor(brian.groups["conv1"], "v", record=[0], name="voltage"))
    >>> brian.network.run(brian.duration, namespace={})
    >>> brian.spikes["conv1"].num_spikes, brian.network["voltage"].v
    """
    chosen = find_level(level)
    presentation = Presentation(network, blank_steps, reset)
    timing = find_timing(network.n_steps, chosen, dt_ms, blank_steps)
    return assemble(presentation, presentation.rows(stimuli, draws), chosen, timing)


def assemble(presentation: Presentation, shown: np.ndarray, level: Level, timing: Timing) -> BrianNetwork:
    """Make the Brian2 objects for `shown`, (stimulus, row, column), of the presentation."""
    network = presentation.network
    populations = [level.population(layer.neuron, timing.step_ms) for layer in network.layers]
    behind = steps_behind(network, level)
    if level.noise_seed is not None:
        brian2.seed(level.noise_seed)
    clocks = make_clocks(presentation, timing, len(shown))
    built = BrianNetwork(
        network=brian2.Network(name="network"),
        groups={},
        synapses={},
        kernels={},
        spikes={},
        readout=None,
        stimulus=brian2.TimedArray(
            si_rows(shown, presentation, populations[0]),
            dt=timing.steps_s(presentation.row_steps) * second,
            name="stimulus_rows",
        ),
        duration=(timing.run_s(len(shown)) + timing.steps_s(max(behind.values()))) * second,
        timing=timing,
        output_zero=float(populations[-1].output_zero),
        output_unit=float(populations[-1].output_unit),
    )
    if network.input in ("spikes", "first_spike"):
        _add_source(built, presentation, clocks["dt"])
    for depth, (layer, population) in enumerate(zip(network.layers, populations, strict=True)):
        group = _add_group(built, layer, population, clocks, 10 * depth)
        add_onset(group, population, presentation, timing, clocks, behind[layer.name])
    _show(built, presentation, level, clocks)
    for name, projection in projections(built, network, behind).items():
        population = populations[[layer.name for layer in network.layers].index(projection.target.name)]
        synapses, kernel = make_synapses(projection, population, level, timing, presentation.reset)
        built.synapses[name], built.kernels[name] = synapses, kernel
        built.network.add(synapses, kernel)
    _add_monitors(built, network, populations[-1], clocks["step"])
    return built


def si_rows(shown: np.ndarray, presentation: Presentation, first: Population) -> np.ndarray:
    """Return (stimulus, row, column) as the (row, column) of `BrianNetwork.stimulus`, currents in SI units."""
    if not shown.any():  # new zeros take no memory until somebody writes there
        return np.zeros((shown.size // shown.shape[-1], shown.shape[-1]))
    rows = np.array(shown, np.float64).reshape(-1, shown.shape[-1])
    if presentation.network.input == "constant":
        rows[:, : presentation.n_input] *= float(first.unit_current)
    return rows


def _add_source(built: BrianNetwork, presentation: Presentation, clock: Any) -> None:
    """Add the group that fires the input's spikes, each in the first time step of its network step."""
    per_step, period = built.timing.per_step, built.timing.per_step * built.timing.period_steps
    fires = f"shown > 0.5 and timestep(t, dt) % {per_step} == 0"
    if presentation.network.input == "first_spike":
        fires = f"timestep(t, dt) % {period} == int(shown)*{per_step}"
    built.source = brian2.NeuronGroup(
        presentation.n_input,
        "shown = stimulus_rows(t, i) : 1",
        threshold=fires,
        reset="",
        clock=clock,
        name="stimulus_source",  # no layer's name holds an underscore
        namespace={"stimulus_rows": built.stimulus},
    )
    thresholder = built.source.thresholder["spike"]
    thresholder.when, thresholder.order = "groups", -10
    built.network.add(built.source)


def _add_group(
    built: BrianNetwork, layer: Layer, population: Population, clocks: dict[str, Any], order: int
) -> Any:
    """Add one layer: update, threshold and reset at `order` of the slot `groups`."""
    picks = isinstance(layer.connection, Pick)
    group = brian2.NeuronGroup(
        layer.n_units,
        population.equations + ("\ndraw : integer" if picks else ""),
        threshold=population.threshold or None,
        reset=population.reset or None,
        refractory=False if population.refractory is None else population.refractory,
        method=population.method,
        clock=clocks["dt"],
        name=layer.name,
        namespace={
            **population.namespace,
            "stimulus_rows": built.stimulus,
            "step_timesteps": built.timing.per_step,
        },
    )
    group.state_updater.order = order
    if population.threshold:
        for offset, parts in ((1, group.thresholder), (2, group.resetter)):
            if "spike" in parts:  # channels reset themselves
                parts["spike"].when, parts["spike"].order = "groups", order + offset
    group.variables["I_drive"].set_value(si_current(layer.drive, population))
    for name, values in population.parameters.items():
        group.variables[name].set_value(values)
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
    return group


def _show(built: BrianNetwork, presentation: Presentation, level: Level, clocks: dict[str, Any]) -> None:
    """Let groups read their columns of the stimulus at the start of every row."""
    network = presentation.network
    if network.input == "constant":
        unit = "" if level.current_unit == "1" else f"*{level.current_unit}"
        built.groups[network.layers[0].name].run_regularly(
            f"I_drive = stimulus_rows(t, i){unit}",
            clock=clocks["row"],
            when="start",
            order=-7,
            name="stimulus_show",
        )
    if network.pick is not None:
        built.groups[network.pick.name].run_regularly(
            f"draw = int(stimulus_rows(t, i + {presentation.n_input}))",
            clock=clocks["row"],
            when="start",
            order=-7,
            name="stimulus_draws",
        )


def projections(built: BrianNetwork, network: Network, behind: dict[str, int]) -> dict[str, Projection]:
    """Return the connections between the network's groups, by the names of their synapses; none where nothing connects."""
    depths = {layer.name: 10 * depth for depth, layer in enumerate(network.layers)}
    found, source, source_behind = {}, built.source, 0
    for layer in network.layers:
        target, depth = built.groups[layer.name], depths[layer.name]
        alike = behind[layer.name] if behind[layer.name] == source_behind else None
        if layer.connection is not None and source is not None:
            late = network.latency == 1
            order = depth + 5 if late else depth - 5
            found[layer.name] = Projection(layer.name, layer.connection, source, target, order, late, alike)
        for recurrent in layer.recurrent:
            name = f"{layer.name}_from_{recurrent.source}"
            found[name] = Projection(
                name,
                recurrent.connection,
                built.groups[recurrent.source],
                target,
                order=depths[recurrent.source] + 5,
                late=True,
                behind=behind[layer.name],
            )
        source, source_behind = target, behind[layer.name]
    return {name: projection for name, projection in found.items() if not _is_empty(projection.connection)}


def _is_empty(connection: Connection) -> bool:
    """Return whether there is no synapse, as in an imported matrix of zeros: Brian2 has no group of no weights."""
    return isinstance(connection, Sparse) and not len(connection.weight)


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
