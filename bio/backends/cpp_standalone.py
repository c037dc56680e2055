"""Backend `cpp_standalone`: one C++ program, compiled once, run for every batch in processes of its own."""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import brian2
import numpy as np
from brian2.devices.device import reset_device, set_device

from bio.backends.batch import Batch, Job
from bio.network import BrianNetwork

# No -ffast-math and no fused multiply-add: sums are then rounded as in numpy and torch, on every machine.
COMPILER_FLAGS = ["-w", "-O3", "-ffp-contract=off", "-std=c++17"]
# Three quarters of the time to compile one of Brian2's some fifty small files is reading this header: compile it once.
HEADER = "objects.h"
PREFERENCES = {
    "codegen.cpp.extra_compile_args_gcc": COMPILER_FLAGS,
}
REPORT = 'std::cout << "completed " << completed << std::endl;'
# Brian2's program prints these and goes on with wrong numbers.
COMPLAINTS = ("error", "could not read", "cannot set", "warning")


def run(job: Job) -> Iterator[Batch]:
    """Compile the network and simulate the batches, `job.n_processes` at a time, in order.

    Raises
    ------
    ValueError
        If there is no C++ compiler or no make.
    RuntimeError
        If the program does not compile, stops, or complains.
    """
    missing = [tool for tool in ("g++", "make") if shutil.which(tool) is None]
    if missing:
        raise ValueError(
            f"backend cpp_standalone needs {missing[0]}, which is not on PATH; "
            "install it (Debian: build-essential) or use backend numpy."
        )
    with tempfile.TemporaryDirectory(prefix="bio-standalone-") as folder, _standalone(Path(folder)):
        built = job.build(job.batches[0])
        built.network.run(built.duration, report=REPORT, report_period=0.5 * brian2.second, namespace={})
        brian2.device.build(directory=folder, compile=False, run=False)
        job.say("compiling")
        compile_project(Path(folder))
        job.say("")
        program = _Program(Path(folder), built, job)
        try:
            with concurrent.futures.ThreadPoolExecutor(job.n_processes) as pool:
                yield from pool.map(program.run_batch, range(len(job.batches)))
        finally:
            program.stop()


@contextlib.contextmanager
def _standalone(folder: Path) -> Iterator[None]:
    before = {name: brian2.prefs[name] for name in PREFERENCES}
    set_device("cpp_standalone", directory=str(folder), build_on_run=False)
    try:
        for name, value in PREFERENCES.items():
            brian2.prefs[name] = value
        yield
    finally:
        for name, value in before.items():
            brian2.prefs[name] = value
        brian2.device.reinit()
        reset_device()


def compile_project(folder: Path) -> None:
    """Compile the project that Brian2 wrote to `folder`.

    Raises
    ------
    RuntimeError
        With the compiler's first error.
    """
    compiler = os.environ.get("CXX", "g++")
    header = [compiler, *COMPILER_FLAGS, "-I.", "-x", "c++-header", HEADER, "-o", f"{HEADER}.gch"]
    # Said to make, because Brian2 drops flags that it cannot try out on an empty file.
    for command in (header, ["make", "-j2", f"CXX={compiler} -include {HEADER}"]):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if "error" in line.lower()]
            raise RuntimeError(
                f"compiling the simulation failed: {(errors or done.stderr.splitlines() or ['no message'])[0]}"
            )


class _Program:
    """The compiled program and where its results lie."""

    def __init__(self, folder: Path, built: BrianNetwork, job: Job) -> None:
        self.folder, self.built, self.job = folder, built, job
        self.running: set[subprocess.Popen[str]] = set()
        self.stopped = False
        self.lock = threading.Lock()

    def run_batch(self, number: int) -> Batch:
        """Run one batch and read what it wrote; its files are removed."""
        currents = self.job.batches[number]
        results = self.folder / f"results{number}"
        results.mkdir()
        values = self.folder / f"stimulus{number}.dat"
        np.ascontiguousarray(self.job.si_current(currents)).tofile(values)
        self._execute(
            ["./main", "--results_dir", f"{results}/", f"{self.built.stimulus.name}.values={values}"],
            len(currents),
        )
        batch = self._read(results)
        shutil.rmtree(results)
        values.unlink()
        return batch

    def _execute(self, command: list[str], n_stimuli: int) -> None:
        with self.lock:
            if self.stopped:
                raise RuntimeError("the simulation was stopped.")
            process = subprocess.Popen(
                command, cwd=self.folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
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
        def read(variable: object) -> np.ndarray:
            name = brian2.device.get_array_filename(variable)
            return np.fromfile(results / name, dtype=variable.dtype)  # type: ignore[attr-defined]

        monitor = self.built.readout
        recorded = read(monitor.variables[monitor.record_variables[0]])
        return Batch(
            spikes={
                name: (read(spikes.variables["i"]), read(spikes.variables["t"]))
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


def check_output(returncode: int, messages: list[str]) -> None:
    """Raise RuntimeError if the program failed, or went on after it could not read or write a file."""
    complaints = [line for line in messages if any(word in line.lower() for word in COMPLAINTS)]
    if returncode != 0 or complaints:
        said = " | ".join(complaints or messages[-3:]) or "nothing"
        raise RuntimeError(
            f"the compiled simulation ended with status {returncode} and said: {said}; "
            "nothing of its results was kept."
        )
