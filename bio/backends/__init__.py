"""Backends: where the equations run. Adding one means adding a file and a line here."""

from bio.backends import cpp_standalone, cuda_host, cuda_standalone, numpy
from bio.backends.batch import Backend, Batch, Job, Shown
from study.commands import unknown

BACKENDS: dict[str, Backend] = {
    "numpy": numpy.run,
    "cpp_standalone": cpp_standalone.run,
    "cuda_standalone": cuda_standalone.run,
    "cuda_host": cuda_host.run,
}
# What a backend's results do not show, for their attributes.
LIMITS = {"cuda_host": cuda_host.COVERS}

__all__ = ["BACKENDS", "LIMITS", "Backend", "Batch", "Job", "Shown", "find_backend"]


def find_backend(name: str) -> Backend:
    """Return a backend by its name.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    if name not in BACKENDS:
        raise unknown("backend", name, BACKENDS)
    return BACKENDS[name]
