"""Measures of autoencoders: how well they give test images back."""

from __future__ import annotations

import torch

from trained.autoencoder import Autoencoder
from trained.data import image_set
from trained.measures import Row, held_out, row


def reconstruction(model: Autoencoder, n_samples: int = 0) -> list[Row]:
    """Return the mean squared error of reconstructed test images, in [-1, 1], beside that of their mean image."""
    images = held_out(model.config, "reconstruction")
    if images is None:
        return []
    with torch.no_grad():
        errors = [(model(x) - x).square().flatten(1).mean(1) for x in images.split(250)]
    error = 4 * torch.cat(errors).mean().item()  # pixels from -1 to 1 differ by twice as much
    of_mean = 4 * (images - images.mean(0)).square().mean().item()
    detail = (
        f"mean squared, pixels in [-1, 1], test split of {image_set(model.config.dataset).source()}; "
        f"their mean image has {of_mean:.4f}"
    )
    return [row("reconstruction error", error, len(images), detail)]
