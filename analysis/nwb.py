"""NWB files through h5py alone: whole or refused, with one sentence about what is wrong."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from study.files import require_file

NUMBERS = "biuf"  # numpy's kinds: truth values, integers, floats


@contextlib.contextmanager
def open_nwb(path: str | Path) -> Iterator[h5py.File]:
    """Open an NWB file for reading.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no HDF5 file or was cut short, or cannot be read to its end.
    """
    path = require_file(
        path,
        "NWB file",
        "give the path of a session's .nwb file with --nwb, or download it with --session ID",
    )
    try:
        with h5py.File(path, "r") as file:
            yield file
    except OSError as error:
        size = path.stat().st_size
        raise ValueError(
            f"{path} ({size:,} bytes) is no whole NWB file ({_cause(error)}); download it again."
        ) from error


def _cause(error: OSError) -> str:
    text = str(error)
    if "truncated" in text:
        return "it was cut short"
    return "it is no HDF5 file" if "signature not found" in text else text


def read(
    file: h5py.File,
    name: str,
    kind: str,
    hint: str = "check the file and --source",
    axes: int | None = 1,
    words: bool = False,
) -> np.ndarray:
    """Return a dataset.

    Parameters
    ----------
    file : h5py.File
    name : str
        Path inside the file.
    kind : str
        What the file should be, for the message.
    hint : str
        What to do where it is not, for the message.
    axes : int, optional
        How many there have to be; None allows any.
    words : bool
        Whether it holds text, not numbers.

    Raises
    ------
    ValueError
        If there is no such dataset, or it holds something else.
    """
    if name not in file or not isinstance(file[name], h5py.Dataset):
        raise ValueError(f"{file.filename} has no {name}, so it is not {kind}; {hint}.")
    found = file[name]
    if axes is not None and found.ndim != axes:
        needed = f"{axes} axis is" if axes == 1 else f"{axes} axes are"
        raise ValueError(
            f"{file.filename}: {name} has the shape {found.shape}, but {needed} needed; download it again."
        )
    if not words and found.dtype.kind not in NUMBERS:
        raise ValueError(f"{file.filename}: {name} holds {found.dtype}, not numbers; download it again.")
    values: np.ndarray = found[()]
    return values


def read_columns(
    file: h5py.File, group: str, names: Sequence[str], kind: str, words: Collection[str] = ()
) -> list[np.ndarray]:
    """Return columns of one table, all of the same length.

    Parameters
    ----------
    file : h5py.File
    group : str
        Path of the table inside the file.
    names : sequence of str
        Of the columns.
    kind : str
        What the file should be, for the message.
    words : collection of str
        Which of the columns hold text.

    Raises
    ------
    ValueError
        If a column is missing, holds something else, or is longer than another.
    """
    columns = [read(file, f"{group}/{name}", kind, words=name in words) for name in names]
    if len(set(map(len, columns))) > 1:
        lengths = ", ".join(f"{name} {len(c)}" for name, c in zip(names, columns, strict=True))
        raise ValueError(
            f"{file.filename}: the columns of {group} have different lengths ({lengths}); download it again."
        )
    return columns


def as_numbers(file: h5py.File, name: str, values: np.ndarray) -> np.ndarray:
    """Return a column that may hold its numbers as text, as numbers.

    Raises
    ------
    ValueError
        If a text is no number.
    """
    try:
        return np.asarray(values.astype(np.float64))
    except ValueError as error:
        raise ValueError(f"{file.filename}: {name} holds text ({error}); download it again.") from error


def read_whole_number(file: h5py.File, *names: str) -> int:
    """Return the first of several texts that is a whole number, such as a session's id; -1 where none is."""
    found = (read_text(file, name) for name in names)
    return next((int(said) for said in found if said.isdigit()), -1)


def read_text(file: h5py.File, name: str, default: str = "") -> str:
    """Return a text of one value, `default` where there is none."""
    return text(file[name][()]) if name in file else default


def text(value: Any) -> str:
    """Return bytes or str as str."""
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def texts(values: np.ndarray) -> np.ndarray:
    """Return an array of bytes or str as an array of str."""
    return np.array([text(value) for value in values], str)
