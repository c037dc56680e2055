"""Files that are either whole or absent: written to a temporary name, flushed, then renamed."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

CHUNK_BYTES = 1 << 20


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside `path`; on success it becomes `path`, on failure it is removed.

    Parameters
    ----------
    path : path
        The file to write. Its folder is created when absent.

    Yields
    ------
    Path
        An existing, empty file in the same folder (and so on the same disk), with the same suffix.

    Raises
    ------
    ValueError
        If the folder cannot be created or written.
    """
    path = Path(path)
    temporary = _temporary(path)
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~current_umask())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raise ValueError now, before long work, if `path` could not be written after it."""
    _temporary(Path(path)).unlink()


def _temporary(path: Path) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=f".tmp{path.suffix}", dir=path.parent)
    except OSError as error:
        raise ValueError(
            f"cannot write {path}: {error.strerror}; choose a folder that you may write to."
        ) from error
    os.close(handle)
    return Path(name)


def current_umask() -> int:
    """Return the process's file mode mask (mkstemp ignores it, a user's shared folder does not)."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` to `path` in UTF-8, wholly or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def sha256(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file's bytes as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


@contextlib.contextmanager
def locked(path: str | os.PathLike[str]) -> Iterator[None]:
    """Hold an exclusive lock on `path` (created when absent); wait while another process holds it.

    The system frees the lock when its holder dies, however it dies.

    Parameters
    ----------
    path : path

    Raises
    ------
    ValueError
        If the folder cannot be created or written.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    except OSError as error:
        raise ValueError(
            f"cannot write {path.parent}: {error.strerror}; choose a folder that you may write to."
        ) from error
    with open(path, "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"another process is at work on {path.parent}; waiting for it to finish", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def require_file(path: str | os.PathLike[str], what: str, hint: str) -> Path:
    """Return `path` if it is a readable file.

    Parameters
    ----------
    path : path
    what : str
        What the file is, for the message ("stimuli").
    hint : str
        What to do when it is missing ("make them with `python -m analysis stimuli`").

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is a folder or cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{what}: {path} is a folder, but a file is needed; {hint}.")
    if not path.exists():
        raise FileNotFoundError(f"{what}: there is no file {path}; {hint}.")
    if not os.access(path, os.R_OK):
        raise ValueError(f"{what}: {path} cannot be read; change its permissions.")
    return path
