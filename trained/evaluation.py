"""Evaluation of a run: one row per measure in a tidy CSV."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from study.files import write_text
from trained import autoencoder_measures, classifier_measures, vae_measures
from trained.fad import N_PUBLISHED
from trained.fad_measures import fad, fad_by
from trained.feature_distances import (
    WEIGHTS,
    AbstractExtractor,
    ClassifierFeatures,
    Inception,
    feature_distances,
)
from trained.measures import Row, activity, cost, memorising
from trained.runs import load_model
from trained.ttfs import measures as ttfs_measures

# What is measured in each family: functions of a model and of the number of images to draw.
MEASURES: dict[str, tuple[Callable[[Any, int], list[Row]], ...]] = {
    "gan": (activity, cost, fad, memorising),
    "autoencoder": (autoencoder_measures.reconstruction,),
    "classifier": (classifier_measures.accuracy, classifier_measures.activity),
    "ttfs-classifier": (ttfs_measures.classification,),
    "ttfs-gan": (ttfs_measures.activity, ttfs_measures.recognition, fad, memorising),
    "vae": (
        *(vae_measures.activity, fad, memorising),
        *(vae_measures.reconstruction, vae_measures.learned_prior_fad, vae_measures.validation_fad),
    ),
}
WITH_IMAGES = ("gan", "vae", "ttfs-gan")  # families whose models make images
FIELDS = ("model", "measure", "value", "n", "detail")


@dataclasses.dataclass(frozen=True)
class Judges:
    """What judges images beside the measures of every family.

    Parameters
    ----------
    autoencoders : tuple of paths
        Runs of autoencoders, for the FAD.
    extractors : tuple of AbstractExtractor
        For FID, KID and, where it gives logits, IS.
    """

    autoencoders: tuple[Path, ...] = ()
    extractors: tuple[AbstractExtractor, ...] = ()

    @classmethod
    def find(
        cls,
        inception: str | Path | None = None,
        classifiers: Iterable[str | Path] = (),
        autoencoders: Iterable[str | Path] = (),
    ) -> Judges:
        """Return the judges in a file of Inception's weights and in run folders."""
        extractors = [Inception(inception)] if inception else []
        return cls(
            tuple(map(Path, autoencoders)), (*extractors, *(ClassifierFeatures(run) for run in classifiers))
        )


def evaluate(run: str | Path, n_samples: int = N_PUBLISHED, judges: Judges | None = None) -> list[Row]:
    """Measure what a run has trained, by the measures of its family.

    Parameters
    ----------
    run : path
    n_samples : int
        Images behind the FAD.
    judges : Judges, optional

    Returns
    -------
    list of dict
        Rows with the fields FIELDS.
    """
    model = load_model(run)
    rows = [row for measure in MEASURES[model.config.family] for row in measure(model, n_samples)]
    judges = judges or Judges()
    for autoencoder in judges.autoencoders:
        rows += fad_by(model, n_samples, autoencoder)
    for extractor in judges.extractors:
        rows += feature_distances(model, n_samples, extractor)
    if model.config.family in WITH_IMAGES and not judges.extractors:
        print(
            f"FID, KID and IS: not computed without Inception's weights; give --inception FILE ({WEIGHTS})."
        )
    return [{"model": model.label, **row} for row in rows]


def write_rows(rows: list[Row], path: str | Path) -> None:
    """Write rows as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())
