"""Neurons over all steps as one operation of torch: one pass over memory forward, one backward.

With u = H - v_threshold, g(·) the surrogate and ∂S, ∂V, ∂H the gradients of the loss, backward is, from the last step to the first,

    ∂H[t] = ∂S[t] g(u[t]) + ∂V[t] (1 - S[t]);   ∂I[t] = gain ∂H[t];   ∂V[t-1] = decay ∂H[t]

for the hard reset (soft: without the factor 1 - S). A reset that is not detached adds (v_reset - H[t]) ∂V[t] to ∂S[t] (soft: -v_threshold
∂V[t]). Constants that are learned receive Σ ∂H[t] V[t-1] (decay), Σ ∂H[t] I[t] (gain), -Σ ∂S[t] g(u[t]) (threshold; soft: and -Σ S[t] ∂V[t]).

Only the current is kept for backward. On a CPU the work is done by `scan_kernel`, elsewhere (a GPU, another number type, no compiler) by
`scan_plain`, step by step; both give the same spikes bit for bit. The backward pass can itself be differentiated (gradient penalties).
"""

from __future__ import annotations

from types import ModuleType

import torch
from torch import Tensor

from trained import scan_kernel, scan_plain
from trained.scan_plain import Rule


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx,
        current: Tensor,
        constants: Tensor | None,
        n_steps: int,
        rule: Rule,
    ) -> Tensor:
        ctx.save_for_backward(current, constants)  # type: ignore[arg-type]
        ctx.rule = rule  # type: ignore[attr-defined]
        return _way(current).forward(current, n_steps, rule)

    @staticmethod
    def backward(
        ctx: torch.autograd.function.FunctionCtx, *grads: Tensor
    ) -> tuple[Tensor | None, Tensor | None, None, None]:
        current, constants = ctx.saved_tensors  # type: ignore[attr-defined]
        rule: Rule = ctx.rule  # type: ignore[attr-defined]
        if torch.is_grad_enabled():  # create_graph: somebody will differentiate what is returned here
            return *_differentiable(current, constants, grads[0], rule), None, None
        grad_current, sums = _way(current).backward(current, grads[0], rule, learn=constants is not None)
        return grad_current, sums, None, None


def scan(current: Tensor, rule: Rule, n_steps: int | None = None, constants: Tensor | None = None) -> Tensor:
    """Return the spikes of a LIF neuron, or the membrane of a LeakyIntegrator, at all steps; V[0] = 0.

    Parameters
    ----------
    current : Tensor, (time, batch, ...)
        float64, float32, or 16 bits; the membrane of the last is float32.
    rule : Rule
    n_steps : int, optional
        Given with a current of one step, which is then the same at all; else as many as the current has.
    constants : Tensor, (3,), float64, optional
        decay, gain and v_threshold, the numbers in `rule.neuron`, where they receive gradients.

    Returns
    -------
    Tensor, (n_steps, batch, ...)
        Same type as `current`.

    Raises
    ------
    ValueError
        If the current is not of floating-point numbers, or has neither one step nor n_steps.
    """
    n_steps = len(current) if n_steps is None else n_steps
    if not current.is_floating_point():
        raise ValueError(
            f"the current is {current.dtype}; floating-point numbers are needed, such as float32."
        )
    if len(current) not in (1, n_steps):
        raise ValueError(f"the current has {len(current)} steps; it must have 1 or n_steps = {n_steps}.")
    return _Scan.apply(current, constants, n_steps, rule)


def _way(current: Tensor) -> ModuleType:
    return scan_kernel if scan_kernel.usable(current) else scan_plain


def _differentiable(
    current: Tensor, constants: Tensor | None, grad_out: Tensor, rule: Rule
) -> tuple[Tensor | None, Tensor | None]:
    """Return the gradients of current and constants as functions that torch can differentiate again."""
    wanted = [x for x in (current, constants) if x is not None and x.requires_grad]
    out = scan_plain.loop(current, len(grad_out), rule, constants)
    grads = iter(torch.autograd.grad(out, wanted, grad_out, create_graph=True, allow_unused=True))
    first, second = (next(grads) if x is not None and x.requires_grad else None for x in (current, constants))
    return first, second
