"""Fréchet Autoencoder Distance, with the autoencoders that the published values were computed with.

Kamata et al. 2021 (FullySpikingVAE, `metrics/autoencoder_fid.py`): the Fréchet distance between Gaussians fitted to
a plain convolutional autoencoder's latents of test images and of generated images. As published, the autoencoder is
never put into evaluation mode, so its batch norm uses the statistics of each batch: mode `legacy`, comparable with
published values at equal batch size. Mode `eval` uses running statistics on both sides.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from scipy.linalg import sqrtm
from torch import Tensor, nn

from study.commands import unknown

SIDE = 32  # pixels; the autoencoders' input
N_LATENT = 64
PUBLISHED_CHANNELS = (1, 32, 64, 128, 256)
INNERMOST = 2  # pixels a side of what the latent layer sees
LEGACY_BATCH = 256
N_PUBLISHED = 5120  # generated images behind published values
MODES = ("legacy", "eval")


class Encoder(nn.Module):
    """The encoder half of the published autoencoders (FullySpikingVAE, `ann_models/ann_ae.py`).

    Parameters
    ----------
    channels : sequence of int
        Of the image and behind each convolution 3x3 of stride 2, which halves the image, down to 2 x 2.
    n_latent : int
    """

    def __init__(self, channels: Sequence[int] = PUBLISHED_CHANNELS, n_latent: int = N_LATENT) -> None:
        super().__init__()
        self.side = INNERMOST * 2 ** (len(channels) - 1)  # pixels of its input
        self.encoder = nn.Sequential(
            *(
                nn.Sequential(nn.Conv2d(a, b, 3, 2, 1), nn.BatchNorm2d(b), nn.LeakyReLU())
                for a, b in itertools.pairwise(channels)
            )
        )
        self.latent_layer = nn.Linear(channels[-1] * INNERMOST**2, n_latent)

    def forward(self, x: Tensor) -> Tensor:
        """Return latents (batch, n_latent) of images (batch, colour, side, side) in [-1, 1]."""
        return self.latent_layer(self.encoder(x).flatten(1))


def load_encoder(path: str | Path) -> Encoder:
    """Read published autoencoder weights (`mnist_64.pth`, `fashion_64.pth`).

    Raises
    ------
    ValueError
        If the file is damaged or of another architecture.
    """
    encoder = Encoder()
    try:
        weights = torch.load(path, weights_only=True, map_location="cpu")
        encoder.load_state_dict({k: v for k, v in weights.items() if not k.startswith(("decoder", "final"))})
    except Exception as error:  # torch raises half a dozen types for a damaged file
        reason = str(error).splitlines()[0]
        raise ValueError(f"autoencoder: {path} is not a whole FAD autoencoder ({reason}).") from error
    return encoder


def features(images: Tensor, encoder: Encoder, mode: str, batch_size: int = LEGACY_BATCH) -> np.ndarray:
    """Return latents of images.

    Parameters
    ----------
    images : Tensor, (n, colour, y, x), in [0, 1]
        Resized bilinearly to the encoder's side when they have another. In legacy mode a last, incomplete batch is dropped: its
        statistics would be others.
    encoder : Encoder
    mode : "legacy" or "eval"
    batch_size : int

    Returns
    -------
    float64 array, (n, n_latent)
    """
    if mode not in MODES:
        raise unknown("FAD mode", mode, MODES)
    if mode == "legacy" and len(images) < batch_size:
        raise ValueError(f"legacy FAD needs at least one batch of {batch_size} images, not {len(images)}.")
    encoder.train(mode == "legacy")
    kept = len(images) - len(images) % batch_size if mode == "legacy" else len(images)
    # Batch norm in train mode moves its running statistics: put them back, or the order of calls would matter.
    before = {name: buffer.clone() for name, buffer in encoder.named_buffers()}
    with torch.no_grad():
        latents = [encoder(_as_input(batch, encoder.side)) for batch in images[:kept].split(batch_size)]
        for name, buffer in encoder.named_buffers():
            buffer.copy_(before[name])
    return torch.cat(latents).double().numpy()


def _as_input(images: Tensor, side: int) -> Tensor:
    if images.shape[-1] != side:
        images = nn.functional.interpolate(images, side, mode="bilinear", align_corners=False)
    return images * 2 - 1


def frechet_distance(
    mean1: np.ndarray, covariance1: np.ndarray, mean2: np.ndarray, covariance2: np.ndarray
) -> float:
    """Return |μ1 - μ2|² + tr(Σ1 + Σ2 - 2 (Σ1 Σ2)^½) (Dowson and Landau 1982).

    Parameters
    ----------
    mean1, mean2 : array, (k,)
    covariance1, covariance2 : array, (k, k)
    """
    root = sqrtm(
        covariance1 @ covariance2
    ).real  # imaginary parts are rounding: the product's spectrum is real
    difference = mean1 - mean2
    return float(difference @ difference + np.trace(covariance1 + covariance2 - 2 * root))


def moments(latents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean (k,) and covariance (k, k) of latents (n, k)."""
    return latents.mean(0), np.cov(latents, rowvar=False)
