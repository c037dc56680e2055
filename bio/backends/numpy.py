"""Backend `numpy`: Brian2's runtime mode with numpy code. Needs no compiler; for tests and small networks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import brian2
import numpy as np
from brian2.devices.device import reset_device, set_device

from bio.backends.batch import Batch, Job
from bio.network import BrianNetwork


def run(job: Job) -> Iterator[Batch]:
    """Simulate batch after batch in this process.

    Raises
    ------
    ValueError
        If more than one process is asked for.
    """
    if job.n_processes > 1:
        raise ValueError(
            f"processes is {job.n_processes}, but backend numpy uses 1; use backend cpp_standalone for more."
        )
    for number in range(len(job.batches)):
        yield _run_batch(job, job.batches[number], number)


def _run_batch(job: Job, shown: np.ndarray, number: int) -> Batch:
    done = 0.0

    def report(elapsed: Any, completed: float, start: Any, duration: Any) -> None:
        nonlocal done
        job.progress((completed - done) * len(shown))
        done = completed

    with numpy_target():
        built = job.build(shown)
        if job.noise_seed is not None:
            brian2.seed(job.seed_of(number))
        built.network.run(built.duration, report=report, report_period=brian2.second, namespace={})
        return collect(built)


@contextlib.contextmanager
def numpy_target() -> Iterator[None]:
    """Use numpy code and Brian2's runtime device inside the block, and what was chosen before afterwards."""
    before = brian2.prefs["codegen.target"]
    set_device("runtime")
    brian2.prefs["codegen.target"] = "numpy"
    try:
        yield
    finally:
        brian2.prefs["codegen.target"] = before
        reset_device()


def collect(built: BrianNetwork) -> Batch:
    """Read the monitors of a network that has run in this process."""
    variable = built.readout.record_variables[0]
    return Batch(
        spikes={
            name: (np.array(monitor.i), np.array(monitor.t / brian2.second))
            for name, monitor in built.spikes.items()
        },
        readout=np.array(getattr(built.readout, f"{variable}_")).T,
    )
