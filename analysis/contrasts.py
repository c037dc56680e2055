"""Model against model: the difference between a layer's score and that of another, by default of its untrained twin."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from analysis.intervals import INTERVALS, resample
from analysis.model_rdms import CONTROL, ModelRdm, split_name
from analysis.rdm import MIN_IMAGES, cut, defined_images
from analysis.recording_file import Recording
from study.commands import unknown

MAX_PAIRS = 32  # differences of 10,000 samples at 20 sites are then 50 MB


@dataclasses.dataclass(frozen=True)
class Contrast:
    """Differences of one layer from another, axis (column,): a column is a site or a mean over sites.

    Parameters
    ----------
    twin : str
        Name of the model that it is compared with.
    difference, low, high, p : array, (column,)
        `p` is two-sided.
    """

    twin: str
    difference: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray


def twin_name(model: str, names: Sequence[str]) -> str | None:
    """Return the untrained twin of a model: of the same experiment and seed, `untrained-VARIANT` before `untrained`.

    None for untrained models and where there is no twin.
    """
    experiment, variant, seed = split_name(model)
    if CONTROL in variant:
        return None
    for wanted in (f"{CONTROL}-{variant}", CONTROL):
        for name in names:
            if split_name(name) == (experiment, wanted, seed):
                return name
    return None


def twins(models: Sequence[ModelRdm], against: str = "") -> list[tuple[ModelRdm, ModelRdm]]:
    """Return every layer that has something to be compared with, and that.

    Parameters
    ----------
    models : sequence of ModelRdm
    against : str
        "" compares trained layers with the same network, level and layer of their untrained twin. Else the name of a model
        or of a variant (of the same experiment and seed), compared likewise, or of a baseline, compared with all others.

    Raises
    ------
    ValueError
        If `against` is named and no layer can be compared with it.
    """
    by_label = {model.label: model for model in models}
    names = list(dict.fromkeys(model.model for model in models))
    baseline = next((m for m in models if m.is_baseline and m.model == against), None)
    found = []
    for model in models:
        other = baseline
        for name in _opponents(model.model, names, against) if baseline is None else ():
            other = other or by_label.get(dataclasses.replace(model, model=name).label)
        if other is not None and other is not model:
            found.append((model, other))
    if against and not found:
        raise unknown("model to compare with", against, names)
    return found


def _opponents(model: str, names: Sequence[str], against: str) -> tuple[str, ...]:
    if not against:
        twin = twin_name(model, names)
        return (twin,) if twin else ()
    experiment, _, seed = split_name(model)
    same_seed = [name for name in names if split_name(name) == (experiment, against, seed)]
    return (against, *same_seed)


def contrasts(
    models: Sequence[ModelRdm],
    recording: Recording,
    groups: Mapping[str, np.ndarray],
    metric: str,
    n_bootstrap: int,
    seed: int,
    interval: str = "corrected",
    against: str = "",
) -> dict[str, Contrast]:
    """Return the contrast of every layer that has something to be compared with, by the layer's label.

    Both are scored over the images that are defined in both, and in the same bootstrap samples of these images, which
    are the samples of the scores' own intervals: what both share cancels. Intervals and two-sided p are those of
    `intervals`, made of the differences.

    Parameters
    ----------
    models : sequence of ModelRdm
    recording : Recording
    groups : mapping of name to site indices
    metric : str
    n_bootstrap, seed : int
    interval : str
        One of `intervals.INTERVALS`.
    against : str
        See `twins`.
    """
    found = {}
    for defined, pairs in _by_images(twins(models, against)):
        generators = [np.random.default_rng([seed, stream]) for stream in range(2)]
        shown = list({m.label: m for pair in pairs for m in pair}.values())
        row = {m.label: k for k, m in enumerate(shown)}
        a, b = cut(np.stack([m.matrix for m in shown]), defined), cut(recording.dissimilarity, defined)
        resampled = resample(a, b, metric, n_bootstrap, generators[0])
        first, second = ([row[pair[k].label] for pair in pairs] for k in (0, 1))
        columns = INTERVALS[interval](resampled.difference(first, second), groups, generators[1])
        for k, (model, twin) in enumerate(pairs):
            values = (columns.value[k], columns.low[k], columns.high[k], columns.p[k])
            found[model.label] = Contrast(twin.model, *values)
    return found


def _by_images(
    pairs: Sequence[tuple[ModelRdm, ModelRdm]],
) -> Iterator[tuple[np.ndarray, list[tuple[ModelRdm, ModelRdm]]]]:
    """Yield pairs that have the same images defined in both, in parts that bound the memory."""
    groups: dict[bytes, tuple[np.ndarray, list[tuple[ModelRdm, ModelRdm]]]] = {}
    for pair in pairs:
        defined = np.logical_and(*(defined_images(m.matrix) for m in pair))
        if defined.sum() >= MIN_IMAGES:
            groups.setdefault(defined.tobytes(), (defined, []))[1].append(pair)
    for defined, members in groups.values():
        for start in range(0, len(members), MAX_PAIRS):
            yield defined, members[start : start + MAX_PAIRS]
