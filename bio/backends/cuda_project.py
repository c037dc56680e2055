"""What both CUDA backends need: brian2cuda, its preferences, and CUDA's headers."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import brian2

from bio.backends.project import Project

PREFIX = "devices.cuda_standalone.cuda_backend."
# No -use_fast_math, which brian2cuda has by default, and no fused multiply-add: rounded as on a CPU, sum by sum.
NVCC_FLAGS = ["-w", "-std=c++17", "-fmad=false"]
# brian2cuda's makefile says c++11 and Thrust needs 17: the last word counts, for nvcc and for the compiler behind it.
HOST_FLAGS = ["-w", "-O3", "-ffp-contract=off", "-std=c++17"]
# Queues of spikes with different delays live on the GPU's heap; brian2cuda's 128 MB are short where many neurons fire.
HEAP_MB = 1024


def require_brian2cuda(backend: str) -> None:
    """Import brian2cuda, which registers its device with Brian2.

    Raises
    ------
    ValueError
        If it is not installed or does not work with the installed Brian2.
    """
    try:
        importlib.import_module("brian2cuda")
    except ImportError as error:
        raise ValueError(
            f"backend {backend} needs brian2cuda ({error}); install it with "
            f"`{install(backend.replace('_standalone', '').replace('_', '-'))}` (it is GPL-3.0, and so not a part of this "
            "package), or use backend cpp_standalone."
        ) from error
    # It tells at length which preferences it was given.
    for part in ("device", "utils.gputools"):
        brian2.BrianLogger.suppress_hierarchy(f"brian2cuda.{part}")


def install(extra: str) -> str:
    """Return the commands that install what a backend needs; brian2cuda's pin excludes the Brian2 of Python 3.11."""
    ours = f"pip install '.[{extra}]'"
    return ours if sys.version_info >= (3, 12) else f"{ours} && pip install --no-deps brian2cuda==1.0a7"


def cuda_preferences(
    gpu_id: int, compute_capability: float, version: float, cuda_path: str, extra_nvcc: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return Brian2's preferences: nothing is searched for, so a project is written without a GPU or a toolkit too.

    Parameters
    ----------
    gpu_id : int
    compute_capability : float
        7.5 or more with CUDA 13.
    version : float
        Of the CUDA runtime.
    cuda_path : str
        Folder of the toolkit; need not exist to write a project.
    extra_nvcc : tuple of str
        Further arguments for nvcc.
    """
    return {
        f"{PREFIX}detect_gpus": False,
        f"{PREFIX}gpu_id": gpu_id,
        f"{PREFIX}compute_capability": compute_capability,
        f"{PREFIX}detect_cuda": False,
        f"{PREFIX}cuda_path": cuda_path,
        f"{PREFIX}cuda_runtime_version": version,
        f"{PREFIX}gpu_heap_size": HEAP_MB,
        f"{PREFIX}extra_compile_args_nvcc": [*NVCC_FLAGS, *extra_nvcc],
        "codegen.cpp.extra_compile_args_gcc": HOST_FLAGS,
    }


def use_own_clock(project: Project) -> None:
    """Let synapses count time steps of the network's clock.

    brian2cuda's template names the default clock, which is not part of these networks and would tick otherwise: spikes
    with a delay would be taken from the wrong step, or the project would not compile.
    """
    (clock,) = {group.clock.name for group in project.built.groups.values()}
    for path in (project.sources / "code_objects").glob("*.cu"):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("defaultclock.timestep[0]", f"{clock}.timestep[0]"), encoding="utf-8")


def toolkit() -> Path | None:
    """Return the folder of the CUDA toolkit: CUDA_PATH, CUDA_HOME, /usr/local/cuda, or that of nvcc on PATH."""
    nvcc = shutil.which("nvcc")
    named = [os.environ.get("CUDA_PATH"), os.environ.get("CUDA_HOME"), "/usr/local/cuda"]
    if nvcc:
        named.append(str(Path(nvcc).resolve().parents[1]))
    return next((Path(folder) for folder in named if folder and (Path(folder) / "bin/nvcc").exists()), None)


def wheels(below: str) -> Iterator[Path]:
    """Give the folders `below` of NVIDIA's packages from PyPI, such as "include" or "lib"."""
    found = importlib.util.find_spec("nvidia")
    for folder in (found.submodule_search_locations or []) if found else []:
        yield from sorted(Path(folder).glob(f"*/{below}"))


def thrust_folder() -> Path:
    """Return the folder of Thrust's headers, from PyPI's package or a toolkit.

    Raises
    ------
    ValueError
        If they are not there.
    """
    home = toolkit()
    folders = [*wheels("include"), *([home / "include"] if home else [])]
    for folder in (below for f in folders for below in (f / "cccl", f)):
        if (folder / "thrust").is_dir():
            return folder
    raise ValueError(
        f"CUDA's headers (Thrust) were not found; install them with `{install('cuda-host')}` or set CUDA_PATH to a CUDA toolkit."
    )
