"""NWB files through h5py alone: whole or refused, with one sentence about what is wrong."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from study.files import require_file


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


def read(file: h5py.File, name: str, kind: str, hint: str = "check the file and --source") -> np.ndarray:
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

    Raises
    ------
    ValueError
        If there is no such dataset.
    """
    if name not in file or not isinstance(file[name], h5py.Dataset):
        raise ValueError(f"{file.filename} has no {name}, so it is not {kind}; {hint}.")
    values: np.ndarray = file[name][()]
    return values


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
