"""Objectives side by side: measures of runs, mean and spread over seeds, and what each gains on S4NN's targets."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

from trained.runs import load_model
from trained.ttfs.classifier import TTFSClassifier
from trained.ttfs.data import load
from trained.ttfs.measures import decide

REFERENCE = "s4nn"  # the objective that the others are compared with
SHARE = ("strict", "tolerant", "tie", "silent")
COLUMNS = {
    "strict": "accuracy, ties wrong (%)",
    "tolerant": "accuracy as S4NN counts (%)",
    "tie": "ties (%)",
    "silent": "undecided (%)",
    "step": "step of decision",
    "until_decision": "spikes until decision",
    "spikes": "spikes in the window",
}
Measured = dict[str, float]


def measure(run: str | Path, split: str) -> tuple[TTFSClassifier, Measured]:
    """Return the model of a run and its measures: shares in percent, steps and spikes as means per image.

    Raises
    ------
    ValueError
        If the run holds no first-spike classifier, or the split is "validation" and none was held out.
    """
    model = load_model(run)
    if not isinstance(model, TTFSClassifier):
        raise ValueError(f"{run} holds a {model.config.family}; give runs of ttfs-classifier.")
    config = model.config
    if split == "validation" and not config.n_validation:
        raise ValueError(f"{run} held no images out; measure it on --split test, or train with n_validation.")
    found = decide(model, load(config.dataset, split, config.t_max, config.n_validation))
    values = {
        name: getattr(found, name).double().mean().item() * (100 if name in SHARE else 1)
        for name in COLUMNS
        if name != "spikes"
    }
    spikes = (found.hidden_spikes + found.output_spikes).double().mean().item()
    return model, {**values, "spikes": spikes}


def table(runs: Sequence[str | Path], split: str) -> list[str]:
    """Return the lines of a Markdown table: one row per variant, and one per gain on the variant of S4NN's targets.

    Gains are differences of runs of the same seed; a row without one is without a partner.
    """
    by_variant: dict[str, dict[int, Measured]] = {}
    objectives: dict[str, str] = {}
    for run in runs:
        model, values = measure(run, split)
        name = model.config.name
        if model.seed in by_variant.setdefault(name, {}):
            raise ValueError(f"{name} seed {model.seed} was given twice; give every run once.")
        by_variant[name][model.seed] = values
        objectives[name] = model.config.objective
    lines = [
        "| variant | seeds | " + " | ".join(COLUMNS.values()) + " |",
        "|---|---|" + "---|" * len(COLUMNS),
    ]
    for name, seeds in by_variant.items():
        cells = [_spread([values[column] for values in seeds.values()]) for column in COLUMNS]
        lines.append(f"| {name} | {len(seeds)} | " + " | ".join(cells) + " |")
    references = [name for name, objective in objectives.items() if objective == REFERENCE]
    if len(references) == 1:
        reference = by_variant[references[0]]
        others = [name for name in by_variant if name != references[0]]
        lines += [_gain(name, by_variant[name], reference) for name in others]
    return lines


def _gain(name: str, seeds: dict[int, Measured], reference: dict[int, Measured]) -> str:
    shared = sorted(seeds.keys() & reference.keys())
    cells = []
    for column in COLUMNS:
        pairs = [(seeds[seed][column], reference[seed][column]) for seed in shared]
        if column in SHARE:
            cells.append(_spread([ours - theirs for ours, theirs in pairs], "{:+.2f}") if pairs else "")
        else:
            changes = [100 * (ours / theirs - 1) for ours, theirs in pairs]
            cells.append(_spread(changes, "{:+.1f}") + " %" if pairs else "")
    return f"| {name}, change | {len(shared)} | " + " | ".join(cells) + " |"


def _spread(values: Sequence[float], form: str = "{:.2f}") -> str:
    """Return mean and, of several values, standard deviation."""
    mean = form.format(statistics.fmean(values))
    return mean if len(values) < 2 else f"{mean} ± {statistics.stdev(values):.2f}"
