"""Representational similarity analysis: every layer of every model against every site of a recording."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from analysis.baselines import OTHER_HALF
from analysis.ceiling import ceiling, ceiling_used, same_window, unit_halves
from analysis.ceiling_interval import ceiling_reach
from analysis.contrasts import Contrast, contrasts, twins
from analysis.inference import false_discovery_rate, p_values, permutation_scores
from analysis.intervals import INTERVALS, Columns, resample, with_means
from analysis.model_rdms import BASELINE, IMAGE_LAYER, ModelRdm, split_name
from analysis.rdm import MIN_IMAGES, cut, defined_images
from analysis.recording_file import Recording
from analysis.rsa_choices import RsaChoices, site_groups
from analysis.selection import best_layer_scores, require_chooser
from analysis.table import NAN, Row
from analysis.trial_rdm import recorded_distance

BEST_LAYER = "best-layer"
MAX_MODELS = 64  # scores of 10,000 samples at 20 sites are then 100 MB


def analyse(models: Sequence[ModelRdm], recording: Recording, choices: RsaChoices) -> list[Row]:
    """Compare every model RDM with every site.

    Parameters
    ----------
    models : sequence of ModelRdm
        With the recording's stimuli, in its order.
    recording : Recording
    choices : RsaChoices

    Returns
    -------
    list of Row
        Models in the given order, their sites in the recording's order, then the means, then `other-half` and `best-layer`.

    Raises
    ------
    ValueError
        If two models have the same name, network, level and layer, or a model has other stimuli.
    """
    _check(models, recording, choices)
    groups = site_groups(recording, choices)
    columns = _columns(recording, groups, choices)
    scored: dict[str, Columns] = {}
    for defined, members in _by_images(models):
        result = _score(members, recording, defined, groups, choices)
        for k, member in enumerate(members):
            fields = [getattr(result, f.name)[k] for f in dataclasses.fields(Columns)]
            scored[member.label] = Columns(*fields)
    settings = (choices.metric, choices.n_bootstrap, choices.seed, choices.interval, choices.against)
    found = contrasts(models, recording, groups, *settings)
    rows = [
        dataclasses.replace(
            _row(model, column, recording, choices),
            **_numbers(scored[model.label], k),
            **_difference(found.get(model.label), k),
        )
        for model in models
        for k, column in enumerate(columns)
    ]
    if any(model.is_baseline for model in models):
        rows += _other_half_rows(recording, groups, columns, choices)
    rows += _best_rows(models, recording, groups, columns, choices)
    return _with_q(rows)


def _check(models: Sequence[ModelRdm], recording: Recording, choices: RsaChoices) -> None:
    """Raise ValueError for what would otherwise end a run of hours."""
    twins(models, choices.against)
    require_chooser(choices.best_layer, int(same_window(recording).sum(axis=1).min()))
    labels = [m.label for m in models]
    for label in labels:
        if labels.count(label) > 1:
            raise ValueError(
                f"the model {label!r} (name|network|level|layer) was given {labels.count(label)} times; "
                "give each file its own name."
            )
    for model in models:
        if model.matrix.shape != recording.dissimilarity.shape[1:]:
            raise ValueError(
                f"the RDM of {model.label} has the shape {model.matrix.shape}, the recording's have "
                f"{recording.dissimilarity.shape[1:]}; both need the same stimuli."
            )


def _by_images(models: Sequence[ModelRdm]) -> Iterator[tuple[np.ndarray, list[ModelRdm]]]:
    """Yield models that have the same images defined: they share bootstrap samples and permutations.

    Large groups come in parts, which bounds the memory; parts draw the same numbers.
    """
    groups: dict[bytes, tuple[np.ndarray, list[ModelRdm]]] = {}
    for model in models:
        defined = defined_images(model.matrix)
        groups.setdefault(defined.tobytes(), (defined, []))[1].append(model)
    for defined, members in groups.values():
        for start in range(0, len(members), MAX_MODELS):
            yield defined, members[start : start + MAX_MODELS]


def _score(
    models: Sequence[ModelRdm],
    recording: Recording,
    defined: np.ndarray,
    groups: dict[str, np.ndarray],
    choices: RsaChoices,
) -> Columns:
    """Return scores, their intervals and the permutation test's one-sided p."""
    if defined.sum() < MIN_IMAGES:
        empty = np.full((len(models), len(recording.site) + len(groups)), np.nan)
        return Columns(empty, empty, empty, empty)
    a, b = (cut(m, defined) for m in (np.stack([m.matrix for m in models]), recording.dissimilarity))
    generators = [np.random.default_rng([choices.seed, stream]) for stream in range(3)]
    resampled = resample(a, b, choices.metric, choices.n_bootstrap, generators[0])
    found = INTERVALS[choices.interval](resampled, groups, generators[1])
    p = np.full(found.value.shape, np.nan)
    if choices.n_permutations:
        null = permutation_scores(a, b, choices.metric, choices.n_permutations, generators[2])
        p = p_values(found.value, with_means(null, groups))
    return Columns(found.value, np.maximum(found.low, -1), np.minimum(found.high, 1), p)


def _columns(
    recording: Recording, groups: dict[str, np.ndarray], choices: RsaChoices
) -> list[dict[str, Any]]:
    """Return what is known of each column without a model: site, ceilings, cells."""
    lower, upper = ceiling(recording, choices.ceiling, choices.metric)
    reach = {}
    if choices.ceiling_interval == "dual":
        generator = np.random.default_rng([choices.seed, 4])
        reach = ceiling_reach(recording, groups, choices.metric, choices.n_bootstrap, generator)
    names = [*map(str, recording.site), *groups]
    members = [np.array([k]) for k in range(len(recording.site))] + list(groups.values())
    return [
        {
            "site": name,
            "ceiling_lower": float(lower[chosen].mean()),
            "ceiling_upper": float(upper[chosen].mean()),
            "ceiling_trials": float(recording.ceiling[chosen].mean()),
            "n_cells": int(recording.n_cells[chosen].sum()),
            **_ceiling_limits(lower[chosen].mean(), upper[chosen].mean(), reach.get(name)),
        }
        for name, chosen in zip(names, members, strict=True)
    ]


