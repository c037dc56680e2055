"""Modifiers that any level takes: membrane noise, refractoriness, delays, weight noise, weight quantisation.

Noise of weights is drawn in numpy: one seed, one network, on every backend. Membrane noise is drawn by Brian2 while it runs,
which needs too many numbers to be injected: one seed gives the same noise on one backend, and other noise on another.
A sequence that is simulated in parts draws other noise in every part, by a seed made of the given one and the part's number:
one seed and the same number of processes give the same noise.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
from brian2 import ms, mV, second

from bio.levels import Level, Population
from bio.levels.lif import UNIT
from study.network import LIF, Layer, Network, Neuron, Recurrent


@dataclasses.dataclass(frozen=True)
class Modifiers:
    """What is changed about a level or its weights.

    Parameters
    ----------
    noise_mv : float
        Standard deviation of the membrane potential that the noise alone would cause in a leaky membrane that does not
        fire: white noise, and so an Ornstein-Uhlenbeck process of the trained time constant.
    delay_ms : float
        Of every synapse.
    refractory_ms : float, optional
        Silence after a spike; the level's own when absent.
    weight_noise : float
        Every weight is multiplied by 1 + weight_noise · N(0, 1). Kernels are shared: one draw per kernel entry.
    weight_bits : int, optional
        Weights are rounded to a symmetric grid of 2^bits - 1 values that ends at the largest weight of the connection.
    seed : int

    Raises
    ------
    ValueError
        For a value out of range.
    """

    noise_mv: float = 0.0
    delay_ms: float = 0.0
    refractory_ms: float | None = None
    weight_noise: float = 0.0
    weight_bits: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("noise_mv", "delay_ms", "weight_noise"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} is {value:g}; a finite number of at least 0 is needed.")
        if self.refractory_ms is not None and not 0 < self.refractory_ms < math.inf:
            raise ValueError(f"refractory_ms is {self.refractory_ms:g}; more than 0 is needed.")
        if self.weight_bits is not None and not 2 <= self.weight_bits <= 16:
            raise ValueError(f"weight_bits is {self.weight_bits}; allowed are 2 to 16.")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"seed is {self.seed}; allowed are 0 to 2^32 - 1.")

    def name(self, level: str) -> str:
        """Return a name such as `coba+noise2mV+delay1ms`; the level's own if nothing is changed."""
        parts = [
            f"noise{self.noise_mv:g}mV" if self.noise_mv else "",
            f"delay{self.delay_ms:g}ms" if self.delay_ms else "",
            f"refractory{self.refractory_ms:g}ms" if self.refractory_ms else "",
            f"weightnoise{self.weight_noise:g}" if self.weight_noise else "",
            f"bits{self.weight_bits}" if self.weight_bits else "",
        ]
        return "+".join([level, *filter(None, parts)])


def modify_level(level: Level, modifiers: Modifiers, step_ms: float) -> Level:
    """Return the level with noise, delays and refractoriness.

    Parameters
    ----------
    level : Level
    modifiers : Modifiers
    step_ms : float
        Duration of a network step.

    Raises
    ------
    ValueError
        If the level cannot express a modifier.
    """
    delay_steps = modifiers.delay_ms / step_ms
    if delay_steps and level.latency_steps:
        raise ValueError(
            f"level {level.name} hands spikes on when a network step ends and cannot express a delay of "
            f"{modifiers.delay_ms:g} ms; use level cuba or higher."
        )
    if not level.subdivides:
        if abs(delay_steps - round(delay_steps)) > 1e-3:
            raise ValueError(
                f"level {level.name} has one time step per network step of {step_ms:g} ms, so a delay of "
                f"{modifiers.delay_ms:g} ms does not fit; give a multiple or use level cuba or higher."
            )
        delay_steps = float(round(delay_steps))

    def population(neuron: Neuron, step_ms: float) -> Population:
        texts = level.population(neuron, step_ms)
        if isinstance(neuron, LIF) and modifiers.refractory_ms:
            texts = _refractory(level, texts, modifiers.refractory_ms, step_ms)
        if isinstance(neuron, LIF) and modifiers.noise_mv:
            texts = _noisy(level, texts, neuron, modifiers.noise_mv, step_ms)
        return texts

    return dataclasses.replace(
        level,
        name=modifiers.name(level.name),
        population=population,
        pathways=tuple(
            dataclasses.replace(path, delay_steps=path.delay_steps + delay_steps) for path in level.pathways
        ),
        noise_seed=modifiers.seed if modifiers.noise_mv else None,
    )


