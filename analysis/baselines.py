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
POWER_FLOOR = 1e-6  # of the gray scale squared, per pixel: flat images have no power
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
    control : bool
        Cannot be like the mouse unless something is wrong; tested in a family of its own.
    """

    patterns: Callable[[np.ndarray], np.ndarray]
    distance: str | None = None
    reference: bool = False
    control: bool = False


def pixels(images: np.ndarray) -> np.ndarray:
    """Return the pixels themselves: (image, y · x)."""
    return images.reshape(len(images), -1)


def luminance(images: np.ndarray) -> np.ndarray:
    """Return the mean gray value: (image, 1)."""
    return pixels(images).mean(axis=1, keepdims=True)


def contrast(images: np.ndarray) -> np.ndarray:
    """Return the standard deviation of the gray values (root-mean-square contrast): (image, 1)."""
    return pixels(images).std(axis=1, keepdims=True)


def spatial_frequency(images: np.ndarray) -> np.ndarray:
    """Return the power in rings of spatial frequency, in decibels: (image, ring).

    Rings are half an octave wide, from one cycle per image height to the Nyquist frequency; the mean is taken away and the
    borders are faded out (Hann window). Phases and orientations are lost.
    """
    height, width = images.shape[1:]
    fade = np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1])
    faded = (images - images.mean(axis=(1, 2), keepdims=True)) * fade
    power = np.abs(fft.fft2(faded)) ** 2
    cycles = np.hypot(fft.fftfreq(height)[:, None], fft.fftfreq(width)) * height
    edges = 2 ** np.arange(0, np.log2(height / 2) + 0.5, 0.5) / 2**0.25
    ring = np.digitize(cycles, edges)
    rings = [r for r in range(1, len(edges)) if (ring == r).any()]
    mean = np.stack([power[:, ring == r].mean(axis=1) for r in rings], axis=1)
    return 10 * np.log10(mean + POWER_FLOOR * height * width)


def gabor_pooled(images: np.ndarray) -> np.ndarray:
    """Return Gabor energies averaged over all places: (image, frequency x orientation)."""
    return gabor_energy(images, _block(images)).mean(axis=(2, 3))


def gabor_raw(images: np.ndarray) -> np.ndarray:
    """Return Gabor energies as they are, so that strong channels and places dominate, as loud cells do."""
    return pixels(gabor_energy(images, _block(images)))


def gabor(images: np.ndarray) -> np.ndarray:
    """Return Gabor energies, each channel and place z-scored over the images."""
    return _z_scored(gabor_raw(images))


def gabor_shifted(images: np.ndarray) -> np.ndarray:
    """Return the Gabor energies of the next image (frame number + 1, the first after the last): a negative control."""
    return np.roll(gabor(images), -1, axis=0)


def pixels_shifted(images: np.ndarray) -> np.ndarray:
    """Return the pixels of the next image: a negative control."""
    return np.roll(pixels(images), -1, axis=0)


def gabor_shuffled(images: np.ndarray) -> np.ndarray:
    """Return Gabor energies with shuffled image labels (seeded): a negative control."""
    return gabor(images)[np.random.default_rng(RANDOM_SEED).permutation(len(images))]


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
    "gabor-pooled": Baseline(gabor_pooled),
    "spatial-frequency": Baseline(spatial_frequency),
    "pixels-shifted": Baseline(pixels_shifted, control=True),
    "gabor-shifted": Baseline(gabor_shifted, control=True),
    "gabor-shuffled": Baseline(gabor_shuffled, control=True),
}
OTHER_HALF = (
    "other-half"  # the positive control, made from a recording's single trials: see `ceiling.unit_halves`
)
CONTROLS = frozenset({name for name, baseline in BASELINES.items() if baseline.control} | {OTHER_HALF})


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
