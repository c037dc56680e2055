"""Objectives in the time domain: when each output should have fired.

All are L = Σ_j (T_j - t_j)^2 / (2 t_max) with targets T_j; with e_j = (T_j - t_j) / t_max its gradient with respect to
t_j is -e_j, as in equations 5 to 14 of Kotariya and Jain (2021). tau = min_j t_j; i is the true class.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclasses.dataclass(frozen=True)
class Objective:
    """When the true output should fire, and whether the others have targets relative to the first spike.

    Parameters
    ----------
    true : callable
        (tau, advance) -> T_i, not below 0.
    relative : bool
        T_j = max(t_j, tau + margin), at most t_max, for the others; else T_j = t_max.
    """

    true: Callable[[Tensor, float], Tensor]
    relative: bool = True


# S4NN's targets (Kheradpisheh and Masquelier 2020), and candidates of our own for the "Aggressive TTFS" loss of
# Spiking-GAN, whose formula we could not obtain: all of them ask the true output to fire before it does.
OBJECTIVES: dict[str, Objective] = {
    "s4nn": Objective(lambda tau, advance: tau),
    "aggressive-steps": Objective(lambda tau, advance: (tau - advance).clamp(min=0)),
    "aggressive-share": Objective(lambda tau, advance: tau * (1 - advance)),
    "aggressive-zero": Objective(lambda tau, advance: torch.zeros_like(tau)),
    "aggressive-absolute": Objective(lambda tau, advance: torch.zeros_like(tau), relative=False),
}


def targets(
    times: Float[Tensor, "batch class"],
    label: Int[Tensor, " batch"],
    objective: Objective,
    t_max: int,
    margin: float,
    advance: float = 0.0,
) -> Float[Tensor, "batch class"]:
    """Return when each output should have fired.

    Where all outputs are silent, the true one should fire at t_max - margin, as in S4NN, or at its target if that is
    earlier.

    Parameters
    ----------
    times : Tensor
        0 to t_max, t_max for silent.
    label : Tensor
    objective : Objective
    t_max : int
    margin, advance : float
        Steps (or a share).
    """
    tau = times.amin(1, keepdim=True)
    true = objective.true(tau, advance)
    true = torch.where(tau >= t_max, true.clamp(max=t_max - margin), true)
    if objective.relative:
        others = torch.maximum(times, tau + margin).clamp(max=t_max)
    else:
        others = torch.full_like(times, t_max)
    is_true = torch.nn.functional.one_hot(label, times.shape[1]).bool()
    return torch.where(is_true, true, others)


def squared(times: Tensor, wanted: Tensor, t_max: int) -> Tensor:
    """Return Σ (T - t)^2 / (2 t_max) over all entries."""
    return (wanted - times).square().sum() / (2 * t_max)


def gradient_lengths(
    times: Float[Tensor, "batch class"],
    wanted: Float[Tensor, "batch class"],
    t_max: int,
    unit: float,
    undecided: float,
    won: float,
) -> Float[Tensor, "batch 1"]:
    """Return how long each sample's gradient should be, from spike times and S4NN's targets.

    Parameters
    ----------
    times, wanted : Tensor
    t_max : int
    unit : float
        Steps of error from which the length is 1; below, it is in proportion. 0: 1 whatever the error.
    undecided, won : float
        The length where all outputs are silent, and where the error is 0.
    """
    error = (wanted - times).norm(dim=1, keepdim=True)
    length = (error / unit).clamp(max=1) if unit else torch.ones_like(error)
    length[times.amin(1) >= t_max] = undecided
    length[error == 0] = won
    return length


def late(
    hidden: Float[Tensor, "batch unit"],
    decision: Float[Tensor, "batch 1"],
    t_max: int,
    counted: Bool[Tensor, "batch 1"],
) -> Float[Tensor, ""]:
    """Return Σ (t_max - t)^2 / (2 t_max) over the hidden spikes after the decision, whose target is silence.

    They cost a spike and can change nothing; ours, for the same reason as the aggressive targets. Of the samples that
    are `counted` only.
    """
    after = (hidden > decision) & (hidden < t_max) & counted
    return ((t_max - hidden).square() * after).sum() / (2 * t_max)


class _UnitLength(torch.autograd.Function):
    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, times: Tensor, strength: Tensor) -> Tensor:
        ctx.strength = strength  # type: ignore[attr-defined]
        return times.view_as(times)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *grads: Tensor) -> tuple[Tensor, None]:
        length = grads[0].norm(dim=1, keepdim=True).clamp(min=torch.finfo(grads[0].dtype).tiny)
        return grads[0] / length * ctx.strength, None  # type: ignore[attr-defined]


def unit_length_gradient(
    times: Float[Tensor, "batch unit"], strength: Float[Tensor, "batch 1"]
) -> Float[Tensor, "batch unit"]:
    """Return `times`; backward, every sample's gradient is given the length `strength` (none where it is 0).

    `strength` may be filled between forward and backward: it depends on how the race ended.
    """
    return _UnitLength.apply(times, strength)
