"""Show stimuli to a network at one level on one backend, and return its responses."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
from tqdm import tqdm

from bio.backends import LIMITS, Job, Shown, find_backend
from bio.batches import Batches, split
from bio.levels import Level, find_level
from bio.network import assemble, si_rows
from bio.precision import use_precision
from bio.presentation import Presentation
from bio.readout import read_out
from bio.recording import reduce_batch
from bio.timing import Timing, find_timing
from study.network import Network
from study.provenance import provenance
from study.responses import Responses

Reduced = tuple[dict[str, np.ndarray], np.ndarray]  # counts by layer, and the readout


def simulate(
    network: Network,
    stimuli: np.ndarray,
    level: str | Level = "exact",
    backend: str = "numpy",
    *,
    draws: np.ndarray | None = None,
    stimulus_ids: np.ndarray | None = None,
    repeats: int = 1,
    blank_steps: int = 0,
    reset: bool = True,
    n_processes: int = 1,
    dt_ms: float | None = None,
    n_bins: int | None = None,
    precision: str = "float64",
    progress: bool = True,
) -> Responses:
    """Show `stimuli` to `network`, one after another, 250 ms each.

    Parameters
    ----------
    network : Network
    stimuli : array, (stimulus, *input_shape), or (stimulus, y, x) for an input of one channel
        Dimensionless: images in [0, 1] or latents; 0/1 (stimulus, step, *input_shape) where the input is spikes;
        integers (stimulus, step, n_out) where it is draws.
    level : str or Level
        A name in `bio.levels.LEVELS`, or a level of one's own (`bio.modifiers.modify_level`).
    backend : str
        A name in `bio.backends.BACKENDS`.
    draws : int array, (stimulus, step, n_out), optional
        For a network that picks and has another input beside.
    stimulus_ids : int array, (stimulus,), optional
        Which stimulus is which; 0, 1, ... when absent.
    repeats : int
        How often the whole sequence is shown, one after the other.
    blank_steps : int
        Network steps without input between a stimulus and the next.
    reset : bool
        Whether every stimulus begins from rest. Without, a stimulus meets the state that the one before left, the
        first excepted, and the sequence cannot be split.
    n_processes : int
        Parts of the sequence that are simulated at the same time (backend cpp_standalone).
    dt_ms : float, optional
        Simulation time step; the level's own when absent.
    n_bins : int, optional
        Equal time bins of a stimulus in which spikes are counted; one per network step when absent. Fewer take less
        memory and smaller files: 1 is enough for what only needs counts.
    precision : "float64" or "float32"
        Of membranes, currents and weights.
    progress : bool
        Whether to draw a bar on stderr.

    Returns
    -------
    Responses
        Blanks are not recorded. The readout, one value per network step, is described in `bio.readout`. Attributes say how it was made; the sha256 of the files that were read is the caller's to add.

    Raises
    ------
    ValueError
        For an unknown level or backend, stimuli of another shape, a time step that does not divide the network
        step, bins that do not divide the stimulus, parameters that the level cannot express, a backend that cannot be used, or
        a readout that becomes NaN or infinite.
    OSError
        If the program does not compile (ChildProcessError), is killed, or the disk is full.
    RuntimeError
        If the compiled program fails by itself.
    """
    begun = time.perf_counter()
    chosen = find_level(level)
    presentation = Presentation(network, blank_steps, reset)
    timing = find_timing(network.n_steps, chosen, dt_ms, blank_steps)
    stimuli, draws = presentation.check(stimuli, draws)
    ids = np.arange(len(stimuli)) if stimulus_ids is None else np.asarray(stimulus_ids)
    _check(ids, len(stimuli), repeats, n_processes, reset)
    n_bins = _bins(n_bins, network.n_steps)
    batches = Batches(
        presentation, stimuli, draws, split(presentation, repeats * len(ids), n_processes) % len(ids)
    )
    with use_precision(precision):
        counts, readout = _run(presentation, chosen, timing, backend, batches, n_bins, n_processes, progress)
    n_shown = repeats * len(ids)

    def by_repeat(values: np.ndarray) -> np.ndarray:
        """Return (stimulus, repeat, ...) of (presentation, ...)."""
        return values[:n_shown].reshape(repeats, len(ids), *values.shape[1:]).swapaxes(0, 1)

    return Responses(
        stimulus=ids,
        counts={name: by_repeat(values) for name, values in counts.items()},
        bin_edges_ms=np.arange(n_bins + 1) * (timing.step_ms * (network.n_steps // n_bins)),
        shapes={layer.name: layer.shape for layer in network.layers if layer.spikes},
        readout=read_out(network, by_repeat(readout)),
        attributes=provenance(
            seconds=time.perf_counter() - begun,
            network=network.role,
            level=chosen.name,
            backend=backend,
            step_ms=timing.step_ms,
            dt_ms=timing.dt_ms,
            repeats=repeats,
            blank_steps=blank_steps,
            reset_at_onset=reset,
            precision=precision,
            processes=n_processes,
        )
        | {name: network.provenance[name] for name in ("name", "seed") if name in network.provenance}
        | ({"backend_covers": LIMITS[backend]} if backend in LIMITS else {}),
    )


def _check(ids: np.ndarray, n_stimuli: int, repeats: int, n_processes: int, reset: bool) -> None:
    if n_processes < 1:
        raise ValueError(f"processes is {n_processes}; at least 1 is needed.")
    if n_processes > 1 and not reset:
        raise ValueError(
            f"processes is {n_processes}, but without reset every stimulus needs the one before; use 1."
        )
    if repeats < 1:
        raise ValueError(f"repeats is {repeats}; at least 1 is needed.")
    if ids.shape != (n_stimuli,):
        raise ValueError(f"{n_stimuli} stimuli but ids of the shape {ids.shape}; give one id per stimulus.")


def _bins(n_bins: int | None, n_steps: int) -> int:
    n_bins = n_steps if n_bins is None else n_bins
    if n_bins < 1 or n_steps % n_bins:
        allowed = ", ".join(str(n) for n in range(1, n_steps + 1) if n_steps % n == 0)
        raise ValueError(f"bins is {n_bins}, which does not divide {n_steps} network steps; give {allowed}.")
    return n_bins


def _run(
    presentation: Presentation,
    level: Level,
    timing: Timing,
    backend: str,
    batches: Batches,
    n_bins: int,
    n_processes: int,
    progress: bool,
) -> Reduced:
    """Return ({layer: counts (presentation, bin, unit)}, readout (presentation, step, unit))."""
    run, lock = find_backend(backend), threading.Lock()
    total = batches.index.size
    # The simulation reports fractions of stimuli: show whole ones.
    bar_format = (
        "{desc}: {percentage:3.0f}%|{bar}| {n:.0f}/{total_fmt} stimuli [{elapsed}<{remaining}{postfix}]"
    )
    with tqdm(
        total=total, desc=level.name, disable=not progress, bar_format=bar_format, mininterval=1
    ) as bar:

        def advance(n: float) -> None:
            with lock:
                bar.update(min(n, total - bar.n))

        job = make_job(
            presentation, level, timing, batches, min(n_processes, len(batches)), advance, bar.set_postfix_str
        )
        network, size = presentation.network, batches.size
        # `map`, unlike a loop, lets go of a batch before it asks for the next.
        return _gather(
            map(lambda batch: reduce_batch(network, level, timing, batch, size, n_bins), run(job)), total
        )


def _gather(parts: Iterator[Reduced], total: int) -> Reduced:
    """Put batches one behind the other as they come; only one of them is in memory beside the whole."""
    counts: dict[str, np.ndarray] = {}
    readout, done = np.empty(0), 0
    for some, voltages in parts:
        if not done:
            counts = {name: np.empty((total, *x.shape[1:]), x.dtype) for name, x in some.items()}
            readout = np.empty((total, *voltages.shape[1:]), voltages.dtype)
        here = slice(done, done + len(voltages))
        for name, values in some.items():
            counts[name][here] = values
        readout[here] = voltages
        done += len(voltages)
    return counts, readout


def _nothing(_: object) -> None:
    """Report nothing."""


def make_job(
    presentation: Presentation,
    level: Level,
    timing: Timing,
    batches: Shown,
    n_processes: int = 1,
    progress: Callable[[float], None] = _nothing,
    say: Callable[[str], None] = _nothing,
) -> Job:
    """Return what a backend runs: batches (stimulus, row, column) of one presentation."""
    first = level.population(presentation.network.layers[0].neuron, timing.step_ms)
    return Job(
        build=functools.partial(assemble, presentation, level=level, timing=timing),
        si_rows=functools.partial(si_rows, presentation=presentation, first=first),
        batches=batches,
        n_processes=n_processes,
        progress=progress,
        say=say,
        noise_seed=level.noise_seed,
    )
