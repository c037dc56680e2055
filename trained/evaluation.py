"""Evaluation of a run: image quality, spikes, temporal consistency; one row per measure in a tidy CSV."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import torch

from study.files import write_text
from study.manifest import find
from trained.checkpoint import load_model
from trained.fad import LEGACY_BATCH, N_PUBLISHED, features, frechet_distance, load_encoder, moments
from trained.network import Model
from trained.training import sample

# Which published autoencoder judges which data set: weights and reference statistics in the data manifest.
AUTOENCODERS = {"digits": "mnist", "mnist": "mnist", "fashion": "fashion"}
N_ACTIVITY = 64  # images over which spikes are counted
FIELDS = ("model", "measure", "value", "n", "detail")
Row = dict[str, object]


def evaluate(run: str | Path, n_samples: int = N_PUBLISHED) -> list[Row]:
    """Measure a run's generator.

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
    rows = [*activity(model), *fad(model, n_samples)]
    return [{"model": f"{model.config.name}/seed-{model.seed}", **row} for row in rows]


def activity(model: Model) -> list[Row]:
    """Return spikes per image and layer, and how far single frames are from the decoded image."""
    random = torch.Generator().manual_seed(model.seed)
    latent = torch.randn(N_ACTIVITY, model.config.n_latent, generator=random)
    rows: list[Row] = []
    with torch.no_grad():
        states = model.generator.states(latent)
        for name, spikes in list(states.items())[:-1]:
            per_image = spikes.sum().item() / N_ACTIVITY
            rows.append(_row("spikes per image", per_image, N_ACTIVITY, f"generator {name}"))
        frames = torch.sigmoid(states["readout"])
        image = model.generator.decoder(frames)
    for t in (0, len(frames) - 1):
        error = (frames[t] - image).square().mean().item()
        rows.append(_row("squared distance of frame from image", error, N_ACTIVITY, f"step {t + 1}"))
    weight = getattr(model.generator.decoder, "frame_weight", None)
    if weight is not None:
        for t in (1, len(weight)):
            detail = f"step {t + 1}"
            rows.append(
                _row("attention weight of new frame", weight[t - 1].mean().item(), N_ACTIVITY, detail)
            )
    return rows


def fad(model: Model, n_samples: int) -> list[Row]:
    """Return the Fréchet Autoencoder Distance, legacy mode against the published statistics of the test split.

    An empty list, and a line that says why, where no published autoencoder fits or its files are not at hand.
    """
    judge = AUTOENCODERS.get(model.config.dataset)
    if judge is None:
        print(f"FAD: no published autoencoder for {model.config.dataset}; not computed.")
        return []
    weights, statistics = find(f"fad-{judge}-autoencoder"), find(f"fad-{judge}-statistics")
    if weights is None or statistics is None:
        print(
            f"FAD: autoencoder of {judge} not at hand; get it with `python -m study data fetch`; not computed."
        )
        return []
    latents = features(sample(model, n_samples, model.seed), load_encoder(weights), "legacy")
    with np.load(statistics) as reference:
        distance = frechet_distance(*moments(latents), reference["mu"], reference["sigma"])
    detail = f"legacy, batch {LEGACY_BATCH}, {judge} autoencoder, against published test statistics"
    return [_row("FAD", distance, len(latents), detail)]


def _row(measure: str, value: float, n: int, detail: str) -> Row:
    return {"measure": measure, "value": f"{value:.6g}", "n": n, "detail": detail}


def write_rows(rows: list[Row], path: str | Path) -> None:
    """Write rows as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())
