"""Stimuli files: images, latents, spike trains or draws, with the frame numbers that say which row is which."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import xarray as xr

from study.commands import unknown
from study.netcdf import read_group, require_variable, write_groups

HINT = "make it with `python -m analysis stimuli` (images) or `python -m trained invert` (latents)"
KINDS = ("image", "latent", "spikes", "draws")
IMAGE, COLOUR, LATENT = ("stimulus", "y", "x"), ("stimulus", "y", "x", "c"), ("stimulus", "k")
DRAWS = ("stimulus", "step", "pick")
# Spike trains are kept as their spikes: which stimulus, counted from 0 in the file, which step, which unit.
EVENTS = ("event_stimulus", "event_step", "event_unit")


@dataclasses.dataclass(frozen=True)
class Stimuli:
    """What a network is shown.

    Parameters
    ----------
    values : array
        Images (stimulus, y, x[, c]) in [0, 1]; latents (stimulus, k), unbounded; 0/1 spikes
        (stimulus, step, *unit), the units in one axis or as the network's input; or draws, integers
        (stimulus, step, pick).
    stimulus : int array, (stimulus,)
        Frame numbers; for the Allen natural scenes 0 to 117.
    extra : mapping of str to DataArray
        Further variables that say how the stimuli were made (reconstructions, errors).
    attributes : mapping of str to str
        Provenance and choices; `simulated` says whether stand-in images are used.
    kind : "image", "latent", "spikes" or "draws"
        By the number of axes an image or a latent when absent.
    draws : int array, (stimulus, step, pick), optional
        For networks that pick among spikes and are shown something else beside.

    Raises
    ------
    ValueError
        If the axes do not fit the kind, values are out of range, or ids repeat.
    """

    values: np.ndarray
    stimulus: np.ndarray
    extra: Mapping[str, xr.DataArray] = dataclasses.field(default_factory=dict)
    attributes: Mapping[str, str] = dataclasses.field(default_factory=dict)
    kind: str = ""
    draws: np.ndarray | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", self.kind or ("image" if self.values.ndim > 2 else "latent"))
        if self.kind not in KINDS:
            raise unknown("kind of stimuli", self.kind, KINDS)
        needed = {"image": (3, 4), "latent": (2,), "spikes": (3, 5), "draws": (3,)}[self.kind]
        if self.values.ndim not in needed:
            raise ValueError(
                f"{self.kind} stimuli have the shape {self.values.shape}; "
                "images are (stimulus, y, x) or (stimulus, y, x, c), latents (stimulus, k), "
                "spikes (stimulus, step, unit) or (stimulus, step, channel, y, x), draws (stimulus, step, pick)."
            )
        self._check_values()
        if len(np.unique(self.stimulus)) != len(self.values):
            raise ValueError(
                f"{len(self.values)} stimuli but {len(np.unique(self.stimulus))} distinct stimulus ids; "
                "each stimulus needs its own."
            )

    def _check_values(self) -> None:
        if self.kind == "image" and (self.values.min() < 0 or self.values.max() > 1):
            raise ValueError(
                f"image values run from {self.values.min():g} to {self.values.max():g}; allowed is 0 to 1."
            )
        if self.kind == "spikes" and not np.isin(self.values, (0, 1)).all():
            raise ValueError(
                f"spike trains hold values from {self.values.min():g} to {self.values.max():g}; "
                "allowed are 0 and 1 alone."
            )
        drawn = self.values if self.kind == "draws" else self.draws
        if drawn is not None and (
            drawn.ndim != 3
            or len(drawn) != len(self.values)
            or (drawn < 0).any()
            or (drawn != np.floor(drawn)).any()
        ):
            raise ValueError(
                f"draws have the shape {drawn.shape} for {len(self.values)} stimuli; whole numbers of at least 0, "
                "(stimulus, step, pick), are needed."
            )


def save_stimuli(stimuli: Stimuli, path: str | Path) -> None:
    """Write stimuli to a netCDF file."""
    variables, attributes = _variables(stimuli), dict(stimuli.attributes)
    if stimuli.kind == "spikes":
        attributes["spikes_shape"] = " ".join(map(str, stimuli.values.shape[1:]))
    if stimuli.draws is not None:
        variables["draws"] = (DRAWS, stimuli.draws.astype(np.int32))
    dataset = xr.Dataset(
        {**variables, **stimuli.extra},
        coords={"stimulus": ("stimulus", np.asarray(stimuli.stimulus, np.int64))},
        attrs=attributes,
    )
    write_groups(path, {"/": dataset})


def _variables(stimuli: Stimuli) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    values = stimuli.values
    if stimuli.kind == "latent":
        return {"latent": (LATENT, values)}
    if stimuli.kind == "draws":
        return {"draws": (DRAWS, values.astype(np.int32))}
    if stimuli.kind == "spikes":
        events = np.nonzero(values.reshape(*values.shape[:2], -1))
        return {
            name: (("event",), index.astype(np.int32)) for name, index in zip(EVENTS, events, strict=True)
        }
    return {"image": (IMAGE if values.ndim == 3 else COLOUR, values)}


def load_stimuli(path: str | Path) -> Stimuli:
    """Read a stimuli file.

    Spike trains win where a file holds several kinds, then latents (images beside them are what they reconstruct),
    then images; draws are the stimuli where there is nothing else.

    Raises
    ------
    FileNotFoundError, ValueError
        If the file is absent, cut short, holds none of them, or values out of range.
    """
    dataset = read_group(path, "stimuli", HINT)
    stimulus = require_variable(dataset, "stimulus", ("stimulus",), path)
    draws = require_variable(dataset, "draws", DRAWS, path) if "draws" in dataset else None
    read = {"draws"}
    if EVENTS[0] in dataset:
        kind, values, read = "spikes", _spikes(dataset, len(stimulus), path), read | set(EVENTS)
    elif "latent" in dataset:
        kind, values = "latent", require_variable(dataset, "latent", LATENT, path).astype(np.float64)
    elif "image" in dataset or draws is None:
        dims = COLOUR if "image" in dataset and dataset["image"].ndim == 4 else IMAGE
        kind, values = "image", require_variable(dataset, "image", dims, path).astype(np.float64)
    else:
        kind, values, draws = "draws", draws, None
    extra = {str(name): dataset[name] for name in dataset.data_vars if name not in read | {kind}}
    attributes = {str(k): str(v) for k, v in dataset.attrs.items()}
    return Stimuli(values, stimulus, extra, attributes, kind, draws)


def _spikes(dataset: xr.Dataset, n_stimuli: int, path: str | Path) -> np.ndarray:
    """Return 0/1 trains, uint8 (stimulus, step, *unit), of a file's spikes."""
    try:
        shape = tuple(int(n) for n in str(dataset.attrs["spikes_shape"]).split())
        flat = (n_stimuli, shape[0], int(np.prod(shape[1:])))
    except (KeyError, ValueError, IndexError) as error:
        raise ValueError(
            f"{path}: attribute spikes_shape is {dataset.attrs.get('spikes_shape')!r}; "
            "the steps and the shape of the input are needed, for example '16 1 28 28'."
        ) from error
    events = [require_variable(dataset, name, ("event",), path) for name in EVENTS]
    for name, index, n in zip(EVENTS, events, flat, strict=True):
        if len(index) and (index.min() < 0 or index.max() >= n):
            raise ValueError(
                f"{path}: {name} runs from {index.min()} to {index.max()}; allowed is 0 to {n - 1}."
            )
    trains = np.zeros(flat, np.uint8)
    trains[tuple(events)] = 1
    return trains.reshape(n_stimuli, *shape)