def _ceiling_limits(lower: float, upper: float, reach: np.ndarray | None) -> dict[str, float]:
    if reach is None:
        return {}
    return {
        f"ceiling_{bound}_{end}": float(np.clip(value + sign * by, -1, 1))
        for bound, value, by in zip(("lower", "upper"), (lower, upper), reach, strict=True)
        for end, sign in (("low", -1), ("high", 1))
    }


def _numbers(scored: Columns, column: int) -> dict[str, Any]:
    values = (scored.value, scored.low, scored.high, scored.p)
    return dict(zip(("score", "ci_low", "ci_high", "p"), (float(v[column]) for v in values), strict=True))


def _difference(contrast: Contrast | None, column: int) -> dict[str, Any]:
    if contrast is None:
        return {}
    names = ("difference", "difference_low", "difference_high", "difference_p")
    values = (contrast.difference, contrast.low, contrast.high, contrast.p)
    return {
        "twin": contrast.twin,
        **{name: float(v[column]) for name, v in zip(names, values, strict=True)},
    }


def _row(model: ModelRdm, column: dict[str, Any], recording: Recording, choices: RsaChoices) -> Row:
    experiment, variant, seed = split_name(model.model)
    return Row(
        model=model.model,
        experiment=experiment,
        variant=variant,
        seed=seed,
        network=model.network,
        level=model.level,
        layer=model.layer,
        metric=choices.metric,
        score=NAN,
        ceiling=ceiling_used(recording, choices.ceiling),
        n_images=int(defined_images(model.matrix).sum()),
        n_silent=model.n_silent,
        n_units=model.n_units,
        simulated=str(recording.simulated).lower(),
        distance=model.distance,
        site_distance=recorded_distance(recording).words,
        silent=choices.silent,
        window=model.window,
        interval=choices.interval,
        ceiling_interval=choices.ceiling_interval,
        good_cells=choices.good_cells,
        good_ceiling=choices.good_ceiling,
        n_bootstrap=choices.n_bootstrap,
        n_permutations=choices.n_permutations,
        rsa_seed=choices.seed,
        recording=recording.attributes.get("source", ""),
        **column,
    )


def _best_rows(
    models: Sequence[ModelRdm],
    recording: Recording,
    groups: dict[str, np.ndarray],
    columns: list[dict[str, Any]],
    choices: RsaChoices,
) -> Iterator[Row]:
    """Yield the cross-validated best layer of every network that has several, over images defined in all of them.

    Layers without a score, since fewer than 4 images evoke a pattern, are none.
    """
    networks: dict[tuple[str, str, str], list[ModelRdm]] = {}
    for model in models:
        if model.is_baseline or model.layer == IMAGE_LAYER:  # a decoded image is no layer
            continue
        if defined_images(model.matrix).sum() >= MIN_IMAGES:
            networks.setdefault((model.model, model.network, model.level), []).append(model)
    for layers in networks.values():
        defined = np.all([defined_images(m.matrix) for m in layers], axis=0)
        if len(layers) < 2 or defined.sum() < MIN_IMAGES:
            continue
        a, b = (cut(m, defined) for m in (np.stack([m.matrix for m in layers]), recording.dissimilarity))
        generator = np.random.default_rng([choices.seed, 3])
        together = same_window(recording)
        held_out = best_layer_scores(
            a, b, choices.metric, generator, chooser=choices.best_layer, together=together
        )
        for column, score in zip(columns, with_means(held_out, groups), strict=True):
            row = _row(layers[0], column, recording, choices)
            facts: dict[str, Any] = {"n_images": int(defined.sum()), "n_silent": int((~defined).sum())}
            facts["best_layer"] = choices.best_layer
            yield dataclasses.replace(row, layer=BEST_LAYER, score=float(score), n_units=0, **facts)


def _other_half_rows(
    recording: Recording, groups: dict[str, np.ndarray], columns: list[dict[str, Any]], choices: RsaChoices
) -> Iterator[Row]:
    """Yield the positive control: halves of a site's own units as models of the other halves. Needs single trials."""
    if recording.response is None:
        return
    halves = [unit_halves(recording, str(site), choices.metric)[:, 0].mean() for site in recording.site]
    own = recording.dissimilarity[0]
    like = ModelRdm(f"{BASELINE}/{OTHER_HALF}", "", "", OTHER_HALF, own, 0, 0, "correlation", "none")
    for column, score in zip(columns, with_means(np.array(halves), groups), strict=True):
        yield dataclasses.replace(_row(like, column, recording, choices), score=float(score))


def _with_q(rows: list[Row]) -> list[Row]:
    """Add q. Families: networks' layers x sites, networks' layers x means, and the same two of baselines and of controls.

    Differences between models are families of their own.
    """
    families: dict[tuple[bool, bool, bool], list[int]] = {}
    for k, row in enumerate(rows):
        families.setdefault((row.is_baseline, row.is_control, row.is_mean), []).append(k)
    for p, name in (("p", "q"), ("difference_p", "difference_q")):
        q = np.full(len(rows), np.nan)
        for family in families.values():
            q[family] = false_discovery_rate(np.array([getattr(rows[k], p) for k in family]))
        rows = [dataclasses.replace(row, **{name: float(v)}) for row, v in zip(rows, q, strict=True)]  # type: ignore[arg-type]
    return rows
