"""Trained against untrained: the difference between a layer's score and that of the same layer of its twin."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from scipy import stats

from analysis.compare import compare_many
from analysis.inference import (
    bootstrap_scores,
    confidence_interval,
    degrees_of_freedom,
    mean_error,
    mean_reach,
    with_means,
)
from analysis.model_rdms import CONTROL, ModelRdm, split_name
from analysis.rdm import MIN_IMAGES, cut, defined_images
from analysis.recording_file import Recording

MAX_PAIRS = 32  # differences of 10,000 samples at 20 sites are then 50 MB


@dataclasses.dataclass(frozen=True)
class Contrast:
    """Differences of one layer from its twin's, axis (column,): a column is a site or a mean over sites.

    Parameters
    ----------
    twin : str
        Name of the untrained model.
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


def twins(models: Sequence[ModelRdm]) -> list[tuple[ModelRdm, ModelRdm]]:
    """Return (trained, untrained) of every layer that has a twin with the same network, level and layer."""
    by_label = {model.label: model for model in models}
    names = list(dict.fromkeys(model.model for model in models))
    found = []
    for model in models:
        name = twin_name(model.model, names)
        twin = by_label.get(dataclasses.replace(model, model=name).label) if name else None
        if twin is not None:
            found.append((model, twin))
    return found


def contrasts(
    models: Sequence[ModelRdm],
    recording: Recording,
    groups: Mapping[str, np.ndarray],
    metric: str,
    n_bootstrap: int,
    seed: int,
) -> dict[str, Contrast]:
    """Return the contrast of every layer that has a twin, by the layer's label.

    Both are scored over the images that are defined in both, and in the same bootstrap samples of these images, which
    are the samples of the scores' own intervals. A site's interval has the percentiles of the differences, and its p is
    twice the share of samples on the other side of 0. A mean over sites has the two-factor error of `mean_error`, made
    of the differences, and the p of Student's t.

    Parameters
    ----------
    models : sequence of ModelRdm
    recording : Recording
    groups : mapping of name to site indices
    metric : str
    n_bootstrap, seed : int
    """
    found = {}
    for defined, pairs in _by_images(twins(models)):
        generators = [np.random.default_rng([seed, stream]) for stream in range(2)]
        shown = list({m.label: m for pair in pairs for m in pair}.values())
        row = {m.label: k for k, m in enumerate(shown)}
        a, b = cut(np.stack([m.matrix for m in shown]), defined), cut(recording.dissimilarity, defined)
        samples = bootstrap_scores(a, b, metric, n_bootstrap, generators[0])
        first, second = ([row[pair[k].label] for pair in pairs] for k in (0, 1))
        scores = compare_many(a, b, metric)
        columns = _columns(
            scores[first] - scores[second],
            samples[:, first] - samples[:, second],
            groups,
            int(defined.sum()),
            generators[1],
        )
        for k, (model, twin) in enumerate(pairs):
            found[model.label] = Contrast(twin.model, *(values[k] for values in columns))
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


def _columns(
    difference: np.ndarray,
    samples: np.ndarray,
    groups: Mapping[str, np.ndarray],
    n_images: int,
    generator: np.random.Generator,
) -> tuple[np.ndarray, ...]:
    """Return (difference, low, high, p) of sites and means: (pair, site), (sample, pair, site) to (pair, column)."""
    low, high = confidence_interval(samples)
    p = sign_p(samples, difference)
    for chosen in groups.values():
        mean = difference[:, chosen].mean(axis=1)
        reach, mean_p = np.full((2, len(mean)), np.nan)
        if len(samples) >= 2:
            error = mean_error(difference, samples, chosen, n_images, generator)
            reach = mean_reach(error, len(chosen), n_images)
            t = np.divide(np.abs(mean), error, out=np.zeros(len(mean)), where=error > 0)
            mean_p = 2 * stats.t.sf(t, degrees_of_freedom(len(chosen), n_images))
            mean_p = np.where(np.isnan(mean), np.nan, np.where((error == 0) & (mean != 0), 0, mean_p))
        low, high = np.column_stack([low, mean - reach]), np.column_stack([high, mean + reach])
        p = np.column_stack([p, mean_p])
    return with_means(difference, groups), low, high, p


def sign_p(samples: np.ndarray, difference: np.ndarray) -> np.ndarray:
    """Return two-sided p = 2 (1 + samples on the rarer side of 0, or at 0) / (1 + samples), at most 1.

    Parameters
    ----------
    samples : array, (sample, ...)
    difference : array, (...)
        NaN where no test is possible.
    """
    if not len(samples):
        return np.full(difference.shape, np.nan)
    rarer = np.minimum((samples <= 0).sum(axis=0), (samples >= 0).sum(axis=0))
    return np.where(np.isfinite(difference), np.minimum(1, 2 * (1 + rarer) / (1 + len(samples))), np.nan)
