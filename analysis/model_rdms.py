"""RDMs of models: layers of networks from responses files, and baselines from images; their file."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from analysis.baselines import BASELINES, baseline_patterns
from analysis.layer_parts import SPLITS, layer_parts, window_text
from analysis.presentations import BLANK
from analysis.rdm import is_silent
from analysis.recording_file import RDM_DIMS
from analysis.trial_rdm import TRIAL_DISTANCES, Distance, trial_rdm
from study.commands import unknown
from study.netcdf import read_group, require_variable, write_groups
from study.responses import HINT as RESPONSES_HINT
from study.responses import layer_names, load_attributes, load_layer

HINT = "make it with `python -m analysis rsa --rdms FILE`"
BASELINE = "baseline"
IMAGE_LAYER = "image"
CONTROL = "untrained"  # a variant whose name contains this is an untrained twin
SEED = re.compile(r"seed-\d+")
GRAY_HINT = f" (the gray screen, {BLANK}, is added by `python -m analysis stimuli --gray`)"
FILE_DIMS = ("model", *RDM_DIMS[1:])


@dataclasses.dataclass(frozen=True)
class ModelRdm:
    """One layer of one model.

    Parameters
    ----------
    model : str
        The name that was given, such as `patches/sgad/seed-0`, or `baseline/pixels`.
    network : str
        "generator", "critic", or "" for baselines.
    level : str
        "torch", "exact", "lif", ...; "" for baselines.
    layer : str
    matrix : array, (stimulus, stimulus)
        NaN rows for stimuli without a defined pattern.
    n_units, n_silent : int
        Units of the layer; stimuli to which all units answer alike (no spike at all, as a rule).
    distance, window : str
    """

    model: str
    network: str
    level: str
    layer: str
    matrix: np.ndarray
    n_units: int
    n_silent: int
    distance: str
    window: str

    @property
    def is_baseline(self) -> bool:
        """Whether no network is involved."""
        return self.model.startswith(f"{BASELINE}/")

    @property
    def label(self) -> str:
        """A name that no other entry of the same study has."""
        return "|".join((self.model, self.network, self.level, self.layer))


def split_name(model: str) -> tuple[str, str, str]:
    """Return (experiment, variant, seed) of a name such as `patches/sgad/seed-0`; absent parts are empty."""
    parts = model.split("/")
    seed = parts.pop().removeprefix("seed-") if len(parts) > 1 and SEED.fullmatch(parts[-1]) else ""
    return "/".join(parts[:-1]), parts[-1], seed


@dataclasses.dataclass(frozen=True)
class RdmChoices:
    """How RDMs are made.

    Parameters
    ----------
    distance : str
        One of `trial_rdm.ALL_DISTANCES`.
    silent : "exclude" or "one"
    window_ms : (start, stop), optional
        Which part of a response counts; all of it by default.
    noise : str
        One of `noise.COVARIANCES`, for distances of single trials.
    split : str
        One of `layer_parts.SPLITS`: a layer's units and time together, bin by bin of time, or group by group of channels. Parts are
        layers of their own, named such as `conv1/31-62ms` and `conv1/channels-2`.
    n_groups : int
        Of channels.
    """

    distance: str = "correlation"
    silent: str = "exclude"
    window_ms: tuple[float, float] | None = None
    noise: str = "ledoit-wolf"
    split: str = "none"
    n_groups: int = 4

    def __post_init__(self) -> None:
        Distance(self.distance, self.noise, self.silent)
        if self.split not in SPLITS:
            raise unknown("split of layers", self.split, SPLITS)

    @property
    def window(self) -> str:
        """The window in words."""
        return "all" if self.window_ms is None else window_text(*self.window_ms)


Names = tuple[str, str, str, str]  # model, network, level, layer


def layer_rdms(model: str, path: str | Path, stimulus: np.ndarray, choices: RdmChoices) -> list[ModelRdm]:
    """Return the RDM of every spiking layer of a responses file, and of a generator's decoded image.

    A pattern is the number of spikes of every unit in the window, mean over repeats. A decoded image is never split.

    Parameters
    ----------
    model : str
    path : path
    stimulus : int array, (stimulus,)
        Ids of the recording; the file must hold the same ones, in any order.
    choices : RdmChoices
    """
    found = layer_responses(model, path, stimulus, choices)
    return [_entry(names, response, choices, window) for names, response, window in found]


def layer_responses(
    model: str, path: str | Path, stimulus: np.ndarray, choices: RdmChoices
) -> Iterator[tuple[Names, np.ndarray, str]]:
    """Yield (names, response (stimulus, repeat, unit), window) of what `layer_rdms` compares."""
    attributes = load_attributes(path)
    names = (model, attributes.get("network", ""), attributes.get("level", ""))
    for layer in layer_names(path):
        counts, ids = load_layer(path, layer)
        counts = counts[match_stimuli(ids, stimulus, path)]
        parts = layer_parts(counts, path, layer, choices.window_ms, choices.split, choices.n_groups)
        for suffix, part, window in parts:
            yield (*names, layer + suffix), part, window
    image = _decoded_image(path)
    if image is not None:
        yield (*names, IMAGE_LAYER), image[match_stimuli(load_ids(path), stimulus, path)], "all"


def load_ids(path: str | Path) -> np.ndarray:
    """Return the stimulus ids of a responses file."""
    return require_variable(read_group(path, "responses", RESPONSES_HINT), "stimulus", ("stimulus",), path)


def _decoded_image(path: str | Path) -> np.ndarray | None:
    """Return a generator's decoded image (stimulus, repeat, unit); None where there is none."""
    readout = read_group(path, "responses", RESPONSES_HINT, group="readout")
    if "image" not in readout:
        return None
    return require_variable(readout, "image", ("stimulus", "repeat", "unit"), path)


