"""Decoders of `study.network` in numpy: from what a generator's readout does over time to one image."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import expit, softmax

from study.network import (
    AttentionScoring,
    Decoder,
    FirstSpikeTime,
    LastFrame,
    MeanFrames,
    SpikeRate,
    TemporalAttention,
    WeightedSum,
)


def frames(signal: np.ndarray) -> np.ndarray:
    """Return X = 1/(1 + exp(-signal)), in [0, 1], of any shape."""
    return expit(signal)


def decode(decoder: Decoder, signal: np.ndarray) -> np.ndarray:
    """Turn the readout's output S[t] into one image.

    Parameters
    ----------
    decoder : Decoder
        Equations in `study.network.decoders`.
    signal : array, (..., step, unit)
        Current or membrane, dimensionless; 0/1 spikes for `FirstSpikeTime` and `SpikeRate`.

    Returns
    -------
    array, (..., unit)
        In [0, 1] (weighted sums of frames with weights that do not sum to 1 can leave it).
    """
    return DECODERS[decoder.kind](decoder, signal)


def first_spike_step(spikes: np.ndarray) -> np.ndarray:
    """Return the step, from 0, of every unit's first spike, (..., unit) from (..., step, unit); T where none."""
    fired = spikes > 0
    return np.where(fired.any(axis=-2), fired.argmax(axis=-2), spikes.shape[-2])


def _last(decoder: LastFrame, signal: np.ndarray) -> np.ndarray:
    return frames(signal[..., -1, :])


def _mean(decoder: MeanFrames, signal: np.ndarray) -> np.ndarray:
    return frames(signal).mean(axis=-2)


def _weighted_sum(decoder: WeightedSum, signal: np.ndarray) -> np.ndarray:
    summed = _before_sum(decoder.activation, signal)
    return _after_sum(decoder.activation, np.einsum("t,...tu->...u", decoder.weights, summed))


def _temporal_attention(decoder: TemporalAttention, signal: np.ndarray) -> np.ndarray:
    before = _before_sum(decoder.activation, signal)
    channels = before.reshape(*before.shape[:-1], decoder.n_channels, -1)
    gate = expit(np.einsum("ts,...sc->...tc", decoder.weight, channels.mean(axis=-1)))
    summed = (gate[..., None] * channels).sum(axis=-3)
    return _after_sum(decoder.activation, summed.reshape(*signal.shape[:-2], -1))


def _before_sum(activation: str, signal: np.ndarray) -> np.ndarray:
    return frames(signal) if activation == "sigmoid_frames" else signal


def _after_sum(activation: str, summed: np.ndarray) -> np.ndarray:
    if activation == "tanh_sum":
        return (np.tanh(summed) + 1) / 2
    return expit(summed) if activation == "sigmoid_sum" else summed


def _first_spike_time(decoder: FirstSpikeTime, spikes: np.ndarray) -> np.ndarray:
    n_steps = spikes.shape[-2]
    late = (first_spike_step(spikes) - decoder.first_step) / (n_steps - decoder.first_step)
    return 1 - np.maximum(late, 0)


def _spike_rate(decoder: SpikeRate, spikes: np.ndarray) -> np.ndarray:
    return spikes.mean(axis=-2)


def _attention(decoder: AttentionScoring, signal: np.ndarray) -> np.ndarray:
    def project(weight: np.ndarray, bias: np.ndarray, image: np.ndarray) -> np.ndarray:
        if decoder.weight_features is not None:
            image = np.maximum(image @ decoder.weight_features.T + decoder.bias_features, 0)
        return image @ weight.T + bias

    frame = frames(signal)
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
    WeightedSum.kind: _weighted_sum,
    TemporalAttention.kind: _temporal_attention,
    FirstSpikeTime.kind: _first_spike_time,
    SpikeRate.kind: _spike_rate,
    AttentionScoring.kind: _attention,
}
