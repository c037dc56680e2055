"""Neurons that scan over time; everything else in a network treats time as part of the batch.

The update rules are those of `study.network` (LIF, LeakyIntegrator, Current), written there once as equations.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from study.network import LIF, Current, LeakyIntegrator, Neuron
from trained.surrogate import atan_gradient


class _LIFScan(torch.autograd.Function):
    """LIF over all steps, forward and backward in one function each; only the membrane H is kept for backward."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, current: Tensor, neuron: LIF) -> Tensor:
        membrane = torch.empty_like(current, memory_format=torch.contiguous_format)
        spikes = torch.empty_like(membrane)
        v = torch.zeros_like(membrane[0])
        for t in range(len(current)):
            h = torch.mul(current[t], neuron.gain, out=membrane[t]).add_(v, alpha=neuron.decay)
            fired = fires(h, neuron)
            spikes[t].copy_(fired)
            v = reset(h, fired, neuron)
        ctx.save_for_backward(membrane)
        ctx.neuron = neuron  # type: ignore[attr-defined]
        return spikes

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *grads: Tensor) -> tuple[Tensor, None]:
        (membrane,) = ctx.saved_tensors  # type: ignore[attr-defined]
        neuron: LIF = ctx.neuron  # type: ignore[attr-defined]
        grad_current = torch.empty_like(membrane)
        grad_v = torch.zeros_like(membrane[0])
        for t in range(len(membrane) - 1, -1, -1):
            h = membrane[t]
            # The spike is detached in the reset: through it the membrane passes where it was kept, not where it fell.
            through = torch.where(fires(h, neuron), 0.0, grad_v) if neuron.reset == "hard" else grad_v
            grad_h = torch.addcmul(through, grads[0][t], atan_gradient(h - neuron.v_threshold))
            torch.mul(grad_h, neuron.gain, out=grad_current[t])
            grad_v = grad_h.mul_(neuron.decay)
        return grad_current, None


def fires(h: Tensor, neuron: LIF) -> Tensor:
    """Return where the membrane `h` crosses the threshold, as booleans."""
    return h > neuron.v_threshold if neuron.threshold_rule == ">" else h >= neuron.v_threshold


def reset(h: Tensor, fired: Tensor, neuron: LIF) -> Tensor:
    """Return the membrane after the step: reset where `fired`, `h` elsewhere."""
    if neuron.reset == "hard":
        return torch.where(fired, neuron.v_reset, h)
    return h - fired.to(h.dtype) * neuron.v_threshold


def integrate(
    current: Float[Tensor, "time batch *unit"], neuron: LeakyIntegrator
) -> Float[Tensor, "time batch *unit"]:
    """Return the membrane U[t] = decay U[t-1] + gain I[t] of a neuron that never fires."""
    u = torch.zeros_like(current[0])
    steps = []
    for i in current:
        u = neuron.decay * u + neuron.gain * i
        steps.append(u)
    return torch.stack(steps)


class Membrane(nn.Module):
    """The neurons of one layer.

    Parameters
    ----------
    neuron : LIF, LeakyIntegrator or Current
        Its equations and constants, see `study.network`.
    """

    def __init__(self, neuron: Neuron):
        super().__init__()
        self.neuron = neuron

    def forward(self, current: Float[Tensor, "time batch *unit"]) -> Float[Tensor, "time batch *unit"]:
        """Return spikes (0 or 1), membrane or current at every step; the membrane starts at 0."""
        if isinstance(self.neuron, LIF):
            return _LIFScan.apply(current, self.neuron)
        if isinstance(self.neuron, LeakyIntegrator):
            return integrate(current, self.neuron)
        return current

    def extra_repr(self) -> str:
        """Name the neuron model and its constants."""
        return str(self.neuron)


__all__ = ["LIF", "Current", "LeakyIntegrator", "Membrane", "fires", "integrate", "reset"]
