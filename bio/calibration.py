"""Inputs on which levels are matched: never the stimuli of a study, drawn from a stated seed."""

from __future__ import annotations

import json

import numpy as np

from study.images import load_digits, photographs
from study.network import Network

DIGITS = ("digits", "mnist")


def calibration_inputs(network: Network, n: int, seed: int) -> np.ndarray:
    """Draw inputs of the kind that the network was trained on.

    Parameters
    ----------
    network : Network
        With analog input. Its provenance says which images it was trained on.
    n : int
    seed : int
        Different seeds draw different inputs.

    Returns
    -------
    array, (n, *input_shape)
        Latents from N(0, 1) for a generator; for others digits if it was trained on digits, else square patches of the
        photographs that ship inside scikit-image and scikit-learn, in [0, 1].

    Raises
    ------
    ValueError
        If n is below 1 or above the number of digits, the seed is negative, or the network takes neither latents nor images
        of one channel.
    """
    if n < 1:
        raise ValueError(f"the number of calibration inputs is {n}; at least 1 is needed.")
    if seed < 0:
        raise ValueError(f"the seed of the calibration inputs is {seed}; at least 0 is needed.")
    if network.input != "constant":
        raise ValueError(
            f"calibration inputs are analog, but the {network.role} takes {network.input}; use level exact for it."
        )
    rng, shape = np.random.default_rng(seed), network.input_shape
    if network.role == "generator":
        return rng.standard_normal((n, *shape))
    if len(shape) != 3 or shape[0] != 1 or shape[1] != shape[2]:
        raise ValueError(f"calibration images are square and gray, but the {network.role} takes {shape}.")
    if _dataset(network) in DIGITS and shape[1] == 28:
        images, _ = load_digits()
        if n > len(images):
            raise ValueError(
                f"{n} calibration inputs are wanted, but there are {len(images)} digits; give fewer."
            )
        return images[rng.choice(len(images), n, replace=False), None] / 255
    return np.stack([_patch(rng, shape[1]) for _ in range(n)])[:, None]


def _dataset(network: Network) -> str:
    config = json.loads(network.provenance.get("config", "{}"))
    return str(config.get("dataset", ""))


def _patch(rng: np.random.Generator, size: int) -> np.ndarray:
    """Return a square of a random photograph, seen at 1 to 4 times the image size and averaged over areas."""
    pictures = photographs()
    picture = pictures[rng.integers(len(pictures))][1]
    factor = int(rng.integers(1, min(4, min(picture.shape) // size) + 1))
    side = factor * size
    y, x = (int(rng.integers(0, n - side + 1)) for n in picture.shape)
    patch = picture[y : y + side, x : x + side].reshape(size, factor, size, factor).mean(axis=(1, 3))
    return patch[:, ::-1] if rng.random() < 0.5 else patch
