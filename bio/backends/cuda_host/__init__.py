"""Backend `cuda_host`: brian2cuda's generated project, compiled with a C++ compiler and run on the CPU.

For machines without a GPU. It covers the logic of the generated CUDA code: indices, memory layout, the order of kernels,
files. It says nothing about races, launch limits or a GPU's rounding, and is slower than `cpp_standalone`.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from bio.backends.batch import Batch, Job
from bio.backends.compilation import compiler_identity, run_commands
from bio.backends.cuda_project import cuda_preferences, require_brian2cuda, thrust_folder, use_own_clock
from bio.backends.standalone import Toolchain, run_standalone
from study.files import sha256

FOLDER = Path(__file__).parent
COVERS = "logic of the generated CUDA code, run on the CPU; not races, launch limits or a GPU's rounding"
FLAGS = "-std=c++17 -O2 -ffp-contract=off -w -fpermissive -DTHRUST_DEVICE_SYSTEM=THRUST_DEVICE_SYSTEM_CPP"
ALL_HEADERS = '#include "host_core.h"\n#include <thrust/sequence.h>\n#include "objects.h"\n'
# extern __shared__ char name[]; and kernel<type><<<grid, block, ...>>>(
SHARED = re.compile(r"extern\s+__shared__\s+([\w ]+?)\s*(\**)\s*(\w+)\s*\[\s*\]\s*;")
LAUNCH = re.compile(r"([A-Za-z_][\w:]*(?:<[\w:, ]+>)?)\s*<<<(.*?)>>>\s*\(", re.DOTALL)


def run(job: Job) -> Iterator[Batch]:
    """Compile the network's CUDA project for the CPU, or find it compiled, and simulate the batches in order.

    Raises
    ------
    ValueError
        If brian2cuda, CUDA's headers, a C++ compiler or make are missing, or a disk is full.
    OSError
        If the program does not compile, or is killed.
    RuntimeError
        If it stops or complains.
    """
    require_brian2cuda("cuda_host")
    thrust_folder()
    for tool in (_compiler(), "make"):
        if shutil.which(tool) is None:
            raise ValueError(
                f"backend cuda_host needs {tool}, which is not on PATH; install it (Debian: build-essential)."
            )
    return run_standalone(job, TOOLCHAIN)


def _compiler() -> str:
    return os.environ.get("CXX", "g++")


def host_source(text: str) -> str:
    """Return CUDA source text as C++: kernel launches and dynamic shared memory rewritten.

    Raises
    ------
    ValueError
        If a launch has a form that is not known.
    """
    text = SHARED.sub(r"\1\2* \3 = (\1\2*)host_shared;", text)
    pieces, end = [], 0
    for launch in LAUNCH.finditer(text):
        if launch.start() < end:
            raise ValueError(f"a launch inside the arguments of another: {launch.group(0)!r}.")
        kernel, shape = launch.groups()
        close = _closing(text, launch.end())
        arguments = text[launch.end() : close]
        pieces += [text[end : launch.start()], f"host_launch([&](){{ {kernel}({arguments}); }}, {shape})"]
        end = close + 1
    rewritten = "".join(pieces) + text[end:]
    if "<<<" in rewritten:
        raise ValueError("the generated CUDA code launches a kernel in a form that is not known here.")
    return rewritten


def _closing(text: str, start: int) -> int:
    """Return the place of the parenthesis that closes the one before `start`."""
    depth = 1
    for place in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth == 0:
            return place
    raise ValueError("the generated CUDA code has a launch that does not end.")


def compile_project(project: Path) -> Path:
    """Rewrite the project that brian2cuda wrote, compile it and return the program."""
    for path in (*project.rglob("*.cu"), *project.rglob("*.h")):
        path.write_text(host_source(path.read_text(encoding="utf-8")), encoding="utf-8")
    (project / "all_headers.h").write_text(ALL_HEADERS, encoding="utf-8")
    run_commands([_command()], project)
    return project / "main"


def _command() -> list[str]:
    folders = " ".join(f"-I{folder}" for folder in (".", FOLDER, thrust_folder()))
    return ["make", "-f", str(FOLDER / "project.mk"), f"CXX={_compiler()}", f"FLAGS={FLAGS} {folders}"]


def _recipe() -> str:
    ours = [sha256(path) for path in sorted(FOLDER.iterdir()) if path.is_file()]
    thrust = sha256(thrust_folder() / "thrust" / "version.h")
    return f"{_command()} {ours} {thrust} {compiler_identity(_compiler())}"


TOOLCHAIN = Toolchain(
    backend="cuda_host",
    device="cuda_standalone",
    preferences=lambda: cuda_preferences(gpu_id=0, compute_capability=9.0, version=13.0, cuda_path="none"),
    recipe=_recipe,
    compile=compile_project,
    amend=use_own_clock,
)
