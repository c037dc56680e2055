"""Recording files: RDMs of recorded sites, and single trials where there are some."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import xarray as xr

from analysis.rdm import MIN_IMAGES, defined_images
from analysis.units import AT, Units, read_units
from study.commands import unknown
from study.netcdf import read_group, require_variable, write_groups

HINT = "make it with `python -m analysis record`"
RDM_DIMS = ("site", "stimulus", "stimulus_2")  # netCDF libraries do not allow one axis twice
TRIAL_DIMS = ("stimulus", "repeat", "unit")


@dataclasses.dataclass(frozen=True)
class Recording:
    """What was recorded, site by site.

    Parameters
    ----------
    site : str array, (site,)
        Such as `VISp_layer4`: area, underscore, layer.
    stimulus : int array, (stimulus,)
        Frame numbers; -1 is the gray screen.
    dissimilarity : array, (site, stimulus, stimulus)
        1 - Pearson correlation over cells.
    ceiling : array, (site,)
        Trial split-half reliability of the RDM, Spearman-Brown corrected Pearson correlation; NaN where unknown. No
        ceiling by itself: `ceiling.trial_ceiling` makes one of it.
    n_cells : int array, (site,)
    response : array, (stimulus, repeat, unit), optional
        Single trials. NaN is a missing trial: repeats may differ between stimuli and units.
    units : Units, optional
        Which unit belongs to which site, in the order of `response`. Without it, all belong to the only site.
    attributes : mapping of str to str
        `source`, `simulated` ("true" or "false"), `citation`, `distance`, provenance.
    """

    site: np.ndarray
    stimulus: np.ndarray
    dissimilarity: np.ndarray
    ceiling: np.ndarray
    n_cells: np.ndarray
    response: np.ndarray | None = None
    attributes: Mapping[str, str] = dataclasses.field(default_factory=dict)
    units: Units | None = None

    def __post_init__(self) -> None:
        shape = (len(self.site), len(self.stimulus), len(self.stimulus))
        if self.dissimilarity.shape != shape:
            raise ValueError(
                f"dissimilarity has the shape {self.dissimilarity.shape}; {len(self.site)} sites and "
                f"{len(self.stimulus)} stimuli need {shape}."
            )
        for name in ("ceiling", "n_cells"):
            if getattr(self, name).shape != self.site.shape:
                raise ValueError(
                    f"{name} has the shape {getattr(self, name).shape}; {self.site.shape} is needed."
                )
        self._check_ids()
        self._check_matrices()
        self._check_response()

    def _check_ids(self) -> None:
        for name in ("site", "stimulus"):
            ids, times = np.unique(getattr(self, name), return_counts=True)
            if (times > 1).any():
                raise ValueError(
                    f"{name} {ids[times > 1][0]} appears {times.max()} times; each needs its own name."
                )
        if len(self.stimulus) < MIN_IMAGES:
            raise ValueError(
                f"the recording has {len(self.stimulus)} stimuli; at least {MIN_IMAGES} are needed."
            )

    def _check_matrices(self) -> None:
        for site, matrix in zip(self.site, self.dissimilarity, strict=True):
            if not np.isfinite(matrix).all():
                kind = "NaN" if np.isnan(matrix).any() else "infinite"
                raise ValueError(
                    f"the dissimilarity of site {site} holds {int((~np.isfinite(matrix)).sum())} {kind} values; drop the site, "
                    "the units without a response, or the stimuli that all units answer alike (of `record`: a longer window or bin, "
                    "--areas without the site's, or a larger --min-units)."
                )
            try:
                defined_images(matrix)
            except ValueError as error:
                raise ValueError(f"site {site}: {error}") from error
            others = matrix[~np.eye(len(matrix), dtype=bool)].reshape(len(matrix), -1)
            if np.ptp(others) == 0:
                raise ValueError(
                    f"all dissimilarities of site {site} are {matrix[0, 1]:g}; drop the site, nothing can be ranked."
                )
            alike = np.flatnonzero(np.ptp(others, axis=1) == 0)
            if len(alike):
                raise ValueError(
                    f"stimulus {self.stimulus[alike[0]]} of site {site} is {others[alike[0], 0]:g} unlike each of the others, "
                    f"as if it was filled in ({len(alike)} such rows); drop these stimuli, or the site."
                )

    def _check_response(self) -> None:
        if self.response is None:
            return
        n_units = int(self.n_cells.sum()) if self.units is None else len(self.units)
        if self.response.ndim != 3 or self.response.shape[::2] != (len(self.stimulus), n_units):
            raise ValueError(
                f"response has the shape {self.response.shape}; ({len(self.stimulus)}, repeat, {n_units}) is needed."
            )
        if self.units is None and len(self.site) > 1:
            raise ValueError(
                f"the response of {len(self.site)} sites needs units, which say what belongs to which site."
            )
        wild = np.isinf(self.response).any(axis=(0, 1))
        if wild.any():
            raise ValueError(
                f"{int(wild.sum())} of {n_units} units have infinite responses (first: unit {np.flatnonzero(wild)[0]}); drop "
                "these units, or put NaN where a trial is missing."
            )
        bad = np.isnan(self.response).all(axis=1).any(axis=0)
        if bad.any():
            raise ValueError(
                f"{int(bad.sum())} of {n_units} units have NaN in all trials of a stimulus (first: unit "
                f"{np.flatnonzero(bad)[0]}); drop these units."
            )

    def site_response(self, site: str) -> np.ndarray:
        """Return the single trials (stimulus, repeat, unit) of one site; NaN is a missing trial.

        Raises
        ------
        ValueError
            If there is no such site, or no single trials.
        """
        if site not in self.site:
            raise unknown("site", site, map(str, self.site))
        if self.response is None:
            raise ValueError(
                f"the recording holds no single trials of {site}, only its RDM; take a source that has them."
            )
        return self.response if self.units is None else self.response[:, :, self.units.site == site]

    @property
    def simulated(self) -> bool:
        """Whether no animal was recorded."""
        return self.attributes.get("simulated", "false") == "true"

    @property
    def area(self) -> np.ndarray:
        """Area of each site: its name up to the underscore (layer), the @ (bin of time) or the slash (class of cells)."""
        return np.array([re.split(f"[_/{AT}]", str(name))[0] for name in self.site])

    @property
    def window(self) -> np.ndarray:
        """Bin of time of each site, such as `50-100ms`; "" where the recording is not cut in time."""
        return np.array([str(name).partition(AT)[2].partition("/")[0] for name in self.site])


def save_recording(recording: Recording, path: str | Path) -> None:
    """Write a recording to a netCDF file."""
    data = {
        "dissimilarity": (RDM_DIMS, recording.dissimilarity),
        "ceiling": ("site", recording.ceiling.astype(np.float64)),
        "n_cells": ("site", recording.n_cells.astype(np.int64)),
    }
    if recording.response is not None:
        data["response"] = (TRIAL_DIMS, recording.response)
    if recording.units is not None:
        data.update(recording.units.variables())
    coords = {"site": ("site", recording.site.astype(object)), "stimulus": ("stimulus", recording.stimulus)}
    write_groups(path, {"/": xr.Dataset(data, coords=coords, attrs=dict(recording.attributes))})


def load_recording(path: str | Path) -> Recording:
    """Read a recording.

    RDMs and reliabilities of a file with single trials only (`response`) are computed here; without units it is one site.

    Raises
    ------
    FileNotFoundError, ValueError
        If the file is absent, cut short, or holds repeated ids, NaN instead of a response, or an RDM that is not
        symmetric.
    """
    dataset = read_group(path, "recording", HINT)
    attributes = {str(k): str(v) for k, v in dataset.attrs.items()}
    stimulus = require_variable(dataset, "stimulus", ("stimulus",), path)
    response = _response(dataset, path)
    try:
        units = read_units(dataset)
        if "dissimilarity" not in dataset:
            from analysis.trials import trial_recording  # trials.py needs Recording: not at the top

            if response is None:
                raise ValueError(f"there is neither `dissimilarity` nor `response`; {HINT}.")
            site = attributes.get("site", "recording")
            z_score = attributes.get("z_score") == "true"
            return trial_recording(response, stimulus, site if units is None else units, attributes, z_score)
        ceiling = (
            dataset["ceiling"].values if "ceiling" in dataset else np.full(dataset.sizes["site"], np.nan)
        )
        if dataset["dissimilarity"].dims != RDM_DIMS:
            raise ValueError(
                f"dissimilarity has the axes {dataset['dissimilarity'].dims}; {RDM_DIMS} are needed."
            )
        return Recording(
            site=require_variable(dataset, "site", ("site",), path).astype(str),
            stimulus=stimulus,
            dissimilarity=dataset["dissimilarity"].values,
            ceiling=ceiling,
            n_cells=require_variable(dataset, "n_cells", ("site",), path),
            response=response,
            attributes=attributes,
            units=units,
        )
    except ValueError as error:
        raise ValueError(f"recording {path}: {error}") from error


def _response(dataset: xr.Dataset, path: str | Path) -> np.ndarray | None:
    if "response" not in dataset:
        return None
    values = dataset["response"]
    if values.dims != TRIAL_DIMS:
        raise ValueError(
            f"recording {path}: response has the axes {values.dims}; {TRIAL_DIMS} are needed; {HINT}."
        )
    return values.values
