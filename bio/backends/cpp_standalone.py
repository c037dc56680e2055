"""Backend `cpp_standalone`: one C++ program, compiled once and kept, run for every batch in processes of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from bio.backends.batch import Batch, Job
from bio.backends.bookkeeping import trim
from bio.backends.compilation import compiler_identity, run_commands
from bio.backends.project import Project
from bio.backends.propagation import propagate
from bio.backends.standalone import Toolchain, run_standalone
from bio.backends.vectorised import vectorise

# No -ffast-math and no fused multiply-add: sums are then rounded as in numpy and torch, on every machine. Nobody reads errno:
# without it a power or exponential that stands twice in an equation is computed once, which changes no bit. Nobody reads
# floating-point exceptions either: with them, choices between two values could not be vectorised.
COMPILER_FLAGS = ["-w", "-O3", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-std=c++17"]
# Three quarters of the time to compile one of Brian2's some fifty small files is reading this header: compile it once.
HEADER = "objects.h"


def run(job: Job) -> Iterator[Batch]:
    """Compile the network, or find it compiled, and simulate the batches, `job.n_processes` at a time, in order.

    Raises
    ------
    ValueError
        If there is no C++ compiler or no make, or a disk is full.
    OSError
        If the program does not compile, or is killed.
    RuntimeError
        If it stops or complains.
    """
    for tool, package in ((_compiler(), "g++"), ("make", "make")):
        if shutil.which(tool) is None:
            raise ValueError(
                f"backend cpp_standalone needs {tool}, which is not on PATH; install {package} (Debian: "
                "build-essential), name another compiler with the environment variable CXX, or use backend numpy."
            )
    return run_standalone(job, TOOLCHAIN)


def _compiler() -> str:
    return os.environ.get("CXX", "g++")


def commands() -> list[list[str]]:
    """Return what is run, one after the other, in the project's folder."""
    header = [_compiler(), *COMPILER_FLAGS, "-I.", "-x", "c++-header", HEADER, "-o", f"{HEADER}.gch"]
    # Said to make, because Brian2 drops flags that it cannot try out on an empty file.
    return [header, ["make", f"CXX={_compiler()} -include {HEADER}"]]


def compile_project(project: Path) -> Path:
    """Compile the project that Brian2 wrote and return the program."""
    run_commands(commands(), project)
    return project / "main"


def amend(project: Project) -> None:
    """Change the sources that Brian2 wrote, in place, for speed; see the three functions."""
    vectorise(project)
    propagate(project)
    trim(project)


TOOLCHAIN = Toolchain(
    backend="cpp_standalone",
    device="cpp_standalone",
    preferences=lambda: {"codegen.cpp.extra_compile_args_gcc": COMPILER_FLAGS},
    recipe=lambda: f"{commands()} {compiler_identity(_compiler())}",
    compile=compile_project,
    amend=amend,
)