def match_stimuli(ids: np.ndarray, wanted: np.ndarray, path: str | Path) -> np.ndarray:
    """Return the rows that bring `ids` into the order of `wanted`.

    The blank is no image: where it is not wanted it is left out.

    Raises
    ------
    ValueError
        Unless both hold the same ids, but for the blank.
    """
    missing, extra = np.setdiff1d(wanted, ids), np.setdiff1d(ids, [*wanted, BLANK])
    if len(missing) or len(extra):
        counts = f"{len(missing)} of the recording's are missing" + (
            f" (first: {missing[0]})" if len(missing) else ""
        )
        counts += f", {len(extra)} are not in the recording" + (f" (first: {extra[0]})" if len(extra) else "")
        raise ValueError(
            f"{path} and the recording hold different stimuli: {counts}; show the network the stimuli that were "
            f"recorded{GRAY_HINT if BLANK in missing else ''}."
        )
    position = {int(id_): row for row, id_ in enumerate(ids)}
    return np.array([position[int(id_)] for id_ in wanted])


def _entry(names: Names, response: np.ndarray, choices: RdmChoices, window: str) -> ModelRdm:
    """Return the entry of a response (stimulus, repeat, unit)."""
    distance = Distance(choices.distance, choices.noise, choices.silent)
    try:
        matrix = trial_rdm(response, distance)
    except ValueError as error:
        raise ValueError(f"{'/'.join(filter(None, names))}: {error}") from error
    return ModelRdm(
        *names,
        matrix=matrix,
        n_units=response.shape[2],
        n_silent=int(is_silent(response.mean(axis=1)).sum()),
        distance=distance.words,
        window=window,
    )


def baseline_rdms(
    images: np.ndarray,
    scenes: np.ndarray | None,
    choices: RdmChoices,
    names: Iterable[str] = tuple(BASELINES),
) -> list[ModelRdm]:
    """Return the RDMs of the baselines.

    Parameters
    ----------
    images : array, (stimulus, y, x), in [0, 1]
        What the network is shown.
    scenes : array, (stimulus, 92, 117), optional
        The whole scenes; without them the reference baselines are left out.
    choices : RdmChoices
    names : iterable of str
    """
    entries = []
    for name in names:
        baseline = BASELINES[name]
        source = scenes if baseline.reference else images
        if source is None:
            continue
        # images have no trials and no noise: what whitens networks and sites leaves them plain
        distance = "euclidean" if choices.distance in TRIAL_DISTANCES else choices.distance
        chosen = dataclasses.replace(choices, distance=baseline.distance or distance)
        patterns = baseline_patterns(name, source)[:, None]
        entries.append(_entry((f"{BASELINE}/{name}", "", "", name), patterns, chosen, "none"))
    return entries


# ---------------------------------------------------------------------------------------------------- file


def save_rdms(
    entries: Sequence[ModelRdm], stimulus: np.ndarray, path: str | Path, attributes: Mapping[str, str]
) -> None:
    """Write model RDMs to a netCDF file, for figures."""
    text = {
        name: ("model", np.array([getattr(e, name) for e in entries], object))
        for name in ("network", "level", "layer", "distance", "window")
    }
    numbers = {name: ("model", [getattr(e, name) for e in entries]) for name in ("n_units", "n_silent")}
    matrices = (FILE_DIMS, np.stack([e.matrix for e in entries]).astype(np.float32))
    names = ("model", np.array([e.label for e in entries], object))
    dataset = xr.Dataset(
        {"dissimilarity": matrices, **text, **numbers},
        coords={"model": names, "stimulus": ("stimulus", stimulus)},
        attrs=dict(attributes),
    )
    write_groups(path, {"/": dataset})


def load_rdms(path: str | Path) -> list[ModelRdm]:
    """Read the model RDMs that `save_rdms` wrote."""
    dataset = read_group(path, "model RDMs", HINT)
    if "dissimilarity" not in dataset or dataset["dissimilarity"].dims != FILE_DIMS:
        raise ValueError(f"{path} holds no model RDMs with the axes {FILE_DIMS}; {HINT}.")
    return [
        ModelRdm(
            model=str(label).split("|")[0],
            matrix=dataset["dissimilarity"].values[row],
            n_units=int(dataset["n_units"].values[row]),
            n_silent=int(dataset["n_silent"].values[row]),
            **{
                name: str(dataset[name].values[row])
                for name in ("network", "level", "layer", "distance", "window")
            },
        )
        for row, label in enumerate(dataset["model"].values)
    ]
