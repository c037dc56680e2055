"""Rows of Fréchet Autoencoder Distances: by the published autoencoders, and by one of ours where there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from study.manifest import find
from study.provenance import ROOT
from trained.autoencoder import Autoencoder
from trained.data import image_set, split_images
from trained.fad import LEGACY_BATCH, SIDE, features, frechet_distance, load_encoder, moments
from trained.measures import Row, held_out, row
from trained.model import AbstractModel
from trained.runs import load_model

# Which published autoencoder judges which data set: weights and reference statistics in the data manifest.
AUTOENCODERS = {"digits": "mnist", "mnist": "mnist", "fashion": "fashion"}
# Runs of ours that judge the others, below CHECKPOINTS.
OUR_AUTOENCODERS = {"cifar10": "cifar10-autoencoder/plain/seed-0"}
CHECKPOINTS = ROOT / "trained" / "checkpoints"
LEGACY_BATCHES = (LEGACY_BATCH, 128)


def fad(model: AbstractModel, n_samples: int) -> list[Row]:
    """Return the Fréchet Autoencoder Distance to the test split, by the autoencoder that belongs to the data set.

    An empty list, and a line that says why, where there is none or its files are not at hand.
    """
    dataset = model.config.dataset
    if dataset in AUTOENCODERS:
        return _published(model, n_samples, AUTOENCODERS[dataset])
    ours = CHECKPOINTS / OUR_AUTOENCODERS.get(dataset, "none")
    if ours.is_dir():
        return fad_by(model, n_samples, ours)
    print(f"FAD: no autoencoder for {dataset}; train one and give it with --autoencoder; not computed.")
    return []


def _published(model: AbstractModel, n_samples: int, judge: str) -> list[Row]:
    """Return the FAD in legacy and eval mode.

    Legacy mode compares with the published statistics, in batches of 256 (FSVAE, TAID) and of 128 (ESVAE); eval mode
    with statistics of our own.
    """
    weights, statistics = find(f"fad-{judge}-autoencoder"), find(f"fad-{judge}-statistics")
    if weights is None or statistics is None:
        print(
            f"FAD: autoencoder of {judge} not at hand; get it with `python -m study data fetch`; not computed."
        )
        return []
    generated, encoder = model.sample(n_samples, model.seed), load_encoder(weights)
    with np.load(statistics) as stored:
        published = stored["mu"], stored["sigma"]
    rows = []
    for batch in LEGACY_BATCHES:
        latents = features(generated, encoder, "legacy", batch)
        detail = f"legacy, batch {batch}, {judge} autoencoder, against published test statistics"
        rows.append(row("FAD", frechet_distance(*moments(latents), *published), len(latents), detail))
    test = held_out(model.config, "FAD, mode eval", SIDE)
    if test is None:
        return rows
    reference = moments(features(test, encoder, "eval"))
    latents = features(generated, encoder, "eval")
    detail = f"eval, {judge} autoencoder, against our statistics of {len(test)} test images"
    return [*rows, row("FAD", frechet_distance(*moments(latents), *reference), len(latents), detail)]


def fad_by(model: AbstractModel, n_samples: int, run: str | Path) -> list[Row]:
    """Return the FAD by an autoencoder of ours, mode eval, and that of as many real training images beside it.

    The second is what a generator that draws from the training images would score: below it there is nothing to gain.

    Raises
    ------
    ValueError
        If `run` holds no autoencoder, or one of images with other colours.
    """
    judge = load_model(run)
    if not isinstance(judge, Autoencoder):
        raise ValueError(
            f"{run} holds a {judge.config.family}; --autoencoder needs the run of an autoencoder."
        )
    test = held_out(model.config, "FAD", judge.encoder.side)
    if test is None:
        return []
    if test.shape[1] != judge.config.n_colours:
        raise ValueError(
            f"the images of {model.config.name} have {test.shape[1]} colours, those of the autoencoder {judge.label} "
            f"{judge.config.n_colours}; give one of equal colours."
        )
    reference = moments(features(test, judge.encoder, "eval"))
    name = f"our autoencoder ({image_set(judge.config.dataset).source()})"
    detail = f"eval, {judge.label}, against {len(test)} test images"
    training = split_images(model.config, "train")
    random = torch.Generator().manual_seed(model.seed)
    real = training[torch.randperm(len(training), generator=random)[:n_samples]]
    generated = model.sample(n_samples, model.seed)
    rows = []
    for what, images in ((f"FAD, {name}", generated), (f"FAD of training images, {name}", real)):
        latents = moments(features(images, judge.encoder, "eval"))
        rows.append(row(what, frechet_distance(*latents, *reference), len(images), detail))
    return rows
