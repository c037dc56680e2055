"""The fused scan against a plain loop that torch differentiates by itself, and against closed forms."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from study.network import LIF, Current, FirstSpike, LeakyIntegrator
from trained.neuron import Membrane
from trained.surrogate import Rectangle

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


def test_learned_constants_start_where_the_neuron_is_and_are_given_back() -> None:
    alif = Membrane(LIF(0.5, 0.5, v_threshold=0.5), learn_decay=True, learn_threshold=True)
    assert {name: p.item() for name, p in alif.named_parameters()} == {
        "decay_weight": 0.0,
        "v_threshold": 0.5,
    }
    with torch.no_grad():
        alif.decay_weight.fill_(-1.0)
        alif.v_threshold.fill_(0.75)
    share = 1 / (1 + math.exp(1))
    assert dataclasses.astuple(alif.neuron)[:3] == pytest.approx((1 - share, share, 0.75), rel=1e-15)
    assert alif.double().neuron == alif.neuron
    fsvae = Membrane(LIF(0.25, 1.0, v_threshold=0.2), surrogate=Rectangle(1.0, "zero"), learn_decay=True)
    assert dataclasses.astuple(fsvae.neuron)[:3] == pytest.approx(
        (0.25, 1.0, 0.2)
    )  # its gain is no share: it stays
    assert Membrane(LIF(0.5, 0.5)).neuron == LIF(0.5, 0.5)
    assert list(Membrane(LIF(0.5, 0.5)).state_dict()) == []


def test_learned_constants_receive_the_gradient_of_the_equations_as_one_writes_them() -> None:
    neuron = LIF(0.6, 0.4, v_threshold=0.5)
    torch.manual_seed(0)
    current, weight = torch.randn(2, 12, 4, 9, dtype=torch.float64)
    ours = Membrane(neuron, learn_decay=True, learn_threshold=True).double()
    (ours(current) * weight).sum().backward()
    w = ours.decay_weight.detach().clone().requires_grad_()
    threshold = ours.v_threshold.detach().clone().requires_grad_()
    v, loss = torch.zeros(4, 9, dtype=torch.float64), 0.0
    for i, weight_now in zip(current, weight, strict=True):
        h = v + (i - v) * torch.sigmoid(w)  # PLIF, Fang et al. 2021, equation 6
        s = Spike.apply(h - threshold, True)
        v = h * (1 - s.detach())
        loss = loss + (s * weight_now).sum()
    loss.backward()
    torch.testing.assert_close(ours.decay_weight.grad, w.grad, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(ours.v_threshold.grad, threshold.grad, rtol=1e-9, atol=1e-12)


def test_a_learned_leak_of_a_readout_has_its_closed_form() -> None:
    readout = Membrane(LeakyIntegrator(0.5, 0.5), learn_decay=True).double()
    u = readout(torch.tensor([2.0, 4.0], dtype=torch.float64).reshape(2, 1, 1))
    u[-1].sum().backward()
    # U[2] = d (1 - d) I[1] + (1 - d) I[2] with d = 1 - σ(w): dU/dw = -σ' ((1 - 2 d) I[1] - I[2]), σ' = 1/4 at w = 0
    assert readout.decay_weight.grad.item() == pytest.approx(0.25 * 4.0)


def test_neurons_that_cannot_learn_or_scan_are_refused() -> None:
    with pytest.raises(ValueError, match=r"learn_decay with Current.*decay above 0 and below 1"):
        Membrane(Current(), learn_decay=True)
    with pytest.raises(ValueError, match=r"learn_decay with LIF.decay=0.*decay above 0 and below 1"):
        Membrane(LIF(0, 1), learn_decay=True)
    with pytest.raises(ValueError, match="only LIF has a threshold"):
        Membrane(LeakyIntegrator(0.5, 0.5), learn_threshold=True)
    with pytest.raises(ValueError, match=r"FirstSpike.*trained.ttfs"):
        Membrane(FirstSpike())
    with pytest.raises(ValueError, match="surrogate"):
        Membrane(LIF(0.5, 0.5), surrogate="triangle")


def test_a_constant_current_passes_at_every_step() -> None:
    one = torch.randn(1, 3, 2)
    assert torch.equal(Membrane(Current())(one, 4), one.expand(4, 3, 2))
