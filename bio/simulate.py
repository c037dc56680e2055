"""Show stimuli to a network at one level on one backend, and return its responses."""

from __future__ import annotations

import functools
import math
import threading
import time
from collections.abc import Callable

import numpy as np
from tqdm import tqdm

from bio.backends import Batch, Job, find_backend
from bio.connectivity import analog_current
from bio.decode import decode, frames
from bio.levels import Level, find_level
from bio.network import assemble, flat_stimuli, si_current
from bio.timing import Timing, find_timing
from study.network import Layer, Network
from study.provenance import provenance
from study.responses import Responses

# Spikes are kept until a batch ends: 12 bytes each, twice while a C++ vector grows, should every unit always fire.
BATCH_BYTES = 400e6


def simulate(
    network: Network,
    stimuli: np.ndarray,
    level: str = "exact",
    backend: str = "numpy",
    *,
    stimulus_ids: np.ndarray | None = None,
    n_processes: int = 1,
    dt_ms: float | None = None,
    progress: bool = True,
) -> Responses:
    """Show `stimuli` to `network`, one after another, from rest each, 250 ms each.

    Parameters
    ----------
    network : Network
    stimuli : array, (stimulus, *input_shape), or (stimulus, y, x) for an input of one channel
        Dimensionless: images in [0, 1] or latents.
    level : str
        A name in `bio.levels.LEVELS`.
    backend : str
        A name in `bio.backends.BACKENDS`.
    stimulus_ids : int array, (stimulus,), optional
        Which stimulus is which; 0, 1, ... when absent.
    n_processes : int
        Parts of the sequence that are simulated at the same time (backend cpp_standalone).
    dt_ms : float, optional
        Simulation time step; the level's own when absent.
    progress : bool
        Whether to draw a bar on stderr.

    Returns
    -------
    Responses
        One repeat, one time bin per network step; voltages dimensionless as in `study.network`; the score of a
        critic is its membrane after the last step divided by T, averaged over readout units. Attributes say how it was made;
        the sha256 of the files that were read is the caller's to add.

    Raises
    ------
    ValueError
        For an unknown level or backend, stimuli of another shape, a time step that does not divide the network
        step, parameters that the level cannot express, or a backend that cannot be used.
    RuntimeError
        If the compiled program fails.
    """
    begun = time.perf_counter()
    chosen, run = find_level(level), find_backend(backend)
    timing = find_timing(network.n_steps, chosen, dt_ms)
    currents = analog_current(network.layers[0], flat_stimuli(network, stimuli))
    if n_processes < 1:
        raise ValueError(f"processes is {n_processes}; at least 1 is needed.")
    ids = np.arange(len(currents)) if stimulus_ids is None else np.asarray(stimulus_ids)
    if ids.shape != (len(currents),):
        raise ValueError(
            f"{len(currents)} stimuli but ids of the shape {ids.shape}; give one id per stimulus."
        )

    batches = _split(network, currents, n_processes)
    lock = threading.Lock()
    # The simulation reports fractions of stimuli: show whole ones.
    bar_format = (
        "{desc}: {percentage:3.0f}%|{bar}| {n:.0f}/{total_fmt} stimuli [{elapsed}<{remaining}{postfix}]"
    )
    with tqdm(
        total=len(currents), desc=level, disable=not progress, bar_format=bar_format, mininterval=1
    ) as bar:

        def advance(n: float) -> None:
            with lock:
                bar.update(min(n, len(currents) - bar.n))

        job = _job(
            network, chosen, timing, batches, min(n_processes, len(batches)), advance, bar.set_postfix_str
        )
        parts = [_reduce(network, chosen, timing, batch, len(batches[0])) for batch in run(job)]
    counts = {name: np.concatenate([part[0][name] for part in parts])[: len(ids)] for name in parts[0][0]}
    readout = np.concatenate([part[1] for part in parts])[: len(ids)]
    return Responses(
        stimulus=ids,
        counts={name: count[:, None] for name, count in counts.items()},
        bin_edges_ms=np.arange(network.n_steps + 1) * timing.step_ms,
        shapes={layer.name: layer.shape for layer in network.layers if layer.spikes},
        readout=read_out(network, readout[:, None]),
        attributes=provenance(
            seconds=time.perf_counter() - begun,
            network=network.role,
            level=level,
            backend=backend,
            step_ms=timing.step_ms,
            dt_ms=timing.dt_ms,
            processes=n_processes,
        )
        | {name: network.provenance[name] for name in ("name", "seed") if name in network.provenance},
    )


