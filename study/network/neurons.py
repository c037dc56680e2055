"""Neurons: how a layer's currents become its outputs."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from study.commands import unknown
from study.network.arrays import check_finite, frozen_array


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


@dataclasses.dataclass(frozen=True)
class CubaLIF:
    """LIF behind a synaptic current that decays, every parameter per unit; hard reset.

    A[t] = decay_syn A[t-1] + gain_syn I[t];   H[t] = decay V[t-1] + gain A[t];   S[t] = H[t] > v_threshold;
    V[t] = v_reset where S[t], else H[t];   A[0] = V[0] = 0.

    With decay_syn = 0 and gain_syn = 1 it is a `LIF` whose parameters differ from unit to unit.

    Parameters
    ----------
    decay_syn, gain_syn, decay, gain, v_threshold, v_reset : array, (n_units,)
        Dimensionless; decays per step, 0 to 1.
    """

    decay_syn: np.ndarray
    gain_syn: np.ndarray
    decay: np.ndarray
    gain: np.ndarray
    v_threshold: np.ndarray
    v_reset: np.ndarray
    kind: ClassVar[str] = "cuba_lif"

    def __post_init__(self) -> None:
        _check_arrays(self)


@dataclasses.dataclass(frozen=True)
class CubaLI:
    """Membrane that never fires, behind a synaptic current that decays; every parameter per unit.

    A[t] = decay_syn A[t-1] + gain_syn I[t];   U[t] = v_rest + decay (U[t-1] - v_rest) + gain A[t];   A[0] = 0,
    U[0] = v_rest. Its output is U.

    Parameters
    ----------
    decay_syn, gain_syn, decay, gain, v_rest : array, (n_units,)
        Dimensionless; decays per step, 0 to 1.
    """

    decay_syn: np.ndarray
    gain_syn: np.ndarray
    decay: np.ndarray
    gain: np.ndarray
    v_rest: np.ndarray
    kind: ClassVar[str] = "cuba_li"

    def __post_init__(self) -> None:
        _check_arrays(self)


def _check_arrays(neuron: CubaLIF | CubaLI) -> None:
    sizes = set()
    for field in dataclasses.fields(neuron):
        array = frozen_array(getattr(neuron, field.name), f"{field.name} of {neuron.kind}", 1)
        object.__setattr__(neuron, field.name, array)
        sizes.add(len(array))
        if field.name.startswith("decay") and len(array):
            _check_decay(array.min())
            _check_decay(array.max())
    if len(sizes) > 1:
        raise ValueError(f"{neuron.kind}: parameters for {sorted(sizes)} units; all must have one per unit.")


def _check_decay(decay: float) -> None:
    if not 0 <= decay <= 1:
        raise ValueError(f"decay is {decay}; allowed is 0 to 1 (the share of the membrane kept per step).")


def _check_rule(rule: str) -> None:
    if rule not in (">", ">="):
        raise unknown("threshold rule", rule, (">", ">="))


Spiking = LIF | FirstSpike | CubaLIF
Neuron = Spiking | LeakyIntegrator | CubaLI | Current

# Without memory: fires if a spike arrives by a weight of 1.
RELAY = LIF(decay=0.0, gain=1.0, v_threshold=0.5)
