"""What the backends that compile a program share: sources, a program from the cache or a compiler, batches."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import errno
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bio.backends.batch import Batch, Job
from bio.backends.program import Program
from bio.backends.project import Project, generate, standalone_device
from bio.build_cache import project_key, provide


@dataclasses.dataclass(frozen=True)
class Toolchain:
    """How a backend makes a program.

    Parameters
    ----------
    backend : str
    device : str
        Brian2's name of the device that writes the sources.
    preferences : callable () -> mapping
        Brian2's preferences while the sources are written.
    recipe : callable () -> str
        All that decides the program besides its sources: compiler, version, flags.
    compile : callable (sources) -> path
        Makes the program from a folder of sources, which it may write to.
    amend : callable (project) -> None
        Corrects the sources that Brian2 wrote.
    """

    backend: str
    device: str
    preferences: Callable[[], Mapping[str, Any]]
    recipe: Callable[[], str]
    compile: Callable[[Path], Path]
    amend: Callable[[Project], None] = lambda project: None


def run_standalone(job: Job, toolchain: Toolchain) -> Iterator[Batch]:
    """Simulate the batches, `job.n_processes` at a time, in order.

    Raises
    ------
    ValueError
        If the cache cannot be written or the disk is full.
    OSError
        If the program does not compile, or is killed.
    RuntimeError
        If it stops or complains.
    """
    with (
        tempfile.TemporaryDirectory(prefix="bio-standalone-") as folder,
        space_named(folder),
        standalone_device(toolchain.device, toolchain.preferences()),
    ):
        project = generate(job, Path(folder))
        toolchain.amend(project)
        program = Program(make_program(project, job, toolchain, Path(folder) / "main"), project, job)
        try:
            with concurrent.futures.ThreadPoolExecutor(job.n_processes) as pool:
                yield from pool.map(program.run_batch, range(len(job.batches)))
        finally:
            program.stop()


@contextlib.contextmanager
def space_named(folder: str) -> Iterator[None]:
    """Say which disk is full: numpy tells how many values it wrote instead, and Python names no remedy.

    Raises
    ------
    ValueError
        For an error of writing within the block for want of space.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT) and not str(error).endswith(" written"):
            raise
        raise ValueError(
            f"the simulation's files could not be written ({error}): is the disk that holds {folder} full? Free some space or "
            "choose another disk with TMPDIR."
        ) from error


def make_program(project: Project, job: Job, toolchain: Toolchain, path: Path) -> Path:
    """Put the program of `project` at `path`, from the cache or a compiler."""

    def build() -> Path:
        job.say("compiling")
        return toolchain.compile(project.sources)

    key = project_key(project.sources, f"{toolchain.backend} {toolchain.recipe()}")
    provide(key, path, build, toolchain.backend, project.description())
    job.say("")
    return path
