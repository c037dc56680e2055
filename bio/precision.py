"""Floating point precision of a simulation."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import brian2
import numpy as np

from study.commands import unknown

PRECISIONS = {"float64": np.float64, "float32": np.float32}


@contextlib.contextmanager
def use_precision(name: str) -> Iterator[None]:
    """Make Brian2's floating point variables of one type inside the block.

    Raises
    ------
    ValueError
        If there is no such precision.
    """
    if name not in PRECISIONS:
        raise unknown("precision", name, PRECISIONS)
    before = brian2.prefs["core.default_float_dtype"]
    brian2.prefs["core.default_float_dtype"] = PRECISIONS[name]
    try:
        yield
    finally:
        brian2.prefs["core.default_float_dtype"] = before
