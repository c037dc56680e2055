"""A folder of results: which file is where, and reading each once.

    <results>/stimuli.nc                                    images that the networks were shown
    <results>/recording.nc                                  recording
    <results>/responses/<model>--<network>--<level>.nc      responses; <model> may have folders: patches/sgad/seed-0
    <results>/rsa.csv                                       table of `python -m analysis rsa`
    <results>/rsa.json                                      optional: how the table was made (`sidecar`)
    <results>/rdms.nc                                       model RDMs of the same command (--rdms)
    <results>/metrics.csv                                   optional: image quality, one row per model, a column `model`
    <results>/fidelity/<any name>.csv                       optional: tables of `python -m bio fidelity`
    <results>/verify/<model>.txt                            optional: check of Brian2 against torch, in words
    <results>/latents/<model>.nc                            optional: latents found for the images, with their error
    <results>/figures/                                      what `python -m analysis figures` draws

The name, network and level of a responses file come from its path, so that a folder can be listed without opening
every file; `rsa` takes network and level from the file's attributes, and both must agree.
"""

from __future__ import annotations

import csv
import dataclasses
import functools
from pathlib import Path

import xarray as xr

from analysis.model_rdms import ModelRdm, load_rdms
from analysis.recording_file import Recording, load_recording
from analysis.table import Row, load_table, shown_mean
from study.files import require_file
from study.netcdf import read_group
from study.stimuli import HINT as STIMULI_HINT
from study.stimuli import Stimuli, load_stimuli

# From the network as it was trained to the most biophysical one: the order of figures and tables.
LEVELS = ("torch", "exact", "lif", "cuba", "coba", "adex", "hh")


class NothingToDrawError(ValueError):
    """The results hold nothing that this figure could show."""


@dataclasses.dataclass(frozen=True)
class ResponseFile:
    """One responses file and what its path says.

    Parameters
    ----------
    model, network, level : str
    path : Path
    """

    model: str
    network: str
    level: str
    path: Path


@dataclasses.dataclass(frozen=True)
class Results:
    """The results of one profile.

    Parameters
    ----------
    root : Path
    """

    root: Path

    def __post_init__(self) -> None:
        if not self.root.is_dir():
            raise FileNotFoundError(f"there is no results folder {self.root}; make it with `make study`.")

    @functools.cached_property
    def stimuli(self) -> Stimuli:
        """Images that the networks were shown."""
        return load_stimuli(self.root / "stimuli.nc")

    @functools.cached_property
    def recording(self) -> Recording:
        """The recording."""
        return load_recording(self.root / "recording.nc")

    @functools.cached_property
    def table(self) -> list[Row]:
        """All rows of rsa.csv."""
        return load_table(self.root / "rsa.csv")

    @functools.cached_property
    def rdms(self) -> list[ModelRdm]:
        """Model RDMs."""
        return load_rdms(self.root / "rdms.nc")

    @functools.cached_property
    def responses(self) -> list[ResponseFile]:
        """Responses files, sorted by model, network and level."""
        folder = self.root / "responses"
        found = [_response_file(folder, path) for path in _files(folder, ".nc")]
        return sorted(found, key=lambda f: (f.model, f.network, level_rank(f.level)))

    @functools.cached_property
    def metrics(self) -> list[dict[str, str]]:
        """Rows of metrics.csv; empty where there is none."""
        path = self.root / "metrics.csv"
        if not path.exists():
            return []
        with open(require_file(path, "metrics", ""), newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    @functools.cached_property
    def checks(self) -> dict[str, str]:
        """What `python -m bio verify` said, by model."""
        folder = self.root / "verify"
        return {
            path.relative_to(folder).as_posix().removesuffix(".txt"): path.read_text(encoding="utf-8")
            for path in _files(folder, ".txt")
        }

    @functools.cached_property
    def inversions(self) -> dict[str, xr.Dataset]:
        """Latents found for images, with targets, reconstructions and errors, by model."""
        folder = self.root / "latents"
        found = {}
        for path in _files(folder, ".nc"):
            dataset = read_group(path, "latents", STIMULI_HINT)
            if "target" in dataset:
                found[path.relative_to(folder).with_suffix("").as_posix()] = dataset
        return found

    @property
    def simulated(self) -> bool:
        """Whether the recording is of no animal; False where there is no recording."""
        return (self.root / "recording.nc").exists() and self.recording.simulated

    @property
    def mean_site(self) -> str:
        """The group of sites whose mean is shown: the good ones where there are some; of several bins of time the first."""
        mean = shown_mean(self.table)
        return next((row.site for row in self.table if row.mean == mean), mean)


def _files(folder: Path, suffix: str) -> list[Path]:
    """Return the files below a folder, sorted, without the temporary ones that a killed writer left (`.name`)."""
    return [path for path in sorted(folder.rglob(f"*{suffix}")) if not path.name.startswith(".")]


def _response_file(folder: Path, path: Path) -> ResponseFile:
    parts = path.relative_to(folder).as_posix().removesuffix(".nc").split("--")
    if len(parts) != 3 or not all(parts):
        raise ValueError(
            f"{path} is not named MODEL--NETWORK--LEVEL.nc, such as patches/sgad/seed-0--critic--torch.nc; rename it."
        )
    model, network, level = parts
    return ResponseFile(model, network, level, path)


def level_rank(level: str) -> tuple[int, str]:
    """Return a sorting key: known levels from torch to Hodgkin-Huxley, then others by name."""
    return (LEVELS.index(level) if level in LEVELS else len(LEVELS), level)
