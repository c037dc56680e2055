"""The compiled scan, `scan.cpp`: built once per computer by its C++ compiler, called through ctypes.

The shared library lies in the user's cache folder under a name made of source, flags, compiler and instruction set. It is linked without
an OpenMP runtime of its own and takes torch's: two runtimes in one process spin against each other. Without a compiler, or with
STUDY_SCAN=plain in the environment, the scan runs in plain torch.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from torch import Tensor

from study.files import locked, replacing
from study.network import LIF
from trained.scan_plain import Rule

SOURCE = Path(__file__).with_name("scan.cpp")
# No contraction of a product and a sum, no reordering: results are those of plain torch, bit for bit.
FLAGS = (
    *("-std=c++17", "-O3", "-march=native", "-fPIC"),
    *("-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"),
)
THREADING = ("-fopenmp", "-fopenmp-simd")  # the second, one thread, where the first cannot be loaded
TYPES = {torch.float32: 0, torch.float64: 1, torch.bfloat16: 2}
KINDS = {"never": 0, "atan": 1, "rectangle": 2, "sigmoid": 3, "fast_sigmoid": 4}  # enum Kind


class _Rule(ctypes.Structure):
    _fields_ = (
        *(
            (n, ctypes.c_double)
            for n in ("decay", "gain", "v_threshold", "v_reset", "centre", "slope", "height")
        ),
        *((n, ctypes.c_int32) for n in ("kind", "soft", "inclusive", "attached")),
    )


class _Job(ctypes.Structure):
    _fields_ = (
        *((n, ctypes.c_void_p) for n in ("current", "grad_out", "out", "sums")),
        *((n, ctypes.c_int64) for n in ("steps", "units", "stride")),
        *((n, ctypes.c_int32) for n in ("type", "threads")),
        ("rule", _Rule),
    )


def usable(current: Tensor) -> bool:
    """Return whether the compiled scan takes this current: on the CPU, float32, float64 or bfloat16, and there is one."""
    return current.device.type == "cpu" and current.dtype in TYPES and library() is not None


def forward(current: Tensor, n_steps: int, rule: Rule) -> Tensor:
    """Return spikes or membrane at all steps, as `scan_plain.forward`."""
    current = _step_by_step(current)
    out = current.new_empty_strided(
        (n_steps, *current.shape[1:]), (current[0].numel(), *current.stride()[1:])
    )
    _call("scan_forward", _job(current, out, n_steps, rule))
    return out


def backward(current: Tensor, grad_out: Tensor, rule: Rule, learn: bool) -> tuple[Tensor, Tensor | None]:
    """Return gradients as `scan_plain.backward`."""
    current = _step_by_step(current)
    strides = (current[0].numel(), *current.stride()[1:])
    if grad_out.stride() != strides or grad_out.dtype != current.dtype:
        grad_out = current.new_empty_strided(grad_out.shape, strides).copy_(grad_out)
    grad_current = torch.empty_like(current)
    job = _job(current, grad_current, len(grad_out), rule)
    job.grad_out = grad_out.data_ptr()
    sums = torch.zeros(3, dtype=torch.float64) if learn else None
    job.sums = None if sums is None else sums.data_ptr()
    _call("scan_backward", job)
    return grad_current, sums


def pool(x: Tensor) -> Tensor:
    """Return the means of 2 x 2 neighbours of images, (image, channel, y, x) with even sides."""
    *shape, height, width = x.shape
    return _resized("pool_forward", x, x.new_empty(*shape, height // 2, width // 2))


def unpool(x: Tensor) -> Tensor:
    """Return images of twice the size, a quarter of every value at each of its 2 x 2 places."""
    *shape, height, width = x.shape
    return _resized("pool_backward", x, x.new_empty(*shape, height * 2, width * 2))


def _resized(function: str, x: Tensor, out: Tensor) -> Tensor:
    x = x.contiguous()
    width = max(x.shape[-1], out.shape[-1])
    n_pairs = max(x.numel(), out.numel()) // (2 * width) if out.numel() else 0
    sizes = (ctypes.c_int64(n_pairs), ctypes.c_int64(width))
    addresses = (ctypes.c_void_p(x.data_ptr()), ctypes.c_void_p(out.data_ptr()))
    getattr(library(), function)(*addresses, *sizes, TYPES[x.dtype], torch.get_num_threads())
    return out


def _step_by_step(current: Tensor) -> Tensor:
    """Return the current with each step in one piece of memory, in whatever order the units lie there."""
    folded = current.flatten(0, 1)
    dense = current.is_contiguous() or (
        folded.ndim == 4
        and folded.data_ptr() == current.data_ptr()
        and folded.is_contiguous(memory_format=torch.channels_last)
    )
    return current if dense else current.contiguous()


def _job(current: Tensor, out: Tensor, n_steps: int, rule: Rule) -> _Job:
    n_units = current[0].numel()
    return _Job(
        current=current.data_ptr(),
        out=out.data_ptr(),
        steps=n_steps,
        units=n_units,
        stride=0 if len(current) < n_steps else n_units,
        type=TYPES[current.dtype],
        threads=torch.get_num_threads(),
        rule=_rule(rule),
    )


def _rule(rule: Rule) -> _Rule:
    neuron, surrogate = rule.neuron, rule.surrogate
    if not isinstance(neuron, LIF):
        return _Rule(decay=neuron.decay, gain=neuron.gain, kind=KINDS["never"])
    return _Rule(
        decay=neuron.decay,
        gain=neuron.gain,
        v_threshold=neuron.v_threshold,
        v_reset=neuron.v_reset,
        centre=surrogate.centred_at(neuron.v_threshold),
        slope=surrogate.slope,
        height=surrogate.height,
        kind=KINDS[surrogate.kind],
        soft=neuron.reset == "soft",
        inclusive=neuron.threshold_rule == ">=",
        attached=not rule.detach_reset,
    )


def _call(function: str, job: _Job) -> None:
    getattr(library(), function)(ctypes.byref(job))


# ----------------------------------------------------------------------------------------------------- compilation


@functools.cache
def library() -> ctypes.CDLL | None:
    """Return the loaded library, built when it is not there yet; None, said once, where that is impossible."""
    if os.environ.get("STUDY_SCAN") == "plain":
        return None
    compiler = os.environ.get("CXX") or next(filter(shutil.which, ("g++", "c++", "clang++")), None)
    problem = "there is no C++ compiler (g++, c++, clang++ or the variable CXX)"
    for threading in THREADING if compiler else ():
        try:
            return ctypes.CDLL(str(built(compiler, threading)))  # type: ignore[arg-type]
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            problem = getattr(error, "stderr", "") or str(error)
    print(
        f"neurons run in plain torch, several times slower: the compiled scan cannot be had ({problem.strip()}).",
        file=sys.stderr,
    )
    return None


def built(compiler: str, threading: str) -> Path:
    """Return the path of the shared library for this compiler and computer; compile it if it is not there.

    Raises
    ------
    subprocess.SubprocessError, OSError
        If the compiler fails or cannot be started.
    ValueError
        If the cache folder cannot be written.
    """
    # The compiler's predefined macros name its version and the instruction set that -march=native stands for.
    macros = _run(compiler, *FLAGS, threading, "-dM", "-E", "-x", "c++", os.devnull)
    made_of = "\n".join([SOURCE.read_text(), compiler, *FLAGS, threading, macros])
    digest = hashlib.sha256(made_of.encode()).hexdigest()
    path = cache_folder() / f"scan-{digest[:16]}.so"
    if path.exists():
        return path
    with locked(path.with_suffix(".lock")):
        if not path.exists():
            print("compiling the neuron scan, once on this computer", file=sys.stderr)
            with replacing(path) as library, tempfile.TemporaryDirectory() as folder:
                compiled = f"{folder}/scan.o"
                _run(compiler, *FLAGS, threading, "-c", str(SOURCE), "-o", compiled)
                _run(compiler, "-shared", compiled, "-o", str(library))  # without -fopenmp: torch's runtime
    return path


def cache_folder() -> Path:
    """Return the user's cache folder for what is compiled: XDG_CACHE_HOME, else ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "spiking-generators-mouse"


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout
