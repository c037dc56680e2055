"""Decoders of `study.network` in numpy: from a generator's frames to one image."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import expit, softmax

from study.network import AttentionScoring, Decoder, LastFrame, MeanFrames


def frames(current: np.ndarray) -> np.ndarray:
    """Return X = 1/(1 + exp(-current)), in [0, 1], of any shape."""
    return expit(current)


def decode(decoder: Decoder, frame: np.ndarray) -> np.ndarray:
    """Turn frames into one image.

    Parameters
    ----------
    decoder : LastFrame, MeanFrames or AttentionScoring
        Equations in `study.network`.
    frame : array, (..., step, unit)
        In [0, 1].

    Returns
    -------
    array, (..., unit)
        In [0, 1].
    """
    return DECODERS[decoder.kind](decoder, frame)


def _last(decoder: LastFrame, frame: np.ndarray) -> np.ndarray:
    return frame[..., -1, :]


def _mean(decoder: MeanFrames, frame: np.ndarray) -> np.ndarray:
    return frame.mean(axis=-2)


def _attention(decoder: AttentionScoring, frame: np.ndarray) -> np.ndarray:
    def project(weight: np.ndarray, bias: np.ndarray, image: np.ndarray) -> np.ndarray:
        return image @ weight.T + bias

    image = frame[..., 0, :]
    for step in range(1, frame.shape[-2]):
        new = frame[..., step, :]
        query = project(
            decoder.weight_query, decoder.bias_query, image if decoder.query == "previous" else new
        )
        scores = [
            (query * project(decoder.weight_key, decoder.bias_key, key)).sum(axis=-1) for key in (image, new)
        ]
        share = softmax(np.stack(scores, axis=-1) / np.sqrt(query.shape[-1]), axis=-1)
        image = share[..., :1] * image + share[..., 1:] * new
    return image


# One line per decoder: its `kind` and its function.
DECODERS: dict[str, Callable[..., np.ndarray]] = {
    LastFrame.kind: _last,
    MeanFrames.kind: _mean,
    AttentionScoring.kind: _attention,
}
