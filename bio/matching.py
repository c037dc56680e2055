"""Matching: one gain and one bias per layer, so that every layer fires as often as at level `exact`.

The current into a layer becomes gain · (weights and drive) + bias, in the units of the trained network. Weights, drives and
the analog input are multiplied alike: the network stays the same up to these numbers. Nothing is matched in a readout.

Two numbers, because inputs differ: a gain that brings the mean over inputs right leaves those that drive a layer weakly nearly
silent and lets the others fire too often, so that it is right for no other set of inputs. Rates are therefore matched for the
half of the inputs that drive the layer least at level `exact` and for the other half, each by itself.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from study.files import require_file, write_text
from study.network import Layer, Network, Recurrent, network_hash

TOLERANCE = 0.02  # matched to this share of the rate; the floor on held-out inputs is 0.1
HALVES_TOLERANCE = 0.05  # of the logarithm of either half's rate
QUIET = 0.05  # share of the layer's rate that is added before the logarithm: a silent half is no catastrophe
# Of log rate of the (weakly, strongly) driven half on (log gain, bias): about what was found for the layers of SGAD. Newton
# starts from it, and learns what it is by Broyden's update.
FIRST_SLOPES = ((4.0, 6.0), (2.0, 1.5))
DAMPING = 0.1  # where halves do not differ, two numbers cannot be told apart: the smaller change is taken
ROUNDS = 24  # simulations at most: three layers whose rates are off by a factor of five take up to so many
LARGEST_STEP = (float(np.log(1.6)), 0.3)  # of log gain and bias, in one round
SILENT = 1e-3  # below this share of the rate a slope says nothing


@dataclasses.dataclass(frozen=True)
class Gains:
    """What matching found.

    Parameters
    ----------
    gain, bias : mapping of layer name to float
    level : str
    network_sha256 : str
        `study.network.network_hash` of the network that was matched.
    attributes : mapping of str to str
        Rates, seed and number of inputs, most rounds, whether every layer came within 10 %, provenance.
    """

    gain: Mapping[str, float]
    bias: Mapping[str, float]
    level: str
    network_sha256: str
    attributes: Mapping[str, str]


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


Rates = dict[str, np.ndarray]


def match(
    network: Network,
    target: Rates,
    measure: Callable[[Network], Rates],
    *,
    rounds: int = ROUNDS,
    say: Callable[[str], None] = print,
) -> tuple[dict[str, float], dict[str, float], Rates]:
    """Find a gain and a bias per spiking layer, from input to output.

    In every round all layers are simulated. The first layer that is off is corrected by Broyden's method, and all layers
    behind it by a first guess, since their input will change. A layer is off if its rate differs by more than 2 %, or that of
    the half of inputs that drive it least, or most, by more than 5 % of itself and a twentieth of the layer's.

    Parameters
    ----------
    network : Network
    target : dict of layer name to array, (input,)
        Spikes per neuron and step at level `exact`, for every input.
    measure : callable (network) -> rates
        Simulates the same inputs at the level in question.
    rounds : int
        Simulations at most.
    say : callable (text) -> None

    Returns
    -------
    gain, bias : dict of layer name to float
        Of the round that came nearest.
    rates : dict of layer name to array, (input,)
        Of that round.
    """
    tuned = {name: _Tuned(rates) for name, rates in target.items()}
    best: tuple[float, Any] = (np.inf, None)
    for number in range(rounds):
        gain, bias = ({name: float(fit.value[k]) for name, fit in tuned.items()} for k in (0, 1))
        gain = {name: float(np.exp(value)) for name, value in gain.items()}
        rates = measure(scaled(network, gain, bias))
        say(f"round {number + 1}: {_spoken_round(target, rates, gain, bias)}")
        errors = [tuned[name].error(rates[name]) for name in target]
        if max(errors) < best[0]:
            best = max(errors), (gain, bias, rates)
        off = [name for name, error in zip(target, errors, strict=True) if error > 1]
        if not off:
            break
        for name in list(target)[list(target).index(off[0]) :]:
            tuned[name].correct(rates[name], learn=name == off[0])
    found: tuple[dict[str, float], dict[str, float], Rates] = best[1]
    return found


def _spoken_round(target: Rates, rates: Rates, gain: Mapping[str, float], bias: Mapping[str, float]) -> str:
    return ", ".join(
        f"{name} {rates[name].mean() / target[name].mean():.3f} of exact at gain {gain[name]:.3f} bias {bias[name]:.3f}"
        for name in target
    )


class _Tuned:
    """One layer's gain and bias, `value` = (log gain, bias), and what is known of their effect."""

    def __init__(self, target: np.ndarray) -> None:
        order = np.argsort(target, kind="stable")
        half = max(1, len(order) // 2)
        self.halves = [part for part in (order[:half], order[half:]) if len(part)]
        self.target = target
        self.value = np.zeros(2)
        self.slopes = self.first_slopes()
        self.last: tuple[np.ndarray, np.ndarray] | None = None  # value and misfit of the round before

    def first_slopes(self) -> np.ndarray:
        """Return the first guess; what a share of the gain does is in proportion to the gain."""
        return np.array(FIRST_SLOPES[-len(self.halves) :]) * (np.exp(self.value[0]), 1.0)

    def misfit(self, rates: np.ndarray) -> np.ndarray:
        """Return log(rate / target) of the halves."""
        quiet = QUIET * self.target.mean()
        logs = [
            np.log((rates[half].mean() + quiet) / (self.target[half].mean() + quiet)) for half in self.halves
        ]
        return np.array(logs)

    def error(self, rates: np.ndarray) -> float:
        """Return by how many tolerances the layer is off."""
        whole = abs(rates.mean() / self.target.mean() - 1) / TOLERANCE
        return float(max(whole, np.abs(self.misfit(rates)).max() / HALVES_TOLERANCE))

    def correct(self, rates: np.ndarray, learn: bool) -> None:
        """Move gain and bias; `learn` from the round before if the layer's input was the same."""
        if rates.mean() < SILENT * self.target.mean():
            self.value[1] += 0.25
            self.last = None
            return
        misfit = self.misfit(rates)
        if learn and self.last is not None:
            moved, changed = self.value - self.last[0], misfit - self.last[1]
            if moved.any():
                self.slopes += np.outer(changed - self.slopes @ moved, moved) / (moved @ moved)
        if not learn:
            self.slopes = self.first_slopes()
        self.last = (self.value.copy(), misfit) if learn else None
        # Far off, slopes do not say which of the two numbers is wrong: both then go where rates come nearer. Undamped, a layer that
        # fires too often was given less gain and ever more bias, and never came back.
        normal = self.slopes.T @ self.slopes + (DAMPING + misfit @ misfit) * np.eye(2)
        step = np.linalg.solve(normal, -self.slopes.T @ misfit)
        self.value = self.value + step / max(1.0, *(np.abs(step) / LARGEST_STEP))


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
