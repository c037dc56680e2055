"""Response files: what every layer of a network did, stimulus by stimulus, in torch or in Brian2."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import xarray as xr

from study.netcdf import read_group, require_variable, write_groups

HINT = "make it with `python -m bio simulate`"
COUNT_DIMS = ("stimulus", "repeat", "time_bin", "unit")


@dataclasses.dataclass(frozen=True)
class Responses:
    """What a network did.

    Parameters
    ----------
    stimulus : int array, (stimulus,)
        Ids, as in the stimuli file.
    counts : mapping of layer name to uint16 array, (stimulus, repeat, time_bin, unit)
        Spikes per bin, layers in the order of the network. Of networks without spikes (attribute `units` is "analog")
        float32 values of the units, in a single bin.
    bin_edges_ms : array, (time_bin + 1,)
        From stimulus onset.
    shapes : mapping of layer name to shape
        (unit,) or (channel, y, x).
    readout : mapping of str to (axes, array)
        What the last layer gave: `frame` (stimulus, repeat, step, unit) and `image` (stimulus, repeat, unit) of a
        generator, both in [0, 1]; `voltage` (stimulus, repeat, step, unit) and `score` (stimulus, repeat) of a
        critic.
    attributes : mapping of str to str
        Provenance; `network` (role), `level`, `backend`, `stimuli_sha256`, `network_sha256`, `step_ms`, `dt_ms`.
    """

    stimulus: np.ndarray
    counts: Mapping[str, np.ndarray]
    bin_edges_ms: np.ndarray
    shapes: Mapping[str, tuple[int, ...]]
    readout: Mapping[str, tuple[tuple[str, ...], np.ndarray]]
    attributes: Mapping[str, str]


def save_responses(responses: Responses, path: str | Path) -> None:
    """Write responses: one group per layer, a group `readout`, ids and provenance at the root."""
    stimulus = ("stimulus", np.asarray(responses.stimulus, np.int64))
    groups = {
        "/": xr.Dataset(
            coords={"stimulus": stimulus},
            attrs={**responses.attributes, "layers": " ".join(responses.counts)},
        )
    }
    for name, counts in responses.counts.items():
        groups[name] = xr.Dataset(
            {"counts": (COUNT_DIMS, counts), "bin_edges_ms": ("edge", responses.bin_edges_ms)},
            coords={"stimulus": stimulus},
            attrs={"shape": list(responses.shapes[name])},
        )
    groups["readout"] = xr.Dataset(
        {name: (dims, values) for name, (dims, values) in responses.readout.items()},
        coords={"stimulus": stimulus},
    )
    write_groups(path, groups)


def load_attributes(path: str | Path) -> dict[str, str]:
    """Return the provenance of a response file."""
    return {str(k): str(v) for k, v in read_group(path, "responses", HINT).attrs.items()}


def load_layer(path: str | Path, layer: str) -> tuple[np.ndarray, np.ndarray]:
    """Return (counts, stimulus ids) of one layer.

    Returns
    -------
    counts : uint16 array, (stimulus, repeat, time_bin, unit)
    stimulus : int array, (stimulus,)

    Raises
    ------
    FileNotFoundError, ValueError
        If the file is absent or cut short, or has no such layer.
    """
    dataset = read_group(path, "responses", HINT, group=layer)
    counts = require_variable(dataset, "counts", COUNT_DIMS, path)
    return counts, require_variable(dataset, "stimulus", ("stimulus",), path)


def layer_names(path: str | Path) -> list[str]:
    """Return the names of the spiking layers, from input to output.

    Raises
    ------
    FileNotFoundError, ValueError
        If the file is absent, cut short, or another kind of file, which names no layers.
    """
    attributes = load_attributes(path)
    if "layers" not in attributes:
        raise ValueError(f"responses: {path} names no layers, so it is another kind of file; {HINT}.")
    return attributes["layers"].split()
