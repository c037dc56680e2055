"""Measures of generators: image quality, spikes, temporal consistency. One function each, from (model, n) to rows."""

from __future__ import annotations

import numpy as np
import torch

from study import images
from study.manifest import find
from trained.data import resized, training_images
from trained.fad import LEGACY_BATCH, SIDE, features, frechet_distance, load_encoder, moments
from trained.gan_network import GanModel
from trained.model import AbstractModel
from trained.neighbours import nearest
from trained.synops import energy_nj, operations

# Which published autoencoder judges which data set: weights and reference statistics in the data manifest.
AUTOENCODERS = {"digits": "mnist", "mnist": "mnist", "fashion": "fashion"}
TEST_SPLITS = {"mnist": images.load_mnist, "fashion": images.load_fashion}
LEGACY_BATCHES = (LEGACY_BATCH, 128)
N_ACTIVITY = 64  # images over which spikes are counted
N_NEIGHBOURS = 1000  # images whose nearest training images are looked up
Row = dict[str, object]


def activity(model: GanModel, n_samples: int = 0) -> list[Row]:
    """Return spikes per image and layer, and how far single frames are from the decoded image.

    Over N_ACTIVITY images, whatever `n_samples` is.
    """
    random = torch.Generator().manual_seed(model.seed)
    latent = torch.randn(N_ACTIVITY, model.config.n_latent, generator=random)
    rows: list[Row] = []
    with torch.no_grad():
        if "generator" in model.roles:
            for name, spikes in list(model.generator.states(latent).items())[:-1]:
                per_image = spikes.sum().item() / N_ACTIVITY
                rows.append(row("spikes per image", per_image, N_ACTIVITY, f"generator {name}"))
        frames, image = model.generator.frames(latent), model.generator(latent)
    for t in (0, len(frames) - 1):
        error = (frames[t] - image).square().mean().item()
        rows.append(row("squared distance of frame from image", error, N_ACTIVITY, f"step {t + 1}"))
    weight = getattr(model.generator.decoder, "frame_weight", None)
    if weight is not None:
        for t in (1, len(weight)):
            detail = f"step {t + 1}"
            rows.append(row("attention weight of new frame", weight[t - 1].mean().item(), N_ACTIVITY, detail))
    return rows


def cost(model: GanModel, n_samples: int = 0) -> list[Row]:
    """Return synaptic operations and their energy per image, beside those of an analog network of equal shape.

    Over N_ACTIVITY inputs, whatever `n_samples` is; networks that spike only.
    """
    rows: list[Row] = []
    for role in model.roles:
        found = operations(model.network(role), model.verification_inputs(role, N_ACTIVITY, model.seed))
        spiking, analog = energy_nj(found)
        added = sum(layer.accumulations for layer in found)
        multiplied = sum(layer.synapses for layer in found)
        of = f"{role}, {found[0].synapses} multiply-accumulations of the analog input besides"
        rows.append(row("accumulations per image", added, N_ACTIVITY, of))
        detail = (
            f"{role}, an analog one of equal shape needs {multiplied} multiply-accumulations, {analog:.4g} nJ"
        )
        rows.append(row("energy per image (nJ)", spiking, N_ACTIVITY, detail))
    return rows


def memorising(model: AbstractModel, n_samples: int) -> list[Row]:
    """Return how near generated images come to training images, beside those of the test split.

    An empty list, and a line that says why, where the data set has no test split at hand.
    """
    judge = AUTOENCODERS.get(model.config.dataset)
    if judge is None or find(f"{judge}-test-images") is None:
        print(f"nearest neighbours: no test images for {model.config.dataset} at hand; not computed.")
        return []
    pixels = TEST_SPLITS[judge]("test")[0][:N_NEIGHBOURS]
    held_out = torch.from_numpy(resized(pixels, model.config.image_size)).unsqueeze(1)
    training = training_images(model.config)
    n = min(n_samples, N_NEIGHBOURS)
    found = nearest(model.sample(n, model.seed), training, held_out)
    detail = f"root mean squared difference {found.generated:.4f}, of {len(held_out)} test images {found.held_out:.4f}"
    return [
        row("distance to nearest training image over that of test images", found.ratio, n, detail),
        row("images nearer to a training image than 0.1 % of test images", found.n_copies, n, detail),
    ]


def fad(model: AbstractModel, n_samples: int) -> list[Row]:
    """Return the Fréchet Autoencoder Distance to the test split, in legacy and eval mode.

    Legacy mode compares with the published statistics, in batches of 256 (FSVAE, TAID) and of 128 (ESVAE); eval mode
    with statistics of our own.

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
    generated, encoder = model.sample(n_samples, model.seed), load_encoder(weights)
    with np.load(statistics) as stored:
        published = stored["mu"], stored["sigma"]
    rows = []
    for batch in LEGACY_BATCHES:
        latents = features(generated, encoder, "legacy", batch)
        detail = f"legacy, batch {batch}, {judge} autoencoder, against published test statistics"
        rows.append(row("FAD", frechet_distance(*moments(latents), *published), len(latents), detail))
    if find(f"{judge}-test-images") is None:
        print(f"FAD: test images of {judge} not at hand; mode eval not computed.")
        return rows
    test = torch.from_numpy(resized(TEST_SPLITS[judge]("test")[0], SIDE)).unsqueeze(1)
    reference = moments(features(test, encoder, "eval"))
    latents = features(generated, encoder, "eval")
    detail = f"eval, {judge} autoencoder, against our statistics of {len(test)} test images"
    return [*rows, row("FAD", frechet_distance(*moments(latents), *reference), len(latents), detail)]


def row(measure: str, value: float, n: int, detail: str) -> Row:
    """Return one row: a value with how many samples and what else it rests on."""
    return {"measure": measure, "value": f"{value:.6g}", "n": n, "detail": detail}
