"""LIF forward and backward over 16 steps: our scan against a loop that torch differentiates, and a copy of the bytes.

    python benchmarks/neuron_scan.py

All in one process with pages kept (`trained.process`), 2 threads, float32. Prints median milliseconds and ratios; fails if spikes
or gradients of the two differ by more than 1e-5.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from study.network import LIF
from trained.neuron import Membrane
from trained.process import prepare

SHAPE = (16, 64, 64, 14, 14)  # (time, batch, channel, y, x): the critic's second layer on MNIST, batch 64
N_REPEATS = 15
NEURON = LIF(decay=0.5, gain=0.5)


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


def loop(current: Tensor) -> Tensor:
    """Return spikes step by step, as one writes it by hand."""
    v = torch.zeros_like(current[0])
    spikes = []
    for i in current:
        h = NEURON.decay * v + NEURON.gain * i
        s = Spike.apply(h - NEURON.v_threshold)
        v = h * (1 - s.detach())
        spikes.append(s)
    return torch.stack(spikes)


def milliseconds(work: Callable[[], object]) -> list[float]:
    """Return the times of N_REPEATS calls, after two to warm up."""
    times = []
    for _ in range(N_REPEATS + 2):
        start = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - start))
    return times[2:]


def main() -> None:
    """Measure and print."""
    prepare()
    torch.manual_seed(0)
    current = torch.randn(SHAPE, requires_grad=True)
    weight, target = torch.randn(SHAPE), torch.empty(SHAPE)
    results: dict[str, tuple[Tensor, Tensor]] = {}

    def forward_backward(name: str, scan: Callable[[Tensor], Tensor]) -> None:
        current.grad = None
        spikes = scan(current)
        spikes.backward(weight)
        assert current.grad is not None
        results[name] = (spikes.detach(), current.grad)

    times = {
        "copy": milliseconds(lambda: target.copy_(weight)),
        "scan": milliseconds(lambda: forward_backward("scan", Membrane(NEURON))),
        "loop": milliseconds(lambda: forward_backward("loop", loop)),
    }
    for ours, theirs in zip(results["scan"], results["loop"], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    scan = statistics.median(times["scan"])
    for name, values in times.items():
        median = statistics.median(values)
        spread = f"{min(values):.1f} to {max(values):.1f}"
        print(f"{name}: median {median:.1f} ms ({spread}, n = {len(values)}), {median / scan:.2f} x scan")


if __name__ == "__main__":
    main()
