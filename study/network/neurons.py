"""Neurons: how a layer's currents become its outputs."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from study.commands import unknown
from study.network.arrays import check_finite


@dataclasses.dataclass(frozen=True)
class LIF:
    """Leaky integrate-and-fire, one update per step, in this order.

    H[t] = decay V[t-1] + gain I[t];   S[t] = H[t] > v_threshold (or >=);
    hard reset: V[t] = v_reset where S[t], else H[t];   soft reset: V[t] = H[t] - v_threshold S[t].

    V[0] = 0. SGAD's node (tau = 2) is decay = 1 - 1/tau, gain = 1/tau, threshold 1, `>`, hard reset to 0.
    PLIF and ALIF (learned tau, learned threshold) are this with other numbers.

    Parameters
    ----------
    decay, gain, v_threshold, v_reset : float
        Dimensionless; decay per step, 0 to 1.
    reset : "hard" or "soft"
    threshold_rule : ">" or ">="
    """

    decay: float
    gain: float
    v_threshold: float = 1.0
    v_reset: float = 0.0
    reset: str = "hard"
    threshold_rule: str = ">"
    kind: ClassVar[str] = "lif"

    def __post_init__(self) -> None:
        _check_decay(self.decay)
        check_finite("lif", gain=self.gain, v_threshold=self.v_threshold, v_reset=self.v_reset)
        if self.reset not in ("hard", "soft"):
            raise unknown("reset rule", self.reset, ("hard", "soft"))
        _check_rule(self.threshold_rule)


@dataclasses.dataclass(frozen=True)
class FirstSpike:
    """Integrate-and-fire without leak that fires at most once per stimulus (time to first spike).

    V[t] = V[t-1] + I[t], V[0] = 0; S[t] = 1 at the first t with V[t] >= v_threshold (or >), else 0. The neuron of
    Spiking-GAN (Kotariya and Ganguly 2021, arXiv 2106.15420) and, with latency 1 and `>`, of S4NN (Kheradpisheh
    and Masquelier 2020, arXiv 1910.09495).

    Parameters
    ----------
    v_threshold : float
        Dimensionless.
    threshold_rule : ">" or ">="
    """

    v_threshold: float = 1.0
    threshold_rule: str = ">="
    kind: ClassVar[str] = "first_spike"

    def __post_init__(self) -> None:
        check_finite("first_spike", v_threshold=self.v_threshold)
        _check_rule(self.threshold_rule)


@dataclasses.dataclass(frozen=True)
class LeakyIntegrator:
    """Membrane that never fires: U[t] = decay U[t-1] + gain I[t], U[0] = 0. Its output is U."""

    decay: float
    gain: float
    kind: ClassVar[str] = "leaky_integrator"

    def __post_init__(self) -> None:
        _check_decay(self.decay)
        check_finite("leaky_integrator", gain=self.gain)


@dataclasses.dataclass(frozen=True)
class Current:
    """No membrane: the output at step t is the current I[t] itself (a generator's frame before its sigmoid)."""

    kind: ClassVar[str] = "current"


def _check_decay(decay: float) -> None:
    if not 0 <= decay <= 1:
        raise ValueError(f"decay is {decay}; allowed is 0 to 1 (the share of the membrane kept per step).")


def _check_rule(rule: str) -> None:
    if rule not in (">", ">="):
        raise unknown("threshold rule", rule, (">", ">="))


Spiking = LIF | FirstSpike
Neuron = Spiking | LeakyIntegrator | Current

# Without memory: fires if a spike arrives by a weight of 1.
RELAY = LIF(decay=0.0, gain=1.0, v_threshold=0.5)
