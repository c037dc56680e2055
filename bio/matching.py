"""Gain matching: one factor and, if need be, one bias per layer, so that every layer fires as often as at level `exact`.

The current into a layer becomes gain · (weights and drive) + bias, in the units of the trained network. Weights, drives and
the analog input are multiplied alike: the network stays the same up to these numbers. Nothing is matched in a readout.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from study.files import require_file, write_text
from study.network import Layer, Network, Recurrent

TOLERANCE = 0.02  # matched to this share of the rate; the floor on held-out inputs is 0.1
LARGEST_STEP = np.log(1.6)  # of the logarithm of a gain, in one round
# Of log rate on log gain: 1.7 to 3 in the first layers that were matched; then estimated from two rounds, within bounds.
FIRST_SLOPE, SLOPES = 2.0, (0.3, 4.0)


@dataclasses.dataclass(frozen=True)
class Gains:
    """What matching found.

    Parameters
    ----------
    gain, bias : mapping of layer name to float
    level : str
    network_sha256 : str
        `network_hash` of the network that was matched.
    attributes : mapping of str to str
        Rates, seed, number of inputs, provenance.
    """

    gain: Mapping[str, float]
    bias: Mapping[str, float]
    level: str
    network_sha256: str
    attributes: Mapping[str, str]


def network_hash(network: Network) -> str:
    """Return the sha256 of all weights and drives, in order."""
    digest = hashlib.sha256()
    for layer in network.layers:
        digest.update(layer.name.encode())
        digest.update(layer.drive.tobytes())
        digest.update(getattr(layer.connection, "weight", np.zeros(0)).tobytes())
    return digest.hexdigest()


def apply_gains(network: Network, gains: Gains, level: str) -> Network:
    """Return the network with its currents scaled.

    Raises
    ------
    ValueError
        If the gains were found for another network or level.
    """
    if gains.level != level:
        raise ValueError(
            f"the gains were matched at level {gains.level}, not {level}; match with --level {level}."
        )
    if gains.network_sha256 != network_hash(network):
        raise ValueError(
            f"the gains were matched on another {network.role} than this one; match again with `python -m bio match`."
        )
    return scaled(network, gains.gain, gains.bias)


def scaled(network: Network, gain: Mapping[str, float], bias: Mapping[str, float]) -> Network:
    """Return the network with every layer's current I as gain · I + bias; layers that are not named stay."""
    layers = tuple(
        _scaled(layer, gain.get(layer.name, 1.0), bias.get(layer.name, 0.0)) for layer in network.layers
    )
    return dataclasses.replace(network, layers=layers)


def _scaled(layer: Layer, gain: float, bias: float) -> Layer:
    if gain == 1 and bias == 0:
        return layer

    def times(connection: Any) -> Any:
        if not hasattr(connection, "weight"):  # pooling and picks pass spikes on
            return connection
        return dataclasses.replace(connection, weight=connection.weight * gain)

    return dataclasses.replace(
        layer,
        connection=times(layer.connection),
        drive=layer.drive * gain + bias,
        recurrent=tuple(Recurrent(r.source, times(r.connection)) for r in layer.recurrent),
    )


Rates = dict[str, float]


def match(
    network: Network,
    target: Rates,
    measure: Callable[[Network], Rates],
    *,
    rounds: int = 12,
    say: Callable[[str], None] = print,
) -> tuple[dict[str, float], dict[str, float], Rates]:
    """Find a gain per spiking layer, from input to output.

    In every round all layers are simulated. The first layer whose rate is off by more than 2 % is corrected by the secant of
    log rate on log gain, and all layers behind it by a first guess, since their input will change. A layer that cannot be
    brought there by its gain alone (no gain moves it, or it does not fire) gets a bias.

    Parameters
    ----------
    network : Network
    target : dict of layer name to float
        Spikes per neuron and step at level `exact`.
    measure : callable (network) -> rates
        Simulates at the level in question.
    rounds : int
        Simulations at most.
    say : callable (text) -> None

    Returns
    -------
    gain, bias : dict of layer name to float
    rates : dict of layer name to float
        Of the last simulation.
    """
    gain, bias = dict.fromkeys(target, 1.0), dict.fromkeys(target, 0.0)
    history: dict[str, list[tuple[float, float]]] = {name: [] for name in target}
    rates: Rates = {}
    for number in range(rounds):
        rates = measure(scaled(network, gain, bias))
        say(
            f"round {number + 1}: "
            + ", ".join(f"{n} {rates[n] / target[n]:.3f} of exact at gain {gain[n]:.3f}" for n in target)
        )
        off = [name for name in target if abs(rates[name] / target[name] - 1) > TOLERANCE]
        if not off or number == rounds - 1:
            break
        settled = list(target).index(off[0])
        for name in list(target)[settled:]:
            if name != off[0]:
                history[name].clear()  # what it was given will not be what it will be given
            _correct(name, gain, bias, history[name], rates[name] / target[name])
    return gain, bias, rates


def _correct(
    name: str, gain: dict[str, float], bias: dict[str, float], seen: list[tuple[float, float]], ratio: float
) -> None:
    """Move one layer's gain towards a ratio of 1, or its bias if it is silent."""
    if ratio < 1e-3:
        bias[name] += 0.25
        return
    seen.append((np.log(gain[name]), np.log(ratio)))
    slope = FIRST_SLOPE
    if len(seen) > 1 and seen[-1][0] != seen[-2][0]:
        slope = float(np.clip((seen[-1][1] - seen[-2][1]) / (seen[-1][0] - seen[-2][0]), *SLOPES))
    gain[name] *= float(np.exp(np.clip(-seen[-1][1] / slope, -LARGEST_STEP, LARGEST_STEP)))


def save_gains(gains: Gains, path: str | Path) -> None:
    """Write gains as JSON."""
    write_text(path, json.dumps(dataclasses.asdict(gains), indent=1) + "\n")


def load_gains(path: str | Path) -> Gains:
    """Read gains.

    Raises
    ------
    FileNotFoundError, ValueError
        If the file is absent or holds something else.
    """
    path = require_file(path, "gains", "make them with `python -m bio match`")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        gain = {str(name): float(value) for name, value in found["gain"].items()}
        bias = {str(name): float(value) for name, value in found["bias"].items()}
        return Gains(gain, bias, str(found["level"]), str(found["network_sha256"]), dict(found["attributes"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} does not hold gains ({error}); match again with `python -m bio match`."
        ) from error
