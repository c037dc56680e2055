"""Training images: square, gray or in colour, in [0, 1]."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import torch
from skimage.transform import downscale_local_mean

from study import images
from study.commands import unknown
from study.manifest import find
from trained import faces
from trained.config import RunConfig

N_PATCHES = 4000
PATCH_SEED = 20230517  # fixed: the set of patches is part of the data set, not of a run
# Photographs are seen at several distances: a patch is cut at 1 to 4 times the image size and area-averaged down.
PATCH_SCALES = (1, 2, 3, 4)
LARGE = 100_000  # images


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


def resized(pixels: np.ndarray, size: int) -> np.ndarray:
    """Return uint8 images as float32 in [0, 1], bilinearly resized (as FSVAE resizes MNIST to 32)."""
    x = torch.from_numpy(np.array(pixels)).float().div_(255).unsqueeze(1)
    if size != x.shape[-1]:
        x = torch.nn.functional.interpolate(x, size, mode="bilinear", align_corners=False)
    return x.squeeze(1).numpy()


@dataclasses.dataclass(frozen=True)
class ImageSet:
    """Images to train on, and others of the same kind.

    Parameters
    ----------
    load : callable (split, side in pixels) -> array
        (n, side, side) gray or (n, 3, side, side) in colour, float32 in [0, 1].
    splits : tuple of str
    source : callable -> str
        What the images are, to be said beside results.
    """

    load: Callable[[str, int], np.ndarray]
    splits: tuple[str, ...]
    source: Callable[[], str]


def _labelled(load: Callable[[str], tuple[np.ndarray, np.ndarray]], source: str) -> ImageSet:
    return ImageSet(lambda split, size: resized(load(split)[0], size), images.SPLITS, lambda: source)


def _digits(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the embedded digits, all of MNIST's training split, or MNIST's test split."""
    return images.load_digits() if split == "train" else images.load_mnist(split)


def _cifar10(split: str, size: int) -> np.ndarray:
    """Return (n, 3, size, size); the lossless archive where it is at hand, else the subset that passed through JPEG."""
    pixels, _, _ = images.load_cifar10(split)
    return np.stack([resized(pixels[..., colour], size) for colour in range(3)], axis=1)


def _faces(kind: Callable[[], faces.Faces]) -> ImageSet:
    return ImageSet(lambda split, size: kind().load(split, size), faces.SPLITS, lambda: kind().source)


DATASETS: dict[str, ImageSet] = {
    "patches": ImageSet(
        lambda split, size: photograph_patches(size), ("train",), lambda: "photograph patches"
    ),
    "digits": _labelled(_digits, "5,000 MNIST digits"),
    "mnist": _labelled(lambda split: images.load_mnist(split), "MNIST"),
    "fashion": _labelled(lambda split: images.load_fashion(split), "Fashion-MNIST"),
    "cifar10": ImageSet(
        _cifar10, images.SPLITS, lambda: "CIFAR-10" if find("cifar10") else "CIFAR-10 JPEG subset"
    ),
    "celeba": _faces(faces.celeba),
    "orl-faces": _faces(faces.orl),
    "lfw-faces": _faces(faces.lfw),
}


def image_set(name: str) -> ImageSet:
    """Return the images called `name`.

    Raises
    ------
    ValueError
        If there are none.
    """
    if name not in DATASETS:
        raise unknown("dataset", name, DATASETS)
    return DATASETS[name]


def training_images(config: RunConfig) -> torch.Tensor:
    """Return all training images of a configuration; see `split_images`."""
    return split_images(config, "train")


def split_images(config: RunConfig, split: str, size: int | None = None) -> torch.Tensor:
    """Return one split of a configuration's images, (n, colour, size, size), float32 in [0, 1].

    Of the configuration's size when `size` is absent.

    Colour images become gray where the configuration has one channel.

    Raises
    ------
    ValueError
        If the data set is unknown, has no such split, or is gray where the configuration has three channels.
    FileNotFoundError
        If it is not at hand.
    """
    found = image_set(config.dataset)
    if split not in found.splits:
        raise unknown(f"split of {config.dataset}", split, found.splits)
    pixels = found.load(split, size or config.image_size)
    n_colours = getattr(config, "n_colours", 1)
    if pixels.ndim == 3 and n_colours > 1:
        raise ValueError(
            f"dataset {config.dataset} is gray, but n_colours is {n_colours}; 1 is allowed here."
        )
    if pixels.ndim == 4 and n_colours == 1:
        pixels = np.einsum("ncyx,c->nyx", pixels, images.LUMINANCE.astype(np.float32))
    x = torch.from_numpy(pixels)
    return x if x.ndim == 4 else x.unsqueeze(1)


def mirrored(x: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """Return images (n, colour, y, x), every second one on average mirrored left to right."""
    chosen = torch.rand(len(x), 1, 1, 1, generator=random) < 0.5
    return torch.where(chosen, x.flip(-1), x)


def distinct_images(config: RunConfig, n: int, seed: int) -> torch.Tensor:
    """Return `n` training images that all differ, (n, colour, size, size).

    Raises
    ------
    ValueError
        If the data set has fewer.
    """
    distinct = torch.unique(_few(training_images(config), n, seed), dim=0)
    if n > len(distinct):
        raise ValueError(
            f"{n} inputs are asked for, but {config.dataset} has {len(distinct)} distinct images; ask for fewer."
        )
    random = torch.Generator().manual_seed(seed)
    return distinct[torch.randperm(len(distinct), generator=random)[:n]]


def _few(x: torch.Tensor, n: int, seed: int) -> torch.Tensor:
    """Return all of a usual set, or 4 n images of one whose sorting would take long and many times its memory."""
    if len(x) <= LARGE:
        return x
    return x[torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))[: 4 * n]]