def _job(
    network: Network,
    level: Level,
    timing: Timing,
    batches: list[np.ndarray],
    n_processes: int,
    advance: Callable[[float], None],
    say: Callable[[str], None],
) -> Job:
    first = level.population(network.layers[0].neuron, timing.step_ms)
    return Job(
        build=functools.partial(assemble, network, level=level, timing=timing),
        si_current=functools.partial(si_current, population=first),
        batches=batches,
        n_processes=n_processes,
        progress=advance,
        say=say,
    )


def _split(network: Network, currents: np.ndarray, n_processes: int) -> list[np.ndarray]:
    """Split into equal batches that fit memory; the last is filled up with its own last stimulus."""
    n_units = sum(layer.n_units for layer in network.layers)
    fitting = max(1, int(BATCH_BYTES / (24 * n_units * network.n_steps)))
    n_batches = math.ceil(len(currents) / fitting)
    n_batches = min(len(currents), math.ceil(n_batches / n_processes) * n_processes)
    size = math.ceil(len(currents) / n_batches)
    n_batches = math.ceil(len(currents) / size)
    filled = np.concatenate([currents, np.repeat(currents[-1:], n_batches * size - len(currents), axis=0)])
    return list(filled.reshape(n_batches, size, -1))


def _reduce(
    network: Network, level: Level, timing: Timing, batch: Batch, n_stimuli: int
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return ({layer: counts (stimulus, step, unit)}, dimensionless readout (stimulus, step, unit))."""
    counts = {
        layer.name: _count(layer, timing, batch.spikes[layer.name], n_stimuli)
        for layer in network.layers
        if layer.spikes
    }
    readout = network.readout
    population = level.population(readout.neuron, timing.step_ms)
    values = batch.readout[1:].reshape(n_stimuli, timing.n_steps, readout.n_units)
    values = (values - float(population.output_zero)) / float(population.output_unit)
    if not np.isfinite(values).all():
        raise RuntimeError(
            f"the readout {readout.name} became NaN or infinite at level {level.name}; use a smaller time step."
        )
    return counts, values


def _count(layer: Layer, timing: Timing, spikes: tuple[np.ndarray, np.ndarray], n_stimuli: int) -> np.ndarray:
    """Count spikes per network step, (stimulus, step, unit) uint16."""
    unit, time_s = spikes
    step = np.rint(time_s / timing.dt_s).astype(np.int64) // timing.per_step
    n_bins = n_stimuli * timing.n_steps
    shown = step < n_bins  # the run goes on for one time step after the last stimulus
    flat = np.bincount(step[shown] * layer.n_units + unit[shown], minlength=n_bins * layer.n_units)
    return flat.astype(np.uint16).reshape(n_stimuli, timing.n_steps, layer.n_units)


def read_out(network: Network, values: np.ndarray) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    """Name what the last layer gave, as `study.responses.Responses.readout` wants it.

    Parameters
    ----------
    network : Network
    values : array, (stimulus, repeat, step, unit)
        Dimensionless current or membrane.
    """
    steps, units = ("stimulus", "repeat", "step", "unit"), ("stimulus", "repeat", "unit")
    if network.role == "critic":
        return {
            "voltage": (steps, values),
            "score": (units[:2], values[:, :, -1].mean(axis=-1) / network.n_steps),
        }
    frame = frames(values)
    named: dict[str, tuple[tuple[str, ...], np.ndarray]] = {"frame": (steps, frame)}
    if network.decoder is not None:
        named["image"] = (units, decode(network.decoder, frame))
    return named
