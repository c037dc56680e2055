"""Measures of generators: image quality, spikes, temporal consistency. One function each, from (model, n) to rows."""

from __future__ import annotations

import numpy as np
import torch

from study.manifest import find
from trained.fad import LEGACY_BATCH, features, frechet_distance, load_encoder, moments
from trained.gan_network import GanModel
from trained.model import AbstractModel

# Which published autoencoder judges which data set: weights and reference statistics in the data manifest.
AUTOENCODERS = {"digits": "mnist", "mnist": "mnist", "fashion": "fashion"}
N_ACTIVITY = 64  # images over which spikes are counted
Row = dict[str, object]


def activity(model: GanModel, n_samples: int = 0) -> list[Row]:
    """Return spikes per image and layer, and how far single frames are from the decoded image.

    Over N_ACTIVITY images, whatever `n_samples` is.
    """
    random = torch.Generator().manual_seed(model.seed)
    latent = torch.randn(N_ACTIVITY, model.config.n_latent, generator=random)
    rows: list[Row] = []
    with torch.no_grad():
        states = model.generator.states(latent)
        for name, spikes in list(states.items())[:-1]:
            per_image = spikes.sum().item() / N_ACTIVITY
            rows.append(row("spikes per image", per_image, N_ACTIVITY, f"generator {name}"))
        frames = torch.sigmoid(states["readout"])
        image = model.generator.decoder(frames)
    for t in (0, len(frames) - 1):
        error = (frames[t] - image).square().mean().item()
        rows.append(row("squared distance of frame from image", error, N_ACTIVITY, f"step {t + 1}"))
    weight = getattr(model.generator.decoder, "frame_weight", None)
    if weight is not None:
        for t in (1, len(weight)):
            detail = f"step {t + 1}"
            rows.append(row("attention weight of new frame", weight[t - 1].mean().item(), N_ACTIVITY, detail))
    return rows


def fad(model: AbstractModel, n_samples: int) -> list[Row]:
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
    latents = features(model.sample(n_samples, model.seed), load_encoder(weights), "legacy")
    with np.load(statistics) as reference:
        distance = frechet_distance(*moments(latents), reference["mu"], reference["sigma"])
    detail = f"legacy, batch {LEGACY_BATCH}, {judge} autoencoder, against published test statistics"
    return [row("FAD", distance, len(latents), detail)]


def row(measure: str, value: float, n: int, detail: str) -> Row:
    """Return one row: a value with how many samples and what else it rests on."""
    return {"measure": measure, "value": f"{value:.6g}", "n": n, "detail": detail}
