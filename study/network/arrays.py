"""Arrays and numbers of a network description, checked and made unchangeable."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Shape = tuple[int, ...]


def frozen_array(value: Any, name: str, ndim: int) -> np.ndarray:
    """Return a read-only float64 copy in C order.

    Raises
    ------
    ValueError
        If it has another number of axes, or NaN or infinite values.
    """
    array = np.array(
        value, dtype=np.float64, order="C"
    )  # a copy: nobody else can change a frozen description
    if array.ndim != ndim:
        raise ValueError(f"{name} has {array.ndim} axes, shape {array.shape}; {ndim} are needed.")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds NaN or infinite values; train or export the network again.")
    array.flags.writeable = False
    return array


def check_finite(what: str, **values: float) -> None:
    """Raise ValueError for the first value that is NaN or infinite."""
    for name, value in values.items():
        if not math.isfinite(value):
            raise ValueError(f"{name} of {what} is {value}; a finite number is needed.")
