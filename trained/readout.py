"""What a network's last layer means, by its role: the names that Brian2's responses have, from torch's own outputs."""

from __future__ import annotations

import numpy as np

from study.network import AttentionScoring, LastFrame, MeanFrames, Network
from trained.model import Trace

Named = dict[str, tuple[tuple[str, ...], np.ndarray]]
STEPS, UNITS = ("stimulus", "repeat", "step", "unit"), ("stimulus", "repeat", "unit")
UNDECIDED = -1  # no readout unit fired


def readout_of(network: Network, outputs: Trace) -> Named:
    """Name what the last layer gave, as `bio.readout.read_out` does (tests hold them equal).

    Parameters
    ----------
    network : Network
        The description of the network that was run.
    outputs : dict of str to array
        As `AbstractModel.trace` gives them.

    Returns
    -------
    dict of str to (axes, array)
        `frame` or `current` and `image` of a generator, `image` alone where its pixels are spikes; `voltage` and `score`
        of a critic; `score` and `decision` of a classifier; `rate` or `voltage` and `latent` of an encoder.
    """
    last = network.readout
    values = outputs[last.name if last.spikes else "readout"].transpose(1, 0, 2)[:, None].astype(np.float64)
    if network.role == "generator":
        return _images(network, values, outputs["image"])
    if network.role == "classifier":
        return _decision(network, values)
    if network.role == "critic":
        return {"voltage": (STEPS, values), "score": (UNITS[:2], values[:, :, -1].mean(-1) / network.n_steps)}
    if last.spikes:
        return {"rate": (UNITS, values.mean(axis=-2))}
    return {"voltage": (STEPS, values), "latent": (UNITS, values[:, :, -1])}


def _images(network: Network, values: np.ndarray, image: np.ndarray) -> Named:
    named: Named = {"image": (UNITS, image.reshape(len(image), 1, -1))}
    if network.readout.spikes:
        return named
    decoder = network.decoder
    of_frames = isinstance(decoder, LastFrame | MeanFrames | AttentionScoring)
    if of_frames or getattr(decoder, "activation", "") == "sigmoid_frames":
        return {"frame": (STEPS, 1 / (1 + np.exp(-values))), **named}
    return {"current": (STEPS, values), **named}


def _decision(network: Network, values: np.ndarray) -> Named:
    if network.decision == "membrane":
        score = values[:, :, -1]
        decision = score.argmax(axis=-1)
        return {"voltage": (STEPS, values), "score": (UNITS, score), "decision": (UNITS[:2], decision)}
    fired = values > 0
    if network.decision == "spike_count":
        score = values.sum(axis=-2)
        best = score.argmax(axis=-1)
    else:
        score = np.where(fired.any(axis=-2), fired.argmax(axis=-2), values.shape[-2]).astype(np.float64)
        best = score.argmin(axis=-1)
    return {"score": (UNITS, score), "decision": (UNITS[:2], np.where(fired.any((-2, -1)), best, UNDECIDED))}
