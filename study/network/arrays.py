"""Arrays and numbers of a network description, checked and made unchangeable."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
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


def whole_number(value: Any, name: str) -> int:
    """Return `value` as an int.

    Raises
    ------
    ValueError
        If it is not a whole number.
    """
    try:
        return operator.index(value)
    except TypeError:
        raise ValueError(f"{name} is {value!r}; a whole number is needed.") from None


def checked_shape(value: Iterable[Any], name: str) -> Shape:
    """Return a shape; ValueError if it holds anything but whole numbers."""
    return tuple(whole_number(n, f"a number of {name}") for n in value)


def check_finite(what: str, **values: float) -> None:
    """Raise ValueError for the first value that is NaN or infinite."""
    for name, value in values.items():
        if not math.isfinite(value):
            raise ValueError(f"{name} of {what} is {value}; a finite number is needed.")
