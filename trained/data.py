"""Training images: square, gray or in colour, in [0, 1]."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from skimage.transform import downscale_local_mean

from study import images
from study.commands import unknown
from trained.config import RunConfig

N_PATCHES = 4000
PATCH_SEED = 20230517  # fixed: the set of patches is part of the data set, not of a run
# Photographs are seen at several distances: a patch is cut at 1 to 4 times the image size and area-averaged down.
PATCH_SCALES = (1, 2, 3, 4)


def photograph_patches(size: int) -> np.ndarray:
    """Return square patches of the photographs that ship inside scikit-image and scikit-learn.

    Parameters
    ----------
    size : int
        Side in pixels.

    Returns
    -------
    float32 array, (N_PATCHES, size, size), in [0, 1]
    """
    rng = np.random.default_rng(PATCH_SEED)
    photographs = [photo for _, photo in images.photographs()]
    patches = np.empty((N_PATCHES, size, size), np.float32)
    for i in range(N_PATCHES):
        photo = photographs[rng.integers(len(photographs))]
        largest = min(photo.shape) // size
        scale = int(rng.choice([s for s in PATCH_SCALES if s <= largest] or [1]))
        side = size * scale
        y, x = (rng.integers(n - side + 1) for n in photo.shape)
        patch = downscale_local_mean(photo[y : y + side, x : x + side], (scale, scale))
        patches[i] = patch[:, ::-1] if rng.random() < 0.5 else patch
    return patches


def _digits(size: int) -> np.ndarray:
    return resized(images.load_digits()[0], size)


def _mnist(size: int) -> np.ndarray:
    return resized(images.load_mnist("train")[0], size)


def _fashion(size: int) -> np.ndarray:
    return resized(images.load_fashion("train")[0], size)


def _cifar10(size: int) -> np.ndarray:
    """Return (n, 3, size, size); the lossless archive where it is at hand, else the subset that passed through JPEG."""
    pixels, _, _ = images.load_cifar10("train")
    return np.stack([resized(pixels[..., colour], size) for colour in range(3)], axis=1)


def resized(pixels: np.ndarray, size: int) -> np.ndarray:
    """Return uint8 images as float32 in [0, 1], bilinearly resized (as FSVAE resizes MNIST to 32)."""
    x = torch.from_numpy(np.array(pixels)).float().div_(255).unsqueeze(1)
    if size != x.shape[-1]:
        x = torch.nn.functional.interpolate(x, size, mode="bilinear", align_corners=False)
    return x.squeeze(1).numpy()


# From the side in pixels to images, (n, size, size) gray or (n, 3, size, size) in colour.
DATASETS: dict[str, Callable[[int], np.ndarray]] = {
    "patches": photograph_patches,
    "digits": _digits,
    "mnist": _mnist,
    "fashion": _fashion,
    "cifar10": _cifar10,
}


def training_images(config: RunConfig) -> torch.Tensor:
    """Return all training images of a configuration, (n, colour, size, size), float32 in [0, 1].

    Colour images become gray where the configuration has one channel.

    Raises
    ------
    ValueError
        If the data set is unknown, or gray where the configuration has three channels.
    FileNotFoundError
        If it is not at hand.
    """
    if config.dataset not in DATASETS:
        raise unknown("dataset", config.dataset, DATASETS)
    pixels = DATASETS[config.dataset](config.image_size)
    n_colours = getattr(config, "n_colours", 1)
    if pixels.ndim == 3 and n_colours > 1:
        raise ValueError(
            f"dataset {config.dataset} is gray, but n_colours is {n_colours}; 1 is allowed here."
        )
    if pixels.ndim == 4 and n_colours == 1:
        pixels = np.einsum("ncyx,c->nyx", pixels, images.LUMINANCE.astype(np.float32))
    x = torch.from_numpy(pixels)
    return x if x.ndim == 4 else x.unsqueeze(1)


def distinct_images(config: RunConfig, n: int, seed: int) -> torch.Tensor:
    """Return `n` training images that all differ, (n, colour, size, size).

    Raises
    ------
    ValueError
        If the data set has fewer.
    """
    distinct = torch.unique(training_images(config), dim=0)
    if n > len(distinct):
        raise ValueError(
            f"{n} inputs are asked for, but {config.dataset} has {len(distinct)} distinct images; ask for fewer."
        )
    random = torch.Generator().manual_seed(seed)
    return distinct[torch.randperm(len(distinct), generator=random)[:n]]
