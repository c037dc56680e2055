"""What a network's last layer means, by its role: frames and images, scores and decisions, latents."""

from __future__ import annotations

import numpy as np

from bio.decode import decode, first_spike_step, frames
from study.network import AttentionScoring, LastFrame, MeanFrames, Network

Named = dict[str, tuple[tuple[str, ...], np.ndarray]]
STEPS, UNITS = ("stimulus", "repeat", "step", "unit"), ("stimulus", "repeat", "unit")
UNDECIDED = -1  # no readout unit fired


def read_out(network: Network, values: np.ndarray) -> Named:
    """Name what the last layer gave, as `study.responses.Responses.readout` wants it.

    Parameters
    ----------
    network : Network
    values : array, (stimulus, repeat, step, unit)
        Dimensionless current or membrane; 0/1 where the readout spikes.

    Returns
    -------
    dict of str to (axes, array)
        Of a generator `frame` or, where the nonlinearity acts on the sum, `current`, and `image`. Of a critic
        `voltage` and `score`, the membrane after the last step divided by T, averaged over units. With a decision,
        `score` per unit (membrane after the last step, number of spikes, or step of the first, T if silent) and
        `decision`, the best unit, the first of equals; -1 where none fired. Of an encoder `voltage` and `latent`, the
        membrane after the last step, or `rate`, spikes per step.
    """
    spiking = network.readout.spikes
    if network.role == "generator" and not spiking:
        return _images(network, values)
    if network.role == "generator" and network.decoder is not None:
        return {"image": (UNITS, decode(network.decoder, values))}
    if network.role == "classifier" or (network.role == "critic" and spiking):
        return _decision(network, values)
    if network.role == "critic":
        score = values[:, :, -1].mean(axis=-1) / network.n_steps
        return {"voltage": (STEPS, values), "score": (UNITS[:2], score)}
    if spiking:
        return {"rate": (UNITS, values.mean(axis=-2))}
    return {"voltage": (STEPS, values), "latent": (UNITS, values[:, :, -1])}


def _images(network: Network, values: np.ndarray) -> Named:
    decoder = network.decoder
    of_frames = decoder is None or isinstance(decoder, LastFrame | MeanFrames | AttentionScoring)
    if of_frames or getattr(decoder, "activation", "") == "sigmoid_frames":
        named: Named = {"frame": (STEPS, frames(values))}
    else:
        named = {"current": (STEPS, values)}
    if decoder is not None:
        named["image"] = (UNITS, decode(decoder, values))
    return named


def _decision(network: Network, values: np.ndarray) -> Named:
    if network.decision == "membrane":
        score = values[:, :, -1]
        best = score.argmax(axis=-1)
        return {"voltage": (STEPS, values), "score": (UNITS, score), "decision": (UNITS[:2], best)}
    fired = values.any(axis=(-2, -1))
    if network.decision == "spike_count":
        score = values.sum(axis=-2)
        best = score.argmax(axis=-1)
    else:
        score = first_spike_step(values).astype(np.float64)
        best = score.argmin(axis=-1)
    return {"score": (UNITS, score), "decision": (UNITS[:2], np.where(fired, best, UNDECIDED))}
