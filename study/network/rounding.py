"""Weights on a dyadic grid: sums of multiples of 2^-b are exact in any order while they fit the significand."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from study.network.connections import Weighted
from study.network.layer import Layer
from study.network.network import Network


def round_to_grid(network: Network, bits: int) -> Network:
    """Return `network` with every weight and drive rounded to the nearest multiple of 2^-bits.

    Synaptic sums then do not depend on the order of summation, in float32 as long as they stay below 2^(24 - bits).

    Parameters
    ----------
    network : Network
    bits : int
        1 to 20.

    Raises
    ------
    ValueError
        If bits is out of range.
    """
    if not 1 <= bits <= 20:
        raise ValueError(f"bits is {bits}; allowed is 1 to 20: weights become multiples of 2^-bits.")
    layers = tuple(_round_layer(layer, 2.0**bits) for layer in network.layers)
    return dataclasses.replace(network, layers=layers)


def _round_layer(layer: Layer, grid: float) -> Layer:
    return dataclasses.replace(
        layer,
        connection=_round_weight(layer.connection, grid),
        drive=np.rint(layer.drive * grid) / grid,
        recurrent=tuple(
            dataclasses.replace(r, connection=_round_weight(r.connection, grid)) for r in layer.recurrent
        ),
    )


def _round_weight(connection: Any, grid: float) -> Any:
    if isinstance(connection, Weighted):
        return dataclasses.replace(connection, weight=np.rint(connection.weight * grid) / grid)
    return connection
