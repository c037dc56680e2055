"""What any network has to beat: responses computed from the images without learning.

A baseline gives patterns, and these go the same way as a network's (distance, comparison, inference). Names that end
in `-reference` take the whole scenes at 92x117 pixels, as the reference numbers did; the others take the images that
the network is shown. Adding a baseline is one function and one line in `BASELINES`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from scipy import fft

from analysis.gabor import block_mean, gabor_energy
from study.commands import unknown

N_BLOCKS = 8  # pooled maps of square images have 8 x 8 places, whatever the size
REFERENCE_BLOCK = 8  # pixels at 92x117: 11 x 14 places
N_RANDOM_FILTERS, RANDOM_FILTER_SIZE, RANDOM_SEED = 64, 9, 0


@dataclasses.dataclass(frozen=True)
class Baseline:
    """One baseline.

    Parameters
    ----------
    patterns : function of images (image, y, x) in [0, 1] to patterns (image, unit)
    distance : str, optional
        Overrides the distance asked for: the correlation of one or two numbers says nothing.
    reference : bool
        Takes the scenes at 92x117 pixels instead of the network's images.
    """

    patterns: Callable[[np.ndarray], np.ndarray]
    distance: str | None = None
    reference: bool = False


def pixels(images: np.ndarray) -> np.ndarray:
    """Return the pixels themselves: (image, y · x)."""
    return images.reshape(len(images), -1)


def luminance(images: np.ndarray) -> np.ndarray:
    """Return the mean gray value: (image, 1)."""
    return pixels(images).mean(axis=1, keepdims=True)


def contrast(images: np.ndarray) -> np.ndarray:
    """Return the standard deviation of the gray values (root-mean-square contrast): (image, 1)."""
    return pixels(images).std(axis=1, keepdims=True)


def gabor_raw(images: np.ndarray) -> np.ndarray:
    """Return Gabor energies as they are, so that strong channels and places dominate, as loud cells do."""
    return pixels(gabor_energy(images, _block(images)))


def gabor(images: np.ndarray) -> np.ndarray:
    """Return Gabor energies, each channel and place z-scored over the images."""
    return _z_scored(gabor_raw(images))


def random_convolution(images: np.ndarray) -> np.ndarray:
    """Return 64 random 9x9 filters (normal weights, mean removed, seeded), rectified, pooled like the Gabor energy."""
    generator = np.random.default_rng(RANDOM_SEED)
    shape = (N_RANDOM_FILTERS, RANDOM_FILTER_SIZE, RANDOM_FILTER_SIZE)
    filters = generator.standard_normal(shape)
    filters -= filters.mean(axis=(1, 2), keepdims=True)
    size = [fft.next_fast_len(n, real=True) for n in images.shape[1:]]
    spectrum = fft.rfft2(images, size)
    inside = np.s_[:, RANDOM_FILTER_SIZE - 1 : images.shape[1], RANDOM_FILTER_SIZE - 1 : images.shape[2]]
    maps = (fft.irfft2(spectrum * fft.rfft2(kernel, size), size)[inside] for kernel in filters)
    block = max(1, _block(images) * 7 // 8)  # the valid part of the image is a little smaller
    return pixels(np.stack([block_mean(np.maximum(m, 0), block) for m in maps], axis=1))


def _block(images: np.ndarray) -> int:
    height, width = images.shape[1:]
    return max(1, height // N_BLOCKS) if height == width else REFERENCE_BLOCK


def _z_scored(patterns: np.ndarray) -> np.ndarray:
    spread = patterns.std(axis=0)
    return (patterns - patterns.mean(axis=0)) / np.where(spread > 0, spread, 1)


BASELINES: dict[str, Baseline] = {
    "pixels": Baseline(pixels),
    "pixels-reference": Baseline(pixels, reference=True),
    "luminance": Baseline(luminance, distance="euclidean"),
    "contrast": Baseline(contrast, distance="euclidean"),
    "random-conv": Baseline(random_convolution),
    "gabor": Baseline(gabor),
    "gabor-raw": Baseline(gabor_raw),
    "gabor-reference": Baseline(gabor, reference=True),
}


def baseline_patterns(name: str, images: np.ndarray) -> np.ndarray:
    """Return what a baseline makes of images.

    Parameters
    ----------
    name : str
        One of `BASELINES`.
    images : array, (image, y, x), in [0, 1]

    Returns
    -------
    array, (image, unit)
    """
    if name not in BASELINES:
        raise unknown("baseline", name, BASELINES)
    return BASELINES[name].patterns(images)
