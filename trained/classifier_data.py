"""Labelled images: splits, standardisation, random variations."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from study import images
from study.commands import unknown
from trained.input_map import InputMap

N_CLASSES = 10
DIGITS_TEST = 1000  # of the 5,000 embedded digits, which have no test split of their own
DIGITS_SEED = 20230517  # fixed: the split is part of the data set, not of a run
# RandomAffine of PLIF's training: degrees, share of the side, factors.
ROTATION_DEGREES, TRANSLATION, SCALES = 30.0, 0.15, (0.85, 1.11)
CROP_PADDING = 4  # pixels

Images = Float[Tensor, "n channel y x"]


@dataclasses.dataclass(frozen=True)
class Labelled:
    """One split of a data set.

    Parameters
    ----------
    images : Tensor, (n, channel, y, x), float32 in [0, 1]
    labels : Tensor, (n,), int64
    source : str
        What the images are, to be said beside every score.
    """

    images: Images
    labels: Int[Tensor, " n"]
    source: str


def _gray(pixels: np.ndarray, labels: np.ndarray, source: str) -> Labelled:
    x = torch.from_numpy(pixels.astype(np.float32) / 255).unsqueeze(1)
    return Labelled(x, torch.from_numpy(labels.astype(np.int64)), source)


def _digits(split: str) -> Labelled:
    pixels, labels = images.load_digits()
    order = np.random.default_rng(DIGITS_SEED).permutation(len(labels))
    chosen = order[:-DIGITS_TEST] if split == "train" else order[-DIGITS_TEST:]
    return _gray(pixels[chosen], labels[chosen], "5,000 MNIST training digits, 1,000 of them for test")


def _cifar10(split: str) -> Labelled:
    pixels, labels, source = images.load_cifar10(split)
    x = torch.from_numpy(pixels.transpose(0, 3, 1, 2).astype(np.float32) / 255)
    return Labelled(x, torch.from_numpy(labels.astype(np.int64)), f"CIFAR-10, {source}")


@dataclasses.dataclass(frozen=True)
class DataSet:
    """A labelled data set and how networks take it.

    Parameters
    ----------
    load : callable split -> Labelled
    n_channels, image_size : int
    input_map : InputMap
        Standardisation, with the constants of PLIF's training.
    vary : callable (images, generator, share) -> images
        Random variations for training, within that share of the published ranges.
    """

    load: Callable[[str], Labelled]
    n_channels: int
    image_size: int
    input_map: InputMap
    vary: Callable[[Images, torch.Generator, float], Images]


def move(x: Images, random: torch.Generator, share: float = 1.0) -> Images:
    """Turn by up to 30 degrees, move by up to 15 % of the side and scale by 0.85 to 1.11, bilinearly.

    The ranges of PLIF's training, which interpolates by nearest neighbour; what comes in from outside is black.

    Parameters
    ----------
    x : Tensor, (n, channel, y, x)
    random : torch.Generator
    share : float
        Of these ranges, 0 to 1.
    """
    draws = torch.rand(4, len(x), generator=random)
    angle = share * (2 * draws[0] - 1) * math.radians(ROTATION_DEGREES)
    smallest, largest = (1 + share * (factor - 1) for factor in SCALES)
    scale = smallest + (largest - smallest) * draws[1]
    cos, sin = torch.cos(angle) / scale, torch.sin(angle) / scale
    dx, dy = 2 * share * TRANSLATION * (2 * draws[2:] - 1)  # affine_grid counts a side as 2
    # From places of the new image to places of the old: first back by the shift, then turned and scaled.
    rows = [cos, -sin, sin * dy - cos * dx], [sin, cos, -sin * dx - cos * dy]
    matrix = torch.stack([torch.stack(row, 1) for row in rows], 1)
    grid = nn.functional.affine_grid(matrix, list(x.shape), align_corners=False)
    return nn.functional.grid_sample(x, grid, align_corners=False)


def crop_and_mirror(x: Images, random: torch.Generator, share: float = 1.0) -> Images:
    """Move by up to `share` of 4 pixels, black coming in, and mirror every second image on average."""
    n, _, height, width = x.shape
    padding = round(share * CROP_PADDING)
    padded = nn.functional.pad(x, (padding,) * 4)
    offset = torch.randint(2 * padding + 1, (2, n), generator=random)
    rows = offset[0].view(n, 1) + torch.arange(height)
    columns = offset[1].view(n, 1) + torch.arange(width)
    mirrored = torch.rand(n, generator=random) < 0.5
    columns = torch.where(mirrored.view(n, 1), columns.flip(1), columns)
    return padded[torch.arange(n).view(n, 1, 1), :, rows.unsqueeze(2), columns.unsqueeze(1)].permute(
        0, 3, 1, 2
    )


MNIST_MAP = InputMap.standardising((0.1307,), (0.3081,))
FASHION_MAP = InputMap.standardising((0.2860,), (0.3530,))
CIFAR10_MAP = InputMap.standardising((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))
LABELLED: dict[str, DataSet] = {
    "digits": DataSet(_digits, 1, 28, MNIST_MAP, move),
    "mnist": DataSet(lambda split: _gray(*images.load_mnist(split), "MNIST"), 1, 28, MNIST_MAP, move),
    "fashion": DataSet(
        lambda split: _gray(*images.load_fashion(split), "Fashion-MNIST"), 1, 28, FASHION_MAP, crop_and_mirror
    ),
    "cifar10": DataSet(_cifar10, 3, 32, CIFAR10_MAP, crop_and_mirror),
}


def data_set(name: str) -> DataSet:
    """Return the labelled data set called `name`.

    Raises
    ------
    ValueError
        If there is none.
    """
    if name not in LABELLED:
        raise unknown("labelled data set", name, LABELLED)
    return LABELLED[name]
