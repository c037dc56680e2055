"""The LIF neuron of SGAD (tau 2, threshold 1, hard reset, arctangent) as others run it: a loop written by hand, SpikingJelly, snnTorch."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

DECAY = GAIN = 0.5
THRESHOLD = 1.0
Scan = Callable[[Tensor], Tensor]


class Spike(torch.autograd.Function):
    """Heaviside step with the arctangent surrogate."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, distance: Tensor) -> Tensor:
        """Return 1 above threshold, else 0."""
        ctx.save_for_backward(distance)
        return (distance > 0).to(distance.dtype)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *grads: Tensor) -> Tensor:
        """Return the gradient through 1 / (1 + (π u)²)."""
        (distance,) = ctx.saved_tensors  # type: ignore[attr-defined]
        return grads[0] / (1 + (math.pi * distance) ** 2)


def hand_written(current: Tensor) -> Tensor:
    """Return spikes step by step, as one writes it by hand; torch differentiates every operation."""
    v = torch.zeros_like(current[0])
    spikes = []
    for i in current:
        h = DECAY * v + GAIN * i
        s = Spike.apply(h - THRESHOLD)
        v = h * (1 - s.detach())
        spikes.append(s)
    return torch.stack(spikes)


def hand_written_integrator(current: Tensor) -> Tensor:
    """Return the membrane of the readout, which never fires, step by step."""
    u = torch.zeros_like(current[0])
    steps = []
    for i in current:
        u = DECAY * u + GAIN * i
        steps.append(u)
    return torch.stack(steps)


def spikingjelly_node() -> nn.Module:
    """Return SpikingJelly's multi-step node; it is to be reset before each sequence."""
    from spikingjelly.activation_based import neuron, surrogate

    return neuron.LIFNode(
        tau=1 / GAIN,
        v_threshold=THRESHOLD,
        v_reset=0.0,
        surrogate_function=surrogate.ATan(alpha=2.0),
        detach_reset=True,
        step_mode="m",
    )


def spikingjelly_scan() -> Scan:
    """Return SpikingJelly's neuron as a function of all steps."""
    node = spikingjelly_node()

    def run(current: Tensor) -> Tensor:
        node.reset()
        return node(current)

    return run


def snntorch_scan() -> Scan:
    """Return snnTorch's neuron as a function of all steps; it weights its input with 1 and resets one step later by default."""
    import snntorch
    from snntorch import surrogate

    node = snntorch.Leaky(
        beta=DECAY,
        threshold=THRESHOLD,
        spike_grad=surrogate.atan(alpha=2.0),
        reset_mechanism="zero",
        reset_delay=False,
    )

    def run(current: Tensor) -> Tensor:
        v = node.init_leaky()
        spikes = []
        for i in GAIN * current:
            s, v = node(i, v)
            spikes.append(s)
        return torch.stack(spikes)

    return run


def installed(name: str) -> bool:
    """Return whether a peer can be imported."""
    return importlib.util.find_spec(name) is not None
