"""Backend `cuda_standalone`: brian2cuda's generated project, compiled with nvcc and run on a GPU."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from bio.backends.batch import Batch, Job
from bio.backends.compilation import compiler_identity, run_commands
from bio.backends.cuda_project import cuda_preferences, require_brian2cuda, toolkit, use_own_clock, wheels
from bio.backends.standalone import Toolchain, run_standalone

CURAND = "libcurand.so"
INSTEAD = "use backend cuda_host, which runs the same project on the CPU, or cpp_standalone"


def run(job: Job) -> Iterator[Batch]:
    """Compile the network for the first GPU, or find it compiled, and simulate the batches in order.

    Raises
    ------
    ValueError
        If brian2cuda, nvcc, cuRAND or a GPU are missing, or a disk is full.
    OSError
        If the program does not compile, or is killed.
    RuntimeError
        If it stops or complains.
    """
    require_brian2cuda("cuda_standalone")
    return run_standalone(job, toolchain(*find_gpu()))


def find_gpu() -> tuple[int, float]:
    """Return (index, compute capability) of the first GPU.

    Raises
    ------
    ValueError
        If there is none.
    """
    if shutil.which("nvidia-smi") is None:
        raise ValueError(
            f"backend cuda_standalone needs an NVIDIA GPU, but nvidia-smi is not on PATH; {INSTEAD}."
        )
    query = ["nvidia-smi", "--query-gpu=index,compute_cap", "--format=csv,noheader"]
    done = subprocess.run(query, capture_output=True, text=True, check=False)
    first = re.match(r"(\d+), *([\d.]+)", done.stdout)
    if done.returncode or first is None:
        said = (done.stderr or done.stdout).strip().splitlines() or ["nothing"]
        raise ValueError(
            f"backend cuda_standalone needs an NVIDIA GPU, but nvidia-smi said: {said[0]}; {INSTEAD}."
        )
    return int(first[1]), float(first[2])


def toolchain(gpu_id: int, compute_capability: float) -> Toolchain:
    """Return how to compile for a GPU, which need not be there.

    Raises
    ------
    ValueError
        If there is no nvcc or no cuRAND.
    """
    home = toolkit()
    if home is None:
        raise ValueError(
            f"backend cuda_standalone needs nvcc, which is neither on PATH nor in CUDA_PATH; {INSTEAD}."
        )
    nvcc = str(home / "bin/nvcc")
    curand = _curand(home)
    said = compiler_identity(nvcc)
    release = re.search(r"release (\d+\.\d+)", said)
    extra = (f"-I{curand / 'include'}",) if curand else ()
    preferences = cuda_preferences(
        gpu_id, compute_capability, float(release[1]) if release else 13.0, str(home), extra
    )
    if curand:
        libraries = [str(curand / "lib")]
        preferences |= {
            "codegen.cpp.library_dirs": [".", *libraries],
            "codegen.cpp.runtime_library_dirs": libraries,
        }

    def compile_project(project: Path) -> Path:
        if curand:  # the package from PyPI lacks the name that the linker looks for
            (library,) = sorted((curand / "lib").glob(f"{CURAND}.*"))[:1]
            (project / CURAND).symlink_to(library)
        run_commands([["make", f"CXX={os.environ.get('CXX', 'g++')}"]], project)
        return project / "main"

    return Toolchain(
        backend="cuda_standalone",
        device="cuda_standalone",
        preferences=lambda: preferences,
        recipe=lambda: f"{said} {compiler_identity(os.environ.get('CXX', 'g++'))}",
        compile=compile_project,
        amend=use_own_clock,
    )


def _curand(home: Path) -> Path | None:
    """Return the folder of cuRAND from PyPI, or None where the toolkit has it."""
    if (home / "include/curand.h").exists():
        return None
    for folder in wheels("include"):
        if (folder / "curand.h").exists():
            return folder.parent
    raise ValueError(
        f"backend cuda_standalone needs cuRAND, which {home} lacks; install it with `pip install nvidia-curand`."
    )
