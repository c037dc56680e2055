"""A network as source files that hold no data: what may differ between runs is read by the program when it starts."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import math
import shutil
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import brian2
import numpy as np
from brian2.core.variables import ArrayVariable
from brian2.devices.device import get_device, reset_device, set_device

from bio.backends.batch import Job
from bio.network import BrianNetwork

REPORT = 'std::cout << "completed " << completed << std::endl;'
DATA = "static_arrays"  # the folder, below the one it runs in, that a program of Brian2 reads arrays from
DURATION = "run_duration"
SHARED_STIMULI, SHARED_BYTES = 128, 32_000_000  # so that a few stimuli and a hundred share a program
SET_ONE = "set_by_single_value"
NOISE_SEED = "BIO_NOISE_SEED"  # environment variable from which a program takes the seed of its noise
RANDOM_NUMBERS = "_run_random_number_buffer"  # brian2cuda runs it once for every clock


@dataclasses.dataclass(frozen=True)
class Project:
    """Source files and data of one network.

    Parameters
    ----------
    sources : path
        Generated text only: equal for networks that differ in weights, drives and stimuli.
    data : path
        Folder with one binary file per array.
    built : BrianNetwork
        Its monitors and arrays name the files of results.
    """

    sources: Path
    data: Path
    built: BrianNetwork

    def description(self) -> str:
        """Return the layers and their sizes."""
        return " ".join(f"{name}:{group.N}" for name, group in self.built.groups.items())


@contextlib.contextmanager
def standalone_device(name: str, preferences: Mapping[str, Any]) -> Iterator[None]:
    """Choose a standalone device and preferences inside the block, and what was chosen before afterwards."""
    before = {key: brian2.prefs[key] for key in preferences}
    set_device(name, build_on_run=False)
    try:
        for key, value in preferences.items():
            brian2.prefs[key] = value
        yield
    finally:
        for key, value in before.items():
            brian2.prefs[key] = value
        brian2.device.reinit()
        reset_device()


def generate(job: Job, folder: Path) -> Project:
    """Write the sources of the job's network to `folder`/sources and its arrays to `folder`/static_arrays.

    The active device must be a standalone one. The number of stimuli is part of Brian2's sources, so they are written
    for `capacity`; how long a run lasts is data. Brian2 goes through sets, whose order differs from
    process to process: here they are sorted, for the text must not.
    """
    gc.collect()  # Brian2 numbers the names of what is alive: earlier networks must be gone
    n_stimuli, *shape = job.batches[0].shape
    n_compiled = capacity(n_stimuli, 8 * math.prod(shape))
    built = job.build(np.zeros((n_compiled, *shape)))
    sources, data = folder / "sources", folder / DATA
    device = get_device()
    for monitor in built.spikes.values():
        _sort(monitor.template_kwds["record_variables"])
    built.network.run(built.duration, report=REPORT, report_period=0.5 * brian2.second, namespace={})
    not_shown = capacity(n_stimuli, 8 * math.prod(shape)) - n_stimuli
    device.static_arrays[DURATION] = np.array([float(built.duration) - not_shown * built.timing.period_s])
    device.main_queue[:] = _without_data(device, built)
    device.clocks = sorted(device.clocks, key=lambda clock: clock.name)
    device.build(directory=str(sources), compile=False, run=False)
    shutil.move(sources / DATA, data)
    device.static_arrays.clear()  # they are files now, and so are the weights: while the program runs, Python need not hold them
    for kernel in built.kernels.values():
        device.array_cache[kernel.variables["weight"]] = None
    return Project(sources, data, built)


def capacity(n_stimuli: int, stimulus_bytes: int) -> int:
    """Return for how many stimuli to compile: a power of two, and at least 128 where these take no more than 32 MB."""
    least = min(SHARED_STIMULI, max(1, SHARED_BYTES // max(1, stimulus_bytes)))
    return 1 << max((n_stimuli - 1).bit_length(), least.bit_length() - 1)


def _without_data(device: Any, built: BrianNetwork) -> list[tuple[str, Any]]:
    """Return the device's list of actions with numbers of the network moved to arrays, in an order of its own."""
    learned = {
        device.get_array_name(variable, access_data=False): variable.dtype
        for group in (*built.groups.values(), *built.kernels.values())
        for variable in group.variables.values()
        if isinstance(variable, ArrayVariable) and variable.owner.name == group.name and variable.size == 1
    }
    queue: list[tuple[str, Any]] = []
    for action, arguments in _in_order(device.main_queue):
        if action == SET_ONE and arguments[0] in learned:  # Brian2 writes arrays of one value into the text
            name, _, value = arguments
            stored = device.static_array(name, np.array([float(value.replace(" ", ""))], learned[name]))
            action, arguments = "set_by_array", (name, stored, False)
        elif action == "seed":
            arguments = _SeedAtStart()
        elif action == "run_network":
            arguments = (arguments[0], _run_lines(arguments[1], float(built.duration)))
        queue.append((action, arguments))
    return queue


class _SeedAtStart:
    """A seed that the program reads when it starts; Brian2 and brian2cuda write its `repr` and a suffix, L or ULL."""

    def __repr__(self) -> str:
        return f'std::strtoul(std::getenv("{NOISE_SEED}"), nullptr, 10) + 0'


def _run_lines(lines: list[str], duration_s: float) -> list[str]:
    """Return the lines that run the network for as long as the data say, and so in an order of their own."""
    timed = [line.replace(f".run({duration_s!r},", f".run({DURATION}[0],") for line in lines]
    if timed == lines:
        raise RuntimeError(
            f"Brian2 wrote no run of {duration_s!r} s; is this version of it known to work here?"
        )
    together = groupby(timed, key=lambda line: RANDOM_NUMBERS in line)
    return [line for same, group in together for line in (sorted(group) if same else group)]


def _in_order(queue: list[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Sort assignments that follow one another by name."""
    for action, group in groupby(queue, key=lambda item: item[0]):
        together = list(group)
        yield from sorted(together, key=lambda item: item[1][0]) if action == SET_ONE else together


def _sort(mapping: dict[str, Any]) -> None:
    items = sorted(mapping.items())
    mapping.clear()
    mapping.update(items)