def _refractory(level: Level, texts: Population, refractory_ms: float, step_ms: float) -> Population:
    if isinstance(texts.refractory, str) and not level.latency_steps:
        raise ValueError(
            f"level {level.name} has the refractoriness of its channels; leave --refractory out."
        )
    if (level.latency_steps or not level.subdivides) and refractory_ms <= step_ms:
        raise ValueError(
            f"level {level.name} fires at most once in a network step of {step_ms:g} ms, so a refractory period of "
            f"{refractory_ms:g} ms changes nothing; give a longer one or use level cuba or higher."
        )
    silence: Any = refractory_ms * ms
    constants = {**texts.namespace, "hour": 3600 * second}
    if isinstance(texts.refractory, str):
        constants["silence"] = silence
        silence = f"{texts.refractory} or t - lastspike < silence"
        # What a step's beginning frees must still wait.
        freed = "not_refractory = not_refractory or t - lastspike >= silence"
        texts = dataclasses.replace(
            texts, step_start=texts.step_start.replace("not_refractory = True", freed)
        )
    onset = {"lastspike": "-1*hour", "not_refractory": "True", **texts.onset}
    return dataclasses.replace(texts, refractory=silence, onset=onset, namespace=constants)


def _noisy(level: Level, texts: Population, neuron: LIF, noise_mv: float, step_ms: float) -> Population:
    """Add the exact update of an Ornstein-Uhlenbeck process of the membrane's time constant."""
    if neuron.decay == 0:
        return texts  # a relay has no membrane
    if neuron.decay == 1:
        raise ValueError(
            f"noise of {noise_mv:g} mV is the spread of a leaky membrane, but a neuron of the network has no leak "
            "(decay 1); leave --noise out."
        )
    spread = noise_mv * mV / UNIT if level.current_unit == "1" else noise_mv * mV
    kick = "v += noise_spread*sqrt(1 - exp(-2*dt/noise_tau))*randn()"
    constants = {
        **texts.namespace,
        "noise_spread": spread,
        "noise_tau": -step_ms / math.log(neuron.decay) * ms,
    }
    update = f"{texts.update}; {kick}" if texts.update else kick
    return dataclasses.replace(texts, update=update, namespace=constants)


def modify_network(network: Network, modifiers: Modifiers) -> Network:
    """Return the network with noisy, then rounded weights."""
    if not modifiers.weight_noise and modifiers.weight_bits is None:
        return network
    rng = np.random.default_rng(modifiers.seed)

    def changed(connection: Any) -> Any:
        weight = getattr(connection, "weight", None)
        if weight is None:
            return connection
        weight = weight * (1 + modifiers.weight_noise * rng.standard_normal(weight.shape))
        if modifiers.weight_bits is not None:
            weight = quantised(weight, modifiers.weight_bits)
        return dataclasses.replace(connection, weight=weight)

    def layer(old: Layer) -> Layer:
        recurrent = tuple(Recurrent(r.source, changed(r.connection)) for r in old.recurrent)
        return dataclasses.replace(old, connection=changed(old.connection), recurrent=recurrent)

    return dataclasses.replace(network, layers=tuple(layer(old) for old in network.layers))


def quantised(weight: np.ndarray, bits: int) -> np.ndarray:
    """Return weights rounded to k · max|w| / (2^(bits-1) - 1), k whole."""
    largest = np.abs(weight).max()
    if largest == 0:
        return weight
    unit = largest / (2 ** (bits - 1) - 1)
    return np.rint(weight / unit) * unit
