"""Evaluation of a run: one row per measure in a tidy CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from study.files import write_text
from trained import classifier_measures, vae_measures
from trained.fad import N_PUBLISHED
from trained.measures import Row, activity, cost, fad, memorising
from trained.runs import load_model
from trained.ttfs import measures as ttfs_measures

# What is measured in each family: functions of a model and of the number of images to draw.
MEASURES: dict[str, tuple[Callable[[Any, int], list[Row]], ...]] = {
    "gan": (activity, cost, fad, memorising),
    "classifier": (classifier_measures.accuracy, classifier_measures.activity),
    "ttfs-classifier": (ttfs_measures.classification,),
    "ttfs-gan": (ttfs_measures.activity, ttfs_measures.recognition, fad, memorising),
    "vae": (
        *(vae_measures.activity, fad, memorising),
        *(vae_measures.reconstruction, vae_measures.learned_prior_fad, vae_measures.validation_fad),
    ),
}
FIELDS = ("model", "measure", "value", "n", "detail")


def evaluate(run: str | Path, n_samples: int = N_PUBLISHED) -> list[Row]:
    """Measure what a run has trained, by the measures of its family.

    Parameters
    ----------
    run : path
    n_samples : int
        Images behind the FAD.

    Returns
    -------
    list of dict
        Rows with the fields FIELDS.
    """
    model = load_model(run)
    rows = [row for measure in MEASURES[model.config.family] for row in measure(model, n_samples)]
    return [{"model": model.label, **row} for row in rows]


def write_rows(rows: list[Row], path: str | Path) -> None:
    """Write rows as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())
