"""Neurons that scan over time; everything else in a network treats time as part of the batch.

The update rules are those of `study.network` (LIF, LeakyIntegrator, Current), written there once as equations; how they run, `trained.scan`.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from study.network import LIF, Current, FirstSpike, LeakyIntegrator, Neuron
from trained.scan import scan
from trained.scan_plain import Rule, fires, reset
from trained.surrogate import Surrogate, build_surrogate


class Membrane(nn.Module):
    """The neurons of one layer.

    Parameters
    ----------
    neuron : LIF, LeakyIntegrator or Current
        Its equations and constants, see `study.network`; those that are learned start there.
    surrogate : str or Surrogate
        Name in `trained.surrogate.SURROGATES`, or one with constants of its own.
    detach_reset : bool
        Whether the reset takes the spike as a constant going backward (SGAD, PLIF, ALIF), or passes its gradient (Fully Spiking VAE).
    learn_decay : bool
        Parametric LIF (Fang et al. 2021, arXiv 2007.05785): decay = 1 - σ(w), gain = σ(w), one w per layer. A gain that is not
        1 - decay at the start stays as it is.
    learn_threshold : bool
        v_threshold is a parameter, one per layer; with `learn_decay` the ALIF neuron of Qiu et al. 2023 (arXiv 2406.03046; starts at 0.5).

    Raises
    ------
    ValueError
        For an unknown surrogate, or a neuron that cannot be scanned or lacks what shall be learned.
    """

    decay_weight: nn.Parameter | None
    v_threshold: nn.Parameter | None

    def __init__(
        self,
        neuron: Neuron,
        surrogate: str | Surrogate = "atan",
        detach_reset: bool = True,
        learn_decay: bool = False,
        learn_threshold: bool = False,
    ):
        super().__init__()
        if isinstance(neuron, FirstSpike):
            raise ValueError(f"{neuron} in a Membrane; its times are learned by `trained.ttfs`.")
        self._neuron = neuron
        self.surrogate = build_surrogate(surrogate) if isinstance(surrogate, str) else surrogate
        self.detach_reset = detach_reset
        self.register_parameter("decay_weight", _decay_weight(neuron) if learn_decay else None)
        self.register_parameter("v_threshold", _threshold(neuron) if learn_threshold else None)

    @property
    def neuron(self) -> Neuron:
        """The neuron with the constants that it has now, learned ones included."""
        constants = self._constants()
        return self._neuron if constants is None else self._with(constants)

    def _constants(self) -> Tensor | None:
        """Return decay, gain and v_threshold, (3,), if one is learned.

        In float64 whatever the weights are, so that a layer that was converted to float64 has the exported constants.
        """
        learned = next(self.parameters(), None)
        if learned is None:
            return None
        neuron: Any = self._neuron
        fixed = (neuron.decay, neuron.gain, getattr(neuron, "v_threshold", 0.0))
        decay, gain, threshold = torch.tensor(fixed, dtype=torch.float64).to(learned.device)
        if self.decay_weight is not None:
            share = torch.sigmoid(self.decay_weight.double())
            decay, gain = 1 - share, share if _complementary(neuron) else gain
        if self.v_threshold is not None:
            threshold = self.v_threshold.double()
        return torch.stack([decay, gain, threshold])

    def _with(self, constants: Tensor) -> LIF | LeakyIntegrator:
        decay, gain, threshold = constants.tolist()
        if isinstance(self._neuron, LIF):
            return dataclasses.replace(self._neuron, decay=decay, gain=gain, v_threshold=threshold)
        return LeakyIntegrator(decay, gain)

    def forward(
        self, current: Float[Tensor, "time batch *unit"], n_steps: int | None = None
    ) -> Float[Tensor, "steps batch *unit"]:
        """Return spikes (0 or 1), membrane or current at every step; the membrane starts at 0.

        A current of one step with `n_steps` is the same at all of them. Spikes have the current's type; what is not 0 or 1 is float32
        at least, since 16 bits are too few for scores and images.
        """
        if not isinstance(self._neuron, LIF) and current.dtype.itemsize < 4:
            current = current.float()
        if isinstance(self._neuron, Current):
            return current if n_steps is None else current.expand(n_steps, *current.shape[1:])
        constants = self._constants()
        neuron: Any = self._neuron if constants is None else self._with(constants)
        return scan(current, Rule(neuron, self.surrogate, self.detach_reset), n_steps, constants)

    def extra_repr(self) -> str:
        """Name the neuron model and its constants, and how gradients pass."""
        return f"{self.neuron}, {self.surrogate}, detach_reset={self.detach_reset}"


def _complementary(neuron: LIF | LeakyIntegrator) -> bool:
    return math.isclose(neuron.gain, 1 - neuron.decay)


def _decay_weight(neuron: Neuron) -> nn.Parameter:
    """Return w with 1 - σ(w) = decay."""
    if not isinstance(neuron, LIF | LeakyIntegrator) or not 0 < neuron.decay < 1:
        raise ValueError(f"learn_decay with {neuron}; a decay above 0 and below 1 is needed to start from.")
    return nn.Parameter(torch.tensor(math.log(1 / neuron.decay - 1)))


def _threshold(neuron: Neuron) -> nn.Parameter:
    if not isinstance(neuron, LIF):
        raise ValueError(f"learn_threshold with {neuron}; only LIF has a threshold to learn.")
    return nn.Parameter(torch.tensor(float(neuron.v_threshold)))


__all__ = ["LIF", "Current", "LeakyIntegrator", "Membrane", "fires", "reset"]
