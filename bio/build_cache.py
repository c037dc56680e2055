"""Compiled simulations, kept: found again by a hash of every source file and of what compiled them.

An entry is two files in one folder, the program and a manifest with the program's hash. The key is made from the
generated sources themselves, so an entry cannot be used for anything else than what it was compiled from. Whatever
does not match its manifest is compiled again. Nothing that a simulation is given (weights, drives, stimuli) is in it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from study.files import locked, replacing, sha256, write_text
from study.provenance import ROOT

# An entry has 0.3 to 1 MB. When the sum exceeds the limit, those go that were not used for the longest time.
LIMIT_BYTES = 500_000_000
PROGRAM, MANIFEST, LOCK = ".program", ".json", ".lock"
ABANDONED_S = 86_400.0  # temporary files of killed writers are removed when a day old


@dataclasses.dataclass(frozen=True)
class Entry:
    """One program in the cache.

    Parameters
    ----------
    key : str
    description : str
        What was compiled, for people.
    backend : str
    n_bytes : int
    used : float
        When it was last used, in seconds since 1970.
    """

    key: str
    description: str
    backend: str
    n_bytes: int
    used: float

    def line(self) -> str:
        """Return what `python -m bio cache list` prints."""
        day = datetime.datetime.fromtimestamp(self.used).strftime("%Y-%m-%d %H:%M")
        return f"{self.key[:12]}  {self.n_bytes / 1e6:6.2f} MB  {day}  {self.backend}  {self.description}"


def cache_folder() -> Path:
    """Return where programs are kept: `builds` in STUDY_CACHE, else `cache/builds` in the checkout."""
    chosen = os.environ.get("STUDY_CACHE")
    return Path(chosen) / "builds" if chosen else ROOT / "cache" / "builds"


def project_key(project: Path, recipe: str) -> str:
    """Return the key of a generated project.

    Parameters
    ----------
    project : path
        Every file below it counts, with its name; leave data that are read at run time out of it.
    recipe : str
        What else decides the program: compiler, version, flags, machine.
    """
    digest = hashlib.sha256(recipe.encode())
    for path in sorted(project.rglob("*")):
        if path.is_file():
            digest.update(f"\0{path.relative_to(project).as_posix()}\0{sha256(path)}".encode())
    return digest.hexdigest()


def provide(key: str, program: Path, build: Callable[[], Path], backend: str, description: str) -> bool:
    """Put the program of `key` at `program`, from the cache or newly built.

    Several processes that want the same program build it once: the others wait.

    Parameters
    ----------
    key : str
    program : path
        Where to put an executable copy, which stays whatever becomes of the cache.
    build : callable () -> path
        Compiles and returns the program.
    backend, description : str
        For `python -m bio cache list`.

    Returns
    -------
    bool
        Whether it had to be built.

    Raises
    ------
    ValueError
        If the cache cannot be written.
    """
    folder = cache_folder()
    if _take(folder, key, program):
        return False
    with locked(folder / f"{key}{LOCK}"):
        if _take(folder, key, program):  # another process has built it meanwhile
            return False
        built = build()
        _keep(folder, key, built, {"backend": backend, "description": description})
        shutil.copyfile(built, program)
        program.chmod(0o755)
    trim(folder, spare=key)
    return True


def _take(folder: Path, key: str, program: Path) -> bool:
    """Copy the entry to `program` if it is there and whole; say so if it is damaged."""
    stored, manifest = folder / f"{key}{PROGRAM}", folder / f"{key}{MANIFEST}"
    try:
        expected = json.loads(manifest.read_text(encoding="utf-8"))["sha256"]
        shutil.copyfile(stored, program)
    except FileNotFoundError:
        return False  # not there, or its writer was killed before the manifest
    except (OSError, ValueError, KeyError, TypeError) as error:
        _complain(stored, f"cannot be read ({error})")
        return False
    if sha256(program) != expected:
        _complain(stored, "does not have the hash that its manifest says")
        return False
    program.chmod(0o755)
    with contextlib.suppress(OSError):  # a cache that may only be read serves all the same
        os.utime(manifest)
    return True


def _complain(stored: Path, why: str) -> None:
    print(f"the compiled simulation {stored} {why}; it is compiled again.", file=sys.stderr)


def _keep(folder: Path, key: str, built: Path, facts: dict[str, str]) -> None:
    """Write program, then manifest: without its manifest, or with another's, a program is never used."""
    try:
        with replacing(folder / f"{key}{PROGRAM}") as temporary:
            shutil.copyfile(built, temporary)
        facts = {**facts, "sha256": sha256(built)}
        write_text(folder / f"{key}{MANIFEST}", json.dumps(facts, indent=1))
    except OSError as error:
        raise ValueError(
            f"cannot write to {folder}: {error.strerror or error}; free some space there or choose another folder with "
            "STUDY_CACHE."
        ) from error


def entries(folder: Path | None = None) -> list[Entry]:
    """Return what the cache holds, the most recently used first; damaged entries are shown as such."""
    folder = folder or cache_folder()
    return sorted(_entries(folder), key=lambda entry: -entry.used)


def _entries(folder: Path) -> Iterator[Entry]:
    for program in folder.glob(f"*{PROGRAM}"):
        key, facts = program.stem, {}
        manifest = program.with_suffix(MANIFEST)
        with contextlib.suppress(OSError):  # gone since it was listed
            status = program.stat()
            used = status.st_mtime
            with contextlib.suppress(OSError, ValueError):
                facts = dict(json.loads(manifest.read_text(encoding="utf-8")))
                used = manifest.stat().st_mtime
            whole = facts.get("sha256") == sha256(program)
            description = facts.get("description", "?") if whole else "damaged: will be compiled again"
            yield Entry(key, description, facts.get("backend", "?"), status.st_size, used)


def trim(folder: Path, limit_bytes: int | None = None, spare: str = "") -> None:
    """Remove the entries that were not used for the longest time until the rest fits; `spare` stays in any case."""
    left = entries(folder)
    excess = sum(entry.n_bytes for entry in left) - (LIMIT_BYTES if limit_bytes is None else limit_bytes)
    for entry in reversed(left):
        if excess > 0 and entry.key != spare:
            excess -= entry.n_bytes
            _remove(folder, entry.key)
    for path in folder.glob(".*.tmp*"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > ABANDONED_S:
                path.unlink()


def clear() -> list[Entry]:
    """Remove every entry and return what was removed. Programs that run have copies of their own."""
    folder = cache_folder()
    removed = entries(folder)
    for path in [*folder.glob(f"*{LOCK}"), *folder.glob(f"*{MANIFEST}"), *folder.glob(".*.tmp*")]:
        path.unlink(missing_ok=True)
    for entry in removed:
        _remove(folder, entry.key)
    return removed


def _remove(folder: Path, key: str) -> None:
    for suffix in (MANIFEST, PROGRAM, LOCK):
        with contextlib.suppress(OSError):
            (folder / f"{key}{suffix}").unlink()
