"""Training images: square, gray, in [0, 1]."""

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


def resized(pixels: np.ndarray, size: int) -> np.ndarray:
    """Return uint8 images as float32 in [0, 1], bilinearly resized (as FSVAE resizes MNIST to 32)."""
    x = torch.from_numpy(np.array(pixels)).float().div_(255).unsqueeze(1)
    if size != x.shape[-1]:
        x = torch.nn.functional.interpolate(x, size, mode="bilinear", align_corners=False)
    return x.squeeze(1).numpy()


DATASETS: dict[str, Callable[[int], np.ndarray]] = {
    "patches": photograph_patches,
    "digits": _digits,
    "mnist": _mnist,
    "fashion": _fashion,
}


def training_images(config: RunConfig) -> torch.Tensor:
    """Return all training images of a configuration, (n, 1, size, size), float32 in [0, 1].

    Raises
    ------
    ValueError
        If the data set is unknown.
    FileNotFoundError
        If it is not at hand.
    """
    if config.dataset not in DATASETS:
        raise unknown("dataset", config.dataset, DATASETS)
    return torch.from_numpy(DATASETS[config.dataset](config.image_size)).unsqueeze(1)


def distinct_images(config: RunConfig, n: int, seed: int) -> torch.Tensor:
    """Return `n` training images that all differ, (n, 1, size, size).

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
