"""How a training process is set up: a fixed number of threads, an allocator that keeps its pages, and the precision of its products."""

from __future__ import annotations

import ctypes
import os
import sys

import torch

from study.commands import unknown

# glibc's mallopt parameters, from malloc.h
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
TRIM_BYTES = 2**31 - 1
PAD_BYTES = 1 << 28


# Sums run in another order with another number of threads, and spiking networks amplify the last bits: with this number
# fixed, results do not depend on how many cores a machine has.
N_THREADS = 2


def n_threads() -> int:
    """Return how many threads torch computes with: STUDY_THREADS, else 2.

    Where several runs share a machine, one thread each gets most done; every run says in its header how many it had.

    Raises
    ------
    ValueError
        If the variable is not a whole number above 0.
    """
    text = os.environ.get("STUDY_THREADS", str(N_THREADS))
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"STUDY_THREADS is {text!r}; a whole number above 0 is needed, such as 1.")
    return int(text)


def prepare() -> None:
    """Set up this process for training, evaluation or inversion."""
    torch.set_num_threads(n_threads())
    keep_pages()


def keep_pages() -> bool:
    """Ask glibc not to give large blocks back to the system; elsewhere do nothing.

    Half of the time of a training step is otherwise spent on page faults.

    Returns
    -------
    bool
        Whether it was done.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # absent from musl
    if mallopt is None:
        return False
    settings = ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, TRIM_BYTES), (M_TOP_PAD, PAD_BYTES))
    return all(mallopt(parameter, value) for parameter, value in settings)


PRECISIONS = ("float32", "bfloat16")


def precision(name: str, device: str = "cpu") -> torch.autocast:
    """Return the context in which networks run forward with the precision called `name`.

    With bfloat16, synapses multiply in 16 bits (fast where the processor has AMX or a GPU its like) and currents and spikes are stored in
    16. Spikes lose nothing, 0 and 1 are exact; currents keep 8 significant bits. Membranes, readouts, weights, their gradients and the
    optimiser's state are float32 throughout. Go backward outside the context.

    Parameters
    ----------
    name : "float32" or "bfloat16"
    device : "cpu", "cuda", ...

    Raises
    ------
    ValueError
        If there is no such precision.
    """
    if name not in PRECISIONS:
        raise unknown("precision", name, PRECISIONS)
    return torch.autocast(device, torch.bfloat16, enabled=name == "bfloat16")
