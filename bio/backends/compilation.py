"""Running a compiler: who it is, and what it says when it fails."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path

# What compilers, linkers and make read besides their arguments.
ENVIRONMENT = (
    *("CXXFLAGS", "CPPFLAGS", "LDFLAGS", "LFLAGS", "LDLIBS", "OPTIMISATIONS", "MAKEFLAGS"),
    *("CPATH", "CPLUS_INCLUDE_PATH", "LIBRARY_PATH", "NVCC_APPEND_FLAGS", "NVCC_PREPEND_FLAGS"),
)
FULL = "No space left on device"


def compiler_identity(compiler: str) -> str:
    """Return what, besides sources and arguments, decides what `compiler` makes of them."""
    said = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False)
    environment = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    return f"{said.stdout}{said.stderr} {platform.machine()} {platform.libc_ver()} {environment}"


def run_commands(commands: Sequence[Sequence[str]], folder: Path) -> None:
    """Run compiler commands one after another in `folder`, with as many jobs of make as there are processors.

    Raises
    ------
    ValueError
        If the disk is full.
    ChildProcessError
        With the compiler's first error. It is an OSError: compilers fail for want of memory, headers or a newer version.
    """
    jobs = {"MAKEFLAGS": f"{os.environ.get('MAKEFLAGS', '')} -j{len(os.sched_getaffinity(0))}"}
    for command in commands:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=os.environ | jobs)
        if done.returncode:
            raise _failure(command[0], done.stderr.splitlines(), folder)


def _failure(tool: str, lines: list[str], folder: Path) -> Exception:
    if any(FULL in line for line in lines):
        return ValueError(
            f"compiling the simulation failed: {FULL} in {folder}; free some or choose another disk with TMPDIR."
        )
    errors = [line for line in lines if "error" in line.lower()]
    said = (errors or lines or ["nothing"])[0].strip().rstrip(".")
    return ChildProcessError(
        f"compiling the simulation failed, {tool} said: {said}; install or name another compiler (environment variable CXX), or "
        "use backend numpy."
    )
