"""The scan over time in plain torch: for devices that the compiled one does not know, and as what it is tested against.

Two forms with the same results. `forward` and `backward` keep nothing but the current and give, on a CPU, the bits of `scan.cpp`: each product
and sum is rounded by itself. `loop` is what one writes by hand; torch differentiates it, as often as is asked.
"""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from study.network import LIF, LeakyIntegrator
from trained.surrogate import Surrogate


@dataclasses.dataclass(frozen=True)
class Rule:
    """What happens at each step, and how gradients pass it.

    Parameters
    ----------
    neuron : LIF or LeakyIntegrator
    surrogate : Surrogate
    detach_reset : bool
        Whether the reset takes the spike as a constant.
    """

    neuron: LIF | LeakyIntegrator
    surrogate: Surrogate
    detach_reset: bool = True


def fires(h: Tensor, neuron: LIF) -> Tensor:
    """Return where the membrane `h` crosses the threshold, as booleans."""
    return h > neuron.v_threshold if neuron.threshold_rule == ">" else h >= neuron.v_threshold


def reset(h: Tensor, fired: Tensor, neuron: LIF) -> Tensor:
    """Return the membrane after the step: reset where `fired`, `h` elsewhere."""
    if neuron.reset == "hard":
        return torch.where(fired, neuron.v_reset, h)
    return h - fired.to(h.dtype) * neuron.v_threshold


def charge(v: Tensor, i: Tensor, neuron: LIF | LeakyIntegrator) -> Tensor:
    """Return H = decay V + gain I, each product and the sum rounded by itself."""
    return (v * neuron.decay).add_(i.to(v.dtype) * neuron.gain)


def arithmetic(dtype: torch.dtype) -> torch.dtype:
    """Return the type of the membrane: float32 for currents of 16 bits."""
    return torch.float32 if dtype.itemsize < 4 else dtype


def forward(current: Tensor, n_steps: int, rule: Rule) -> Tensor:
    """Return spikes or membrane at all steps.

    Parameters
    ----------
    current : Tensor, (n_steps or 1, batch, ...)
        One step stands for all of them.
    n_steps : int
    rule : Rule

    Returns
    -------
    Tensor, (n_steps, batch, ...)
        Same type as `current`.
    """
    neuron = rule.neuron
    out = current.new_empty((n_steps, *current.shape[1:]))
    v = torch.zeros_like(current[0], dtype=arithmetic(current.dtype))
    for t in range(n_steps):
        v = h = charge(v, current[min(t, len(current) - 1)], neuron)
        if isinstance(neuron, LIF):
            fired = fires(h, neuron)
            v = reset(h, fired, neuron)
        out[t].copy_(fired if isinstance(neuron, LIF) else h)
    return out


def backward(current: Tensor, grad_out: Tensor, rule: Rule, learn: bool) -> tuple[Tensor, Tensor | None]:
    """Return the gradients of the current and, if `learn`, of (decay, gain, v_threshold), float64."""
    neuron, n_steps = rule.neuron, len(grad_out)
    membranes = _membranes(current, n_steps, neuron)
    dtype = membranes[0].dtype
    sums = torch.zeros(3, dtype=torch.float64, device=current.device)
    grad_v = torch.zeros_like(membranes[0])
    grad_current = torch.zeros_like(current, dtype=dtype)
    for t in range(n_steps - 1, -1, -1):
        place = min(t, len(current) - 1)
        h = charge(membranes[t], current[place], neuron)
        grad_h, by_threshold = _through_step(h, grad_out[t].to(dtype), grad_v, rule)
        if learn:
            sums += torch.stack(
                [
                    (grad_h * membranes[t]).sum(dtype=torch.float64),
                    (grad_h * current[place]).sum(dtype=torch.float64),
                    by_threshold.sum(dtype=torch.float64),
                ]
            )
        grad_current[place] += grad_h * neuron.gain
        grad_v = grad_h * neuron.decay
    return grad_current.to(current.dtype), sums if learn else None


def _membranes(current: Tensor, n_steps: int, neuron: LIF | LeakyIntegrator) -> list[Tensor]:
    """Return V before each step."""
    v = torch.zeros_like(current[0], dtype=arithmetic(current.dtype))
    membranes = [v]
    for t in range(n_steps - 1):
        h = charge(v, current[min(t, len(current) - 1)], neuron)
        v = reset(h, fires(h, neuron), neuron) if isinstance(neuron, LIF) else h
        membranes.append(v)
    return membranes


def _through_step(h: Tensor, grad_s: Tensor, grad_v: Tensor, rule: Rule) -> tuple[Tensor, Tensor]:
    """Return the gradients of H and, unit by unit, of the threshold from those of the output and of V after the step."""
    neuron = rule.neuron
    if isinstance(neuron, LeakyIntegrator):
        return grad_s + grad_v, torch.zeros_like(h)
    fired, hard = fires(h, neuron), neuron.reset == "hard"
    if not rule.detach_reset:
        jump = neuron.v_reset - h if hard else -neuron.v_threshold
        grad_s = jump * grad_v + grad_s
    via_spike = rule.surrogate.derivative(h, neuron.v_threshold).mul_(grad_s)
    through = torch.where(fired, 0.0, grad_v) if hard else grad_v
    by_threshold = -via_spike if hard else -via_spike - fired * grad_v
    return via_spike + through, by_threshold


class _Spike(torch.autograd.Function):
    """Heaviside step of the membrane with a surrogate derivative that can be differentiated again."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, h: Tensor, threshold: Tensor, rule: Rule) -> Tensor:
        ctx.save_for_backward(h, threshold)
        ctx.rule = rule  # type: ignore[attr-defined]
        return fires(h, rule.neuron).to(h.dtype)  # type: ignore[arg-type]

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        h, threshold = ctx.saved_tensors  # type: ignore[attr-defined]
        rule: Rule = ctx.rule  # type: ignore[attr-defined]
        via_spike = grads[0] * rule.surrogate.derivative(h, threshold)
        return via_spike, -via_spike.sum(), None


def loop(current: Tensor, n_steps: int, rule: Rule, constants: Tensor | None = None) -> Tensor:
    """Return what `forward` returns, through operations that torch differentiates itself.

    Parameters
    ----------
    current : Tensor, (n_steps or 1, batch, ...)
    n_steps : int
    rule : Rule
    constants : Tensor, (3,), optional
        decay, gain and v_threshold where gradients of them are wanted; `rule.neuron` has the same numbers.
    """
    neuron, dtype = rule.neuron, arithmetic(current.dtype)
    if constants is None:
        numbers = [neuron.decay, neuron.gain, getattr(neuron, "v_threshold", 0.0)]
        constants = torch.tensor(numbers, dtype=torch.float64, device=current.device)
    decay, gain, threshold = constants.to(dtype)
    v = torch.zeros_like(current[0], dtype=dtype)
    out = []
    for t in range(n_steps):
        v = h = v * decay + current[min(t, len(current) - 1)] * gain
        if isinstance(neuron, LIF):
            s = _Spike.apply(h, threshold, rule)
            kept = s.detach() if rule.detach_reset else s
            hard = neuron.reset == "hard"
            v = h * (1 - kept) + neuron.v_reset * kept if hard else h - threshold * kept
        out.append(s if isinstance(neuron, LIF) else h)
    return torch.stack(out).to(current.dtype)
