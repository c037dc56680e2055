"""Measures of variational autoencoders beyond those of every generator: reconstruction, activity."""

from __future__ import annotations

import torch

from study.manifest import find
from trained.data import training_images
from trained.fad import LEGACY_BATCH, features, frechet_distance, load_encoder, moments
from trained.fad_measures import AUTOENCODERS, fad
from trained.latent import RateLatent
from trained.measures import N_ACTIVITY, Row, held_out, row
from trained.vae import VAE
from trained.vae_training import split

N_RECONSTRUCTED = 10000


def reconstruction(model: VAE, n_samples: int = 0) -> list[Row]:
    """Return the mean squared error of reconstructed test images, in [-1, 1] as published; none without a test split."""
    targets = held_out(model.config, "reconstruction")
    if targets is None:
        return []
    targets = targets[:N_RECONSTRUCTED]
    random = torch.Generator().manual_seed(model.seed)
    with torch.no_grad():
        errors = [
            (model.reconstruct(x, random)[0] - x).square().flatten(1).mean(1) for x in targets.split(250)
        ]
    error = 4 * torch.cat(errors).mean().item()  # pixels from -1 to 1 differ by twice as much
    return [row("reconstruction error", error, len(targets), "mean squared, pixels in [-1, 1], test split")]


def learned_prior_fad(model: VAE, n_samples: int) -> list[Row]:
    """Return the FAD of a model with a mixture as it is without: ESVAE, for training does not know of the mixture."""
    latent = model.latent
    if not isinstance(latent, RateLatent) or not latent.mixture:
        return []
    latent.mixture = False
    try:
        rows = fad(model, n_samples)
    finally:
        latent.mixture = True
    return [{**found, "measure": "FAD, learned prior"} for found in rows]


def validation_fad(model: VAE, n_samples: int) -> list[Row]:
    """Return the FAD to the held-out training images, legacy mode, batch 256 on both sides: what choices are made on."""
    judge = AUTOENCODERS.get(model.config.dataset)
    weights = find(f"fad-{judge}-autoencoder") if judge else None
    if weights is None or model.config.n_validation < LEGACY_BATCH:
        return []
    _, validation = split(training_images(model.config), model.config.n_validation)
    encoder = load_encoder(weights)
    generated = moments(features(model.sample(n_samples, model.seed), encoder, "legacy"))
    distance = frechet_distance(*generated, *moments(features(validation, encoder, "legacy")))
    detail = f"legacy, batch {LEGACY_BATCH}, {judge} autoencoder, against {len(validation)} held-out training images"
    return [row("validation FAD", distance, n_samples, detail)]


def activity(model: VAE, n_samples: int = 0) -> list[Row]:
    """Return spikes per image and layer of the generator, over N_ACTIVITY draws; none of the analog twin."""
    if not model.config.spiking:
        return []
    trace = model.trace("generator", model.verification_inputs("generator", N_ACTIVITY, model.seed))
    spiking = {name: x for name, x in trace.items() if name not in ("readout", "image")}
    return [
        row("spikes per image", x.sum().item() / N_ACTIVITY, N_ACTIVITY, f"generator {name}")
        for name, x in spiking.items()
    ]
