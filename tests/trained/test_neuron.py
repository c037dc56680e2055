"""The fused scan against a plain loop that torch differentiates by itself, and against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from study.network import LIF, Current, LeakyIntegrator
from trained.neuron import Membrane

CASES = [
    LIF(0.5, 0.5),
    LIF(0.5, 0.5, reset="soft"),
    LIF(0.9, 1.0, v_threshold=0.7, threshold_rule=">="),
    LIF(0.25, 1.0, v_threshold=0.2, v_reset=-0.1),
]


class Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx, distance: Tensor, strict: bool) -> Tensor:
        ctx.save_for_backward(distance)
        return (distance > 0 if strict else distance >= 0).to(distance.dtype)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None]:
        (u,) = ctx.saved_tensors
        return grad / (1 + (math.pi * u) ** 2), None


def plain_loop(current: Tensor, neuron: LIF) -> Tensor:
    v = torch.zeros_like(current[0])
    out = []
    for i in current:
        h = neuron.decay * v + neuron.gain * i
        s = Spike.apply(h - neuron.v_threshold, neuron.threshold_rule == ">")
        kept = s.detach()
        v = (
            h * (1 - kept) + neuron.v_reset * kept
            if neuron.reset == "hard"
            else h - neuron.v_threshold * kept
        )
        out.append(s)
    return torch.stack(out)


@pytest.mark.parametrize("neuron", CASES, ids=str)
def test_scan_equals_the_plain_loop_forward_and_backward(neuron: LIF) -> None:
    torch.manual_seed(0)
    current = torch.randn(16, 5, 7, dtype=torch.float64) * 2
    weight = torch.randn_like(current)
    results = []
    for run in (Membrane(neuron), lambda x: plain_loop(x, neuron)):
        x = current.clone().requires_grad_()
        spikes = run(x)
        (spikes * weight).sum().backward()
        results.append((spikes.detach(), x.grad))
    assert 0.02 < results[0][0].mean() < 0.9
    assert torch.equal(results[0][0], results[1][0])
    torch.testing.assert_close(results[0][1], results[1][1], rtol=1e-12, atol=1e-14)


def test_a_wrong_leak_is_noticed() -> None:
    torch.manual_seed(0)
    current = torch.randn(16, 50, 50)
    assert not torch.equal(Membrane(LIF(0.5, 0.5))(current), plain_loop(current, LIF(0.505, 0.5)))


def test_interval_between_spikes_has_its_closed_form() -> None:
    # Under a constant current I the membrane is I (1 - decay^n) after n steps: it crosses 1 at n = ceil(log ...).
    current = torch.tensor([1.05, 1.5, 3.0], dtype=torch.float64).expand(64, 1, 3)
    spikes = Membrane(LIF(0.8, 0.2))(current)[:, 0].numpy()
    for unit, i in enumerate((1.05, 1.5, 3.0)):
        expected = math.floor(math.log(1 - 1 / i) / math.log(0.8)) + 1
        assert set(np.diff(np.flatnonzero(spikes[:, unit]))) == {expected}


def test_threshold_rules_differ_exactly_at_threshold() -> None:
    at_threshold = torch.full((1, 1, 1), 2.0)
    assert Membrane(LIF(0.5, 0.5, threshold_rule=">"))(at_threshold).item() == 0
    assert Membrane(LIF(0.5, 0.5, threshold_rule=">="))(at_threshold).item() == 1


def test_leaky_integrator_is_a_geometric_sum() -> None:
    current = torch.randn(16, 3, 2, dtype=torch.float64)
    u = Membrane(LeakyIntegrator(0.5, 0.5))(current)
    weights = torch.tensor([0.5 ** (16 - t) for t in range(16)], dtype=torch.float64)
    torch.testing.assert_close(u[-1], torch.einsum("t,tbu->bu", weights, current))


def test_current_passes_unchanged() -> None:
    current = torch.randn(4, 3, 2)
    assert torch.equal(Membrane(Current())(current), current)
