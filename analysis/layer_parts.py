"""Parts of a layer's response: windows and bins of time, groups of channels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from study.netcdf import read_group, require_variable
from study.responses import HINT

SPLITS = ("none", "time", "channels")


def layer_parts(
    counts: np.ndarray,
    path: str | Path,
    layer: str,
    window_ms: tuple[float, float] | None = None,
    split: str = "none",
    n_groups: int = 4,
) -> Iterator[tuple[str, np.ndarray, str]]:
    """Yield (suffix of the layer's name, response (stimulus, repeat, unit), window) of the parts that a layer is split into.

    Parameters
    ----------
    counts : array, (stimulus, repeat, time_bin, unit)
    path : path
        Responses file, which knows the bins of time and the layer's shape.
    layer : str
    window_ms : (start, stop), optional
    split : str
        One of `SPLITS`: the whole, every bin of time, groups of neighbouring channels.
    n_groups : int
        Of channels; a layer with fewer channels has a group for each.
    """
    dataset = read_group(path, "responses", HINT, group=layer)
    edges = require_variable(dataset, "bin_edges_ms", ("edge",), path)
    bins = _bins(path, edges, window_ms)
    if split == "time":
        for k in np.flatnonzero(bins):
            start, stop = edges[k], edges[k + 1]
            yield f"/{start:g}-{stop:g}ms", counts[:, :, k].astype(np.float64), window_text(start, stop)
        return
    response = counts[:, :, bins].sum(axis=2, dtype=np.float64)
    window = "all" if window_ms is None else window_text(*window_ms)
    if split == "none":
        yield "", response, window
        return
    shape = tuple(int(n) for n in np.atleast_1d(dataset.attrs["shape"]))
    groups = channel_groups(shape, min(n_groups, shape[0]))
    for group in range(groups.max() + 1):
        yield f"/channels-{group + 1}", response[:, :, groups == group], window


def window_text(start_ms: float, stop_ms: float) -> str:
    """Return a window in words."""
    return f"{start_ms:g}-{stop_ms:g} ms"


def channel_groups(shape: tuple[int, ...], n_groups: int) -> np.ndarray:
    """Return the group of every unit of a layer: neighbouring channels, or neighbouring units of a dense layer.

    Parameters
    ----------
    shape : (channel, y, x) or (unit,)
    n_groups : int
        At most the number of channels.

    Returns
    -------
    int array, (unit,)
    """
    if not 1 <= n_groups <= shape[0]:
        raise ValueError(
            f"{n_groups} channel groups are asked for; allowed is 1 to {shape[0]}, the number of channels."
        )
    of_channel = np.arange(shape[0]) * n_groups // shape[0]
    return of_channel.repeat(int(np.prod(shape[1:])))


def _bins(path: str | Path, edges: np.ndarray, window_ms: tuple[float, float] | None) -> np.ndarray:
    """Return which time bins lie wholly inside the window."""
    if window_ms is None:
        return np.ones(len(edges) - 1, bool)
    start, stop = window_ms
    inside = (edges[:-1] >= start - 1e-9) & (edges[1:] <= stop + 1e-9)
    if not inside.any():
        raise ValueError(
            f"{path}: no time bin lies inside the window {start:g} to {stop:g} ms; the bins run from {edges[0]:g} to "
            f"{edges[-1]:g} ms in steps of {edges[1] - edges[0]:g}."
        )
    return inside
