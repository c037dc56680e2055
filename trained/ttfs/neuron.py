"""Integrate-and-fire neurons that fire at most once, and the temporal backpropagation of their spike times.

A population is described by its spike times, whole network steps as floats (batch, unit): 0 to t_max - 1, and t_max for
a unit that stays silent. No spike trains are made.
"""

from __future__ import annotations

import dataclasses

import torch
from jaxtyping import Float
from torch import Tensor

from study.commands import unknown
from trained.ttfs import kernel

THRESHOLD_RULES = (">", ">=")


@dataclasses.dataclass(frozen=True)
class FirstSpikeRule:
    """When a unit fires, and what is learned where one does not.

    V_j(t) = Σ_i w_ij [t_i <= t], no leak; t_j = latency + the first t with V_j(t) >= v_threshold (or >), t_max if there
    is none before t_max: equations 1 and 2 of Kotariya and Jain (2021, report of cuda-SNN-TTFS) with latency 0; the
    released code of S4NN (Kheradpisheh and Masquelier 2020, arXiv 1910.09495) with latency 1 and `>`.

    Parameters
    ----------
    v_threshold : float
    t_max : int
        Steps of the window.
    latency : 0 or 1
        Steps from a crossing to the spike.
    threshold_rule : ">" or ">="
    revive : bool
        Whether silent presynaptic units learn. By the rule of S4NN they do not: [t_max < t_j] is 0 for every j, so what
        is silent stays silent. Here their gradient is that of a spike before all others: it says what firing would do.

    Raises
    ------
    ValueError
        For a value that is not allowed.
    """

    v_threshold: float = 100.0
    t_max: int = 256
    latency: int = 0
    threshold_rule: str = ">="
    revive: bool = False

    def __post_init__(self) -> None:
        if self.t_max < 2:
            raise ValueError(f"t_max is {self.t_max}; a window needs at least 2 steps.")
        if not self.v_threshold > 0:
            raise ValueError(f"v_threshold is {self.v_threshold}; it must be above 0, where membranes start.")
        if self.latency not in (0, 1):
            raise ValueError(f"latency is {self.latency}; allowed is 0 or 1 step per layer.")
        if self.threshold_rule not in THRESHOLD_RULES:
            raise unknown("threshold rule", self.threshold_rule, THRESHOLD_RULES)


def first_spikes(
    times: Float[Tensor, "batch n_in"], weight: Float[Tensor, "n_in n_out"], rule: FirstSpikeRule
) -> Float[Tensor, "batch n_out"]:
    """Return the spike times of a layer, differentiable by the temporal rule of S4NN.

    With g_j the gradient of the loss with respect to t_j, and dt_j/dV_j = -1:

        dL/dw_ij = -Σ_batch g_j [t_i < t_j];   dL/dt_i = Σ_j g_j w_ij [t_i < t_j]

    A silent postsynaptic unit has t_j = t_max and learns from every spike that it received, as in S4NN's released code.

    Parameters
    ----------
    times : Tensor
        Spike times of the layer before, 0 to t_max, whole numbers.
    weight : Tensor
        Of the same dtype, a row per presynaptic unit: a spike adds its row.
    rule : FirstSpikeRule
    """
    return _FirstSpikes.apply(times, weight, rule)


class _FirstSpikes(torch.autograd.Function):
    """Spike times forward, the temporal rule backward; on a CPU by compiled loops, elsewhere by plain torch."""

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx, times: Tensor, weight: Tensor, rule: FirstSpikeRule
    ) -> Tensor:
        weight = weight.contiguous()
        compiled = not weight.is_cuda
        order = times.new_empty(0)
        if compiled:
            order = torch.from_numpy(kernel.by_time(times.numpy(), rule.t_max))
            strict = rule.threshold_rule == ">"
            arrays = (x.numpy() for x in (times, order, weight.detach()))
            found = torch.from_numpy(kernel.crossings(*arrays, rule.v_threshold, strict, float(rule.t_max)))
        else:
            found = crossings(times, weight, rule)
        times_out = found.add_(rule.latency).clamp_(max=rule.t_max)
        ctx.save_for_backward(times, weight, times_out, order)
        ctx.rule = rule  # type: ignore[attr-defined]
        ctx.compiled = compiled  # type: ignore[attr-defined]
        return times_out

    @staticmethod
    def backward(
        ctx: torch.autograd.function.FunctionCtx, *grads: Tensor
    ) -> tuple[Tensor | None, Tensor | None, None]:
        times, weight, times_out, order = ctx.saved_tensors  # type: ignore[attr-defined]
        rule: FirstSpikeRule = ctx.rule  # type: ignore[attr-defined]
        grad = grads[0].contiguous()
        grad_times = grad_weight = None
        if ctx.compiled:  # type: ignore[attr-defined]
            arrays = [x.detach().numpy() for x in (times, order, times_out, grad)]
            if ctx.needs_input_grad[0]:  # type: ignore[attr-defined]
                found = kernel.time_gradient(*arrays, weight.detach().numpy(), float(rule.t_max))
                grad_times = torch.from_numpy(found)
            if ctx.needs_input_grad[1]:  # type: ignore[attr-defined]
                grad_weight = torch.from_numpy(kernel.weight_gradient(*arrays, float(rule.t_max)))
        else:
            grad_times, grad_weight = gradients(times, weight, times_out, grad)
        if grad_times is not None and rule.revive:
            grad_times = torch.where(times >= rule.t_max, (grad @ weight.t()).clamp_(min=0), grad_times)
        return grad_times, grad_weight, None


def crossings(times: Tensor, weight: Tensor, rule: FirstSpikeRule) -> Tensor:
    """Return the first step at which each unit crosses its threshold, t_max if none: one product per step."""
    v = weight.new_zeros(len(times), weight.shape[1])
    found = torch.full_like(v, rule.t_max)
    for t in range(rule.t_max):
        v += (times == t).to(weight.dtype) @ weight
        crossed = v > rule.v_threshold if rule.threshold_rule == ">" else v >= rule.v_threshold
        found = torch.where(crossed, found.clamp(max=t), found)
    return found


def gradients(times: Tensor, weight: Tensor, times_out: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradients of `first_spikes` with respect to times and weight, (batch, n_in) and (n_in, n_out)."""
    felt = (times[:, :, None] < times_out[:, None, :]).to(grad.dtype) * grad[:, None, :]
    return (felt * weight).sum(2), -felt.sum(0)
