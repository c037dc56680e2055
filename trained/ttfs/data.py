"""Labelled digits as spike times."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from study import images
from study.commands import unknown
from study.network import first_spike_steps

N_CLASSES = 10
SPLIT_SEED = (
    20191021  # of the order of the training images, the last of which are held out: part of the data set
)
N_TEST_DIGITS = 1000  # of the 5,000 embedded digits, which have no test split of their own


@dataclasses.dataclass(frozen=True)
class Digits:
    """Digits of one split.

    Parameters
    ----------
    times : int16 Tensor, (n, unit)
        Spike times of the pixels, 0 to t_max.
    labels : int64 Tensor, (n,)
    """

    times: Tensor
    labels: Tensor


_table = functools.cache(images.load_digits)  # 4 MB; reading them as text takes seconds


def _embedded(split: str) -> tuple[np.ndarray, np.ndarray]:
    pixels, labels = _table()
    order = np.random.default_rng(SPLIT_SEED).permutation(len(labels))
    kept = order[-N_TEST_DIGITS:] if split == "test" else order[:-N_TEST_DIGITS]
    return pixels[kept], labels[kept]


SOURCES: dict[str, Callable[[str], tuple[np.ndarray, np.ndarray]]] = {
    "mnist": images.load_mnist,
    "fashion": images.load_fashion,
    "digits": _embedded,
}


def moved(times: Tensor, n_pixels: int, silent: int, generator: torch.Generator) -> Tensor:
    """Return spike times of images, (image, pixel), each moved at random by at most `n_pixels` along both axes.

    What comes in from outside is black: time `silent`.
    """
    side = math.isqrt(times.shape[1])
    images = nn.functional.pad(times.unflatten(1, (side, side)), (n_pixels,) * 4, value=silent)
    y, x = torch.randint(2 * n_pixels + 1, (2, len(times), 1), generator=generator) + torch.arange(side)
    return images[torch.arange(len(times))[:, None, None], y[:, :, None], x[:, None, :]].flatten(1)


def load(dataset: str, split: str, t_max: int, n_validation: int = 0) -> Digits:
    """Return one split of a labelled data set of 28 x 28 pixels as spike times.

    Parameters
    ----------
    dataset : "mnist", "fashion" or "digits"
    split : "train", "validation" or "test"
        `validation` is the last `n_validation` images of the training set in a fixed random order, `train` the others.
    t_max : int
    n_validation : int

    Raises
    ------
    ValueError
        For an unknown name, or if more than half of the training images are to be held out.
    FileNotFoundError
        If the data set is not at hand.
    """
    if dataset not in SOURCES:
        raise unknown("dataset", dataset, SOURCES)
    pixels, labels = SOURCES[dataset]("test" if split == "test" else "train")
    if split != "test":
        if 2 * n_validation > len(labels):
            raise ValueError(
                f"n_validation is {n_validation} of {len(labels)} training images; at most half may be held out."
            )
        order = np.random.default_rng(SPLIT_SEED).permutation(len(labels))
        n = len(labels) - n_validation
        kept = order[n:] if split == "validation" else order[:n]
        pixels, labels = pixels[kept], labels[kept]
    steps_of = first_spike_steps(np.arange(256) / 255, t_max).astype(np.int16)  # a table of the gray levels
    times = steps_of[pixels.reshape(len(pixels), -1)]
    return Digits(torch.from_numpy(times), torch.from_numpy(labels.astype(np.int64)))
