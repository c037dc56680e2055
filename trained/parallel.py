"""Training in several processes: torchrun starts them, torch's DistributedDataParallel averages their gradients.

    torchrun --nproc-per-node 4 -m trained train --config patches/sgad --device cuda

A batch is the whole batch. Every process draws all of its random numbers from the same stream and takes its own part;
batch norm (`trained/batch_norm.py`) and divergences between samples see all parts. So n processes do what one does with the same
batch, but for the order of sums.
"""

from __future__ import annotations

import gc
import importlib
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from study.commands import unknown

DEVICES = ("cpu", "cuda")


def device_of_process(name: str) -> torch.device:
    """Return the device on which this process trains: of several GPUs, the one of its local rank.

    Parameters
    ----------
    name : "cpu" or "cuda"

    Raises
    ------
    ValueError
        If there is no such device.
    """
    if name not in DEVICES:
        raise unknown("--device", name, DEVICES)
    if name == "cpu":
        return torch.device("cpu")
    local, n = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if local >= n:
        raise ValueError(
            f"--device cuda: process {local} of this computer needs a GPU of its own, but torch sees {n}; "
            "start fewer processes, install a torch with CUDA, or use --device cpu."
        )
    return torch.device("cuda", local)


def is_first() -> bool:
    """Return whether this process is the one that writes files and shows progress."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def processes(device: torch.device) -> Iterator[None]:
    """Connect the processes that torchrun started; do nothing in a process that was started alone.

    Whoever keeps a replica or a graph beyond this keeps the connection and its threads. One that still runs while Python ends
    now and then aborts the process.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    # Its default arguments would keep the connection for good if it were imported while there is one.
    importlib.import_module("torch.distributed.nn.functional")
    if device.type == "cuda":
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield
        distributed.barrier()  # who leaves early takes the others' connections away
    finally:
        distributed.destroy_process_group()
        gc.collect()  # replicas are cycles; the last reference to the connection ends its threads


def n_processes() -> int:
    """Return the number of connected processes; 1 outside `processes`."""
    connected = distributed.is_available() and distributed.is_initialized()
    return distributed.get_world_size() if connected else 1


def replicate(module: nn.Module) -> nn.Module:
    """Return what is called in place of `module`, so that backward leaves the same gradients in all processes."""
    if n_processes() == 1:
        return module
    with (
        warnings.catch_warnings()
    ):  # its successor keeps buffers equal at the start; ours are, seeds being the same
        warnings.filterwarnings("ignore", ".*broadcast_buffers.*", FutureWarning)
        return DistributedDataParallel(module, broadcast_buffers=False)


def part(whole: Tensor, axis: int = 0) -> Tensor:
    """Return this process's part of a batch.

    Raises
    ------
    ValueError
        If the batch cannot be divided evenly.
    """
    n = n_processes()
    if n == 1:
        return whole
    if whole.shape[axis] % n:
        raise ValueError(
            f"a batch of {whole.shape[axis]} cannot be divided among {n} processes; "
            f"use a batch_size that is a multiple of {n}, or another number of processes."
        )
    return whole.chunk(n, axis)[distributed.get_rank()]


def draw(
    make: Callable[..., Tensor],
    shape: Sequence[int],
    random: torch.Generator | None,
    axis: int = 0,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Return this process's part of random numbers that are drawn for the whole batch.

    Parameters
    ----------
    make : torch.rand or torch.randn
    shape : sequence of int
        Of the part.
    random : torch.Generator, optional
        Torch's own without, which is not the same in all processes.
    axis : int
        Of the batch.
    dtype : torch dtype
    """
    whole = list(shape)
    whole[axis] *= n_processes()
    return part(make(whole, generator=random, dtype=dtype), axis)


def gather(own: Tensor, axis: int = 0) -> Tensor:
    """Return the parts of all processes, in their order. Gradients go back to each."""
    if n_processes() == 1:
        return own
    return torch.cat(_collective("all_gather", own), axis)


def mean(own: Tensor) -> Tensor:
    """Return the mean over processes. Gradients go back to each."""
    return own if n_processes() == 1 else _collective("all_reduce", own) / n_processes()


def _collective(name: str, own: Tensor) -> Any:
    from torch.distributed.nn import functional  # only several processes need it

    with warnings.catch_warnings():  # what torch names in their place carries no gradients on every backend
        warnings.filterwarnings("ignore", ".*is deprecated.*", FutureWarning)
        return getattr(functional, name)(own.contiguous())
