"""Stimuli files as a network's input."""

from __future__ import annotations

import numpy as np

from study.network import Network
from study.stimuli import Stimuli


def network_input(
    network: Network, stimuli: Stimuli, limit: int | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return (values, stimulus ids, draws beside them or None) as `bio.simulate` takes them.

    Parameters
    ----------
    network : Network
    stimuli : Stimuli
    limit : int, optional
        Only so many, from the first.

    Raises
    ------
    ValueError
        If the network takes another kind, or spike trains of another length.
    """
    kind = _kind(network)
    if stimuli.kind != kind:
        held, taken = (name if name.endswith("s") else f"{name}s" for name in (stimuli.kind, kind))
        raise ValueError(
            f"the stimuli file holds {held}, but this {network.role} takes {taken}; give another file."
        )
    values = stimuli.values[:limit]
    if kind == "image" and values.ndim == 4:
        values = np.moveaxis(values, -1, 1)
    if kind == "spikes" and values.ndim == 3:
        values = _unfold(network, values)
    draws = None if stimuli.draws is None else stimuli.draws[:limit]
    return values, stimuli.stimulus[:limit], draws


def _kind(network: Network) -> str:
    if network.input in ("spikes", "draws"):
        return network.input
    return "latent" if len(network.input_shape) == 1 else "image"


def _unfold(network: Network, values: np.ndarray) -> np.ndarray:
    """Return trains of units in one axis as (stimulus, step, *input_shape)."""
    n_units = int(np.prod(network.input_shape))
    if values.shape[2] != n_units:
        raise ValueError(
            f"spike trains of {values.shape[2]} units, but the {network.role} takes {n_units}, {network.input_shape}."
        )
    return values.reshape(*values.shape[:2], *network.input_shape)
