"""A compiled program: run for one batch of stimuli after another, each in a process of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

import brian2
import numpy as np

from bio.backends.batch import Batch, Job
from bio.backends.project import NOISE_SEED, Project

# Brian2's program prints these and goes on with wrong numbers.
COMPLAINTS = ("error", "could not", "cannot set", "warning")
NO_MEMORY = "std::bad_alloc"


class Program:
    """The compiled program and where its results lie.

    Parameters
    ----------
    path : path
        The program; it runs in its folder, where the project's data lie.
    project : Project
    job : Job
    """

    def __init__(self, path: Path, project: Project, job: Job) -> None:
        self.path, self.folder = path, path.parent
        self.built, self.job = project.built, job
        self.running: set[subprocess.Popen[str]] = set()
        self.stopped = False
        self.lock = threading.Lock()

    def run_batch(self, number: int) -> Batch:
        """Run one batch and read what it wrote; its files are removed.

        Raises
        ------
        RuntimeError
            If the program stops or complains.
        OSError
            If it was killed, or the disk is full.
        """
        batch = self.job.batches[number]
        # Lower case: brian2cuda's programs look for files by the name in lower case.
        results, values = self.folder / f"results{number}", self.folder / f"stimulus{number}.dat"
        results.mkdir()
        self._write_stimulus(batch, values)
        self._execute(
            [
                str(self.path),
                "--results_dir",
                f"{results.name}/",
                f"{self.built.stimulus.name}.values={values.name}",
            ],
            len(batch),
            self.job.seed_of(number),
        )
        found = self._read(results)
        shutil.rmtree(results)
        values.unlink()
        return found

    def _write_stimulus(self, batch: np.ndarray, path: Path) -> None:
        """Write what is shown; zeros behind it, up to what the program was compiled for, take neither memory nor disk."""
        with path.open("wb") as file:
            self.job.si_rows(batch).tofile(file)
            file.truncate(8 * self.built.stimulus.values.size)

    def _execute(self, command: list[str], n_stimuli: int, noise_seed: int) -> None:
        with self.lock:
            if self.stopped:
                raise RuntimeError("the simulation was stopped.")
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=os.environ | {NOISE_SEED: str(noise_seed)},
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            self.running.add(process)
        done, messages = 0.0, []
        with process:
            for line in process.stdout or ():
                word, _, rest = line.partition(" ")
                if word == "completed":
                    completed = float(rest)
                    self.job.progress((completed - done) * n_stimuli)
                    done = completed
                else:
                    messages.append(line.strip())
        with self.lock:
            self.running.discard(process)
        check_output(process.returncode, messages)

    def _read(self, results: Path) -> Batch:
        monitor = self.built.readout
        recorded = _recorded(results, monitor, monitor.record_variables[0], monitor.source.N)
        return Batch(
            spikes={
                name: _in_order(_recorded(results, spikes, "i"), _recorded(results, spikes, "t"))
                for name, spikes in self.built.spikes.items()
            },
            readout=recorded.reshape(-1, monitor.source.N),
        )

    def stop(self) -> None:
        """End every program that still runs."""
        with self.lock:
            self.stopped = True
            for process in self.running:
                process.kill()


def _recorded(results: Path, monitor: Any, name: str, width: int = 1) -> np.ndarray:
    """Return what a monitor recorded, (sample · width,), after checking that all of it is there."""

    def read(variable: Any) -> np.ndarray:
        return np.fromfile(results / brian2.device.get_array_filename(variable), dtype=variable.dtype)

    # Brian2's program does not notice when the disk is full, and exits with 0.
    values, length = read(monitor.variables[name]), read(monitor.variables["N"])
    if length.shape != (1,) or len(values) != length[0] * width:
        raise OSError(
            f"{monitor.name} wrote {len(values)} values of {name} instead of {int(length.sum()) * width}: "
            f"its results were cut short; is the disk that holds {results.parent} full? Choose another with TMPDIR."
        )
    return values


def _in_order(unit: np.ndarray, time: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sort spikes by time, then unit: brian2cuda's come in any order within a time step, all others' in order."""
    before = (time[:-1] < time[1:]) | ((time[:-1] == time[1:]) & (unit[:-1] < unit[1:]))
    if before.all():
        return unit, time
    order = np.lexsort((unit, time))
    return unit[order], time[order]


def check_output(returncode: int, messages: list[str]) -> None:
    """Raise RuntimeError if the program failed, or went on after it could not read or write a file.

    A program that was killed from outside, or found no memory, is no defect: it is a ChildProcessError, which is an OSError.
    """
    if -returncode in (signal.SIGKILL, signal.SIGTERM) or (
        returncode and any(NO_MEMORY in x for x in messages)
    ):
        raise ChildProcessError(
            f"the compiled simulation was killed (status {returncode}), by somebody or for want of memory; nothing of its "
            "results was kept: run it again, with fewer processes if memory is short."
        )
    complaints = [line for line in messages if any(word in line.lower() for word in COMPLAINTS)]
    if returncode != 0 or complaints:
        said = " | ".join(complaints or messages[-3:]) or "nothing"
        raise RuntimeError(
            f"the compiled simulation ended with status {returncode} and said: {said}; "
            "nothing of its results was kept."
        )
