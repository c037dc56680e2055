"""Stimuli files: images or latents, with the frame numbers that say which row is which."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import xarray as xr

from study.netcdf import read_group, require_variable, write_groups

HINT = "make it with `python -m analysis stimuli` (images) or `python -m trained invert` (latents)"


@dataclasses.dataclass(frozen=True)
class Stimuli:
    """What a network is shown.

    Parameters
    ----------
    values : array
        Images (stimulus, y, x) in [0, 1], or latents (stimulus, k), unbounded.
    stimulus : int array, (stimulus,)
        Frame numbers; for the Allen natural scenes 0 to 117.
    extra : mapping of str to DataArray
        Further variables that say how the stimuli were made (reconstructions, errors).
    attributes : mapping of str to str
        Provenance and choices; `simulated` says whether stand-in images are used.
    """

    values: np.ndarray
    stimulus: np.ndarray
    extra: Mapping[str, xr.DataArray] = dataclasses.field(default_factory=dict)
    attributes: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.values.ndim not in (2, 3):
            raise ValueError(
                f"stimuli have the shape {self.values.shape}; (stimulus, y, x) or (stimulus, k) is needed."
            )
        if self.kind == "image" and (self.values.min() < 0 or self.values.max() > 1):
            raise ValueError(
                f"image values run from {self.values.min():g} to {self.values.max():g}; allowed is 0 to 1."
            )
        if len(np.unique(self.stimulus)) != len(self.values):
            raise ValueError(
                f"{len(self.values)} stimuli but {len(np.unique(self.stimulus))} distinct stimulus ids; "
                "each stimulus needs its own."
            )

    @property
    def kind(self) -> str:
        """Either "image" or "latent"."""
        return "image" if self.values.ndim == 3 else "latent"


def save_stimuli(stimuli: Stimuli, path: str | Path) -> None:
    """Write stimuli to a netCDF file."""
    dims = ("stimulus", "y", "x") if stimuli.kind == "image" else ("stimulus", "k")
    dataset = xr.Dataset(
        {stimuli.kind: (dims, stimuli.values), **stimuli.extra},
        coords={"stimulus": ("stimulus", np.asarray(stimuli.stimulus, np.int64))},
        attrs=dict(stimuli.attributes),
    )
    write_groups(path, {"/": dataset})


def load_stimuli(path: str | Path) -> Stimuli:
    """Read a stimuli file; latents win where a file holds both (the images are then what they reconstruct).

    Raises
    ------
    FileNotFoundError, ValueError
        If the file is absent, cut short, lacks image and latent, or holds values out of range.
    """
    dataset = read_group(path, "stimuli", HINT)
    kind = "latent" if "latent" in dataset else "image"
    values = require_variable(
        dataset, kind, ("stimulus", "k") if kind == "latent" else ("stimulus", "y", "x"), path
    )
    stimulus = require_variable(dataset, "stimulus", ("stimulus",), path)
    extra = {str(name): dataset[name] for name in dataset.data_vars if name != kind}
    return Stimuli(
        values.astype(np.float64), stimulus, extra, {str(k): str(v) for k, v in dataset.attrs.items()}
    )
