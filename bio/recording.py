"""From what Brian2 recorded to spike counts and a dimensionless readout per network step."""

from __future__ import annotations

import numpy as np

from bio.backends import Batch
from bio.latency import steps_behind
from bio.levels import Level
from bio.timing import Timing
from study.network import Layer, Network


def reduce_batch(
    network: Network, level: Level, timing: Timing, batch: Batch, n_stimuli: int, n_bins: int
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Cut a batch's recordings into stimuli; what happened in blanks between them is left out.

    Parameters
    ----------
    network, level, timing, batch
    n_stimuli : int
    n_bins : int
        Equal parts of a stimulus in which spikes are counted; divides its network steps.

    Returns
    -------
    counts : dict of layer name to uint16 array, (stimulus, bin, unit)
    readout : array, (stimulus, step, unit)
        Dimensionless current or membrane; 0/1 spikes where the readout spikes.

    Raises
    ------
    ValueError
        If the readout became NaN or infinite.
    """
    behind = steps_behind(network, level)

    def count(layer: Layer, n_bins: int) -> np.ndarray:
        return _count(layer, behind[layer.name], timing, batch.spikes[layer.name], n_stimuli, n_bins)

    counts = {layer.name: count(layer, n_bins) for layer in network.layers if layer.spikes}
    readout = network.readout
    if readout.spikes:
        return counts, (count(readout, timing.n_steps) > 0).astype(np.float64)
    population = level.population(readout.neuron, timing.step_ms)
    shown = batch.readout[1 + behind[readout.name] :][: n_stimuli * timing.period_steps]
    values = shown.reshape(n_stimuli, timing.period_steps, readout.n_units)
    values = values[:, : timing.n_steps].astype(np.float64)
    values = (values - float(population.output_zero)) / float(population.output_unit)
    if not np.isfinite(values).all():
        remedy = (
            "use a smaller time step"
            if level.subdivides
            else "look for weights and inputs that are too large"
        )
        raise ValueError(
            f"the readout {readout.name} became NaN or infinite at level {level.name}, dt_ms {timing.dt_ms:g}; {remedy}."
        )
    return counts, values


def _count(
    layer: Layer,
    behind: int,
    timing: Timing,
    spikes: tuple[np.ndarray, np.ndarray],
    n_stimuli: int,
    n_bins: int,
) -> np.ndarray:
    """Count spikes per bin of a layer that runs `behind` network steps late, (stimulus, bin, unit) uint16."""
    unit, time_s = spikes
    counts = np.empty((n_stimuli, n_bins, layer.n_units), np.uint16)
    # Of one stimulus at a time, without the blank after it: temporary arrays of all spikes would be larger than the counts.
    onset = np.arange(n_stimuli) * timing.period_steps + behind
    halfway = (np.array([onset, onset + timing.n_steps]) * timing.per_step - 0.5) * timing.dt_s
    for number, (first, last) in enumerate(np.searchsorted(time_s, halfway).T):
        step = np.rint(time_s[first:last] / timing.dt_s).astype(np.int64) // timing.per_step - onset[number]
        place = step // (timing.n_steps // n_bins) * layer.n_units + unit[first:last]
        found = np.bincount(place, minlength=n_bins * layer.n_units)
        counts[number] = found.reshape(n_bins, layer.n_units)
    return counts
