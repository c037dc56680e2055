"""Energy of Gabor filters: what a simple-minded V1 sees.

Source: Adelson & Bergen 1985, doi 10.1364/JOSAA.2.000284 (energy: the modulus of a quadrature pair).
"""

from __future__ import annotations

import numpy as np
from scipy import fft, ndimage

# Cycles per pixel and orientations. Together with the two values below they reproduce the reference table of 21 sites
# (docs/methods.md) on 92x117 scenes.
FREQUENCIES = (0.04, 0.08, 0.16, 0.32)
N_ORIENTATIONS = 6
NORMALISING_SIGMA = 8 / 92  # of the local mean and contrast, as a fraction of the image height
CONTRAST_FLOOR = 0.01  # of the gray scale: keeps noise in flat patches small
# For a bandwidth of one octave: sigma · frequency = sqrt(ln 2 / 2) / pi · (2 + 1) / (2 - 1)
SIGMA_CYCLES = np.sqrt(np.log(2) / 2) / np.pi * 3


def normalise_contrast(images: np.ndarray, sigma: float) -> np.ndarray:
    """Return images minus their local mean, divided by their local standard deviation.

    Parameters
    ----------
    images : array, (image, y, x), in [0, 1]
    sigma : float
        Of the Gaussian neighbourhood, in pixels.
    """
    deviation = images - ndimage.gaussian_filter(images, (0, sigma, sigma))
    contrast = np.sqrt(ndimage.gaussian_filter(deviation**2, (0, sigma, sigma)))
    return deviation / (contrast + CONTRAST_FLOOR)


def gabor_filter(frequency: float, angle: float) -> np.ndarray:
    """Return a complex Gabor filter of one octave bandwidth, cut at three standard deviations.

    g(x, y) = exp(-(x² + y²) / 2σ²) / (2πσ²) · exp(2πi f (x cos θ + y sin θ))

    Parameters
    ----------
    frequency : float
        f, cycles per pixel.
    angle : float
        θ, radians.

    Returns
    -------
    complex array, (y, x), odd sides
    """
    sigma = SIGMA_CYCLES / frequency
    # the window that scikit-image's gabor_kernel uses, so that the numbers agree with it
    reach = int(np.ceil(max(3 * sigma * max(abs(np.cos(angle)), abs(np.sin(angle))), 1)))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    envelope = np.exp(-(x**2 + y**2) / (2 * sigma**2)) / (2 * np.pi * sigma**2)
    return envelope * np.exp(2j * np.pi * frequency * (x * np.cos(angle) + y * np.sin(angle)))


def block_mean(images: np.ndarray, block: int) -> np.ndarray:
    """Return means over blocks of `block` x `block` pixels; what does not fill a block is cut off."""
    height, width = images.shape[1] // block, images.shape[2] // block
    cut = images[:, : height * block, : width * block]
    return cut.reshape(-1, height, block, width, block).mean(axis=(2, 4))


def gabor_energy(images: np.ndarray, block: int) -> np.ndarray:
    """Return the pooled Gabor energy of contrast-normalised images.

    Parameters
    ----------
    images : array, (image, y, x), in [0, 1]
    block : int
        Pooling, pixels.

    Returns
    -------
    array, (image, channel, block row, block column), 0 or more
        Channels by frequency, then by orientation; outside the image there is the local mean (zero).
    """
    normalised = normalise_contrast(images, NORMALISING_SIGMA * images.shape[1])
    angles = np.pi * np.arange(N_ORIENTATIONS) / N_ORIENTATIONS
    filters = [gabor_filter(f, a) for f in FREQUENCIES for a in angles]
    largest = max(g.shape[0] for g in filters)
    height, width = images.shape[1:]
    size = [fft.next_fast_len(n + largest - 1) for n in (height, width)]
    spectrum = fft.fft2(normalised, size)
    channels = []
    for kernel in filters:
        answer = fft.ifft2(spectrum * fft.fft2(kernel, size))
        start = kernel.shape[0] // 2
        energy = np.abs(answer[:, start : start + height, start : start + width])
        channels.append(block_mean(energy, block))
    return np.stack(channels, axis=1)
