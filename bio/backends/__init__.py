"""Backends: where the equations run. Adding one means adding a file and a line here."""

from bio.backends import cpp_standalone, numpy
from bio.backends.batch import Backend, Batch, Job
from study.commands import unknown

BACKENDS: dict[str, Backend] = {"numpy": numpy.run, "cpp_standalone": cpp_standalone.run}

__all__ = ["BACKENDS", "Backend", "Batch", "Job", "find_backend"]


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
