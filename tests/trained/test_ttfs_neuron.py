"""First-spike times and their gradients against a plain loop over steps, and against sums written out."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor

from trained.ttfs import neuron
from trained.ttfs.neuron import FirstSpikeRule, first_spikes

T_MAX = 64
RULES = [
    FirstSpikeRule(30.0, T_MAX),
    FirstSpikeRule(30.0, T_MAX, latency=1, threshold_rule=">"),
    FirstSpikeRule(20.0, T_MAX, latency=1),
    FirstSpikeRule(30.0, T_MAX, threshold_rule=">", revive=True),
]


def step_by_step(times: np.ndarray, weight: np.ndarray, rule: FirstSpikeRule) -> np.ndarray:
    """One sample, unit, step and spike at a time, as equations 1 and 2 read."""
    found = np.full((len(times), weight.shape[1]), float(rule.t_max))
    for sample in range(len(times)):
        for j in range(weight.shape[1]):
            v = 0.0
            for t in range(rule.t_max):
                v += sum(weight[i, j] for i in np.flatnonzero(times[sample] == t))
                crossed = v > rule.v_threshold if rule.threshold_rule == ">" else v >= rule.v_threshold
                if crossed:
                    found[sample, j] = min(t + rule.latency, rule.t_max)
                    break
    return found


def problem(seed: int = 0, n_out: int = 16, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(seed)
    times = torch.randint(0, T_MAX + 1, (12, 50), generator=random).to(dtype)
    # on a grid of 1/64, so that membranes meet the threshold exactly now and then
    weight = torch.randn(50, n_out, generator=random, dtype=torch.float64).mul(3).add(1)
    return times, weight.mul(64).round().div(64).to(dtype)


@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_times_are_those_of_the_loop(rule: FirstSpikeRule, dtype: torch.dtype) -> None:
    times, weight = problem(dtype=dtype)
    expected = step_by_step(times.numpy(), weight.numpy(), rule)
    assert len(np.unique(expected)) > 20
    assert 0.0 < (expected == T_MAX).mean() < 0.5
    assert (first_spikes(times, weight, rule).numpy() != expected).sum() == 0
    plain = neuron.crossings(times, weight, rule).add(rule.latency).clamp(max=T_MAX)
    assert (plain.numpy() != expected).sum() == 0


def test_membranes_that_fall_back_have_fired() -> None:
    times = torch.tensor([[0.0, 3.0, 5.0]])
    weight = torch.tensor([[1.0], [10.0], [-50.0]])
    assert first_spikes(times, weight, FirstSpikeRule(10.0, 8)).item() == 3
    assert first_spikes(times, weight, FirstSpikeRule(11.0, 8, threshold_rule=">")).item() == 8


def test_a_spike_at_the_last_step_is_none_one_step_later() -> None:
    times, weight = torch.tensor([[7.0, 8.0]]), torch.tensor([[10.0], [10.0]])
    assert first_spikes(times, weight, FirstSpikeRule(10.0, 8)).item() == 7
    assert first_spikes(times, weight, FirstSpikeRule(10.0, 8, latency=1)).item() == 8  # 8 is silence


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_gradients_are_the_sums_of_the_rule(rule: FirstSpikeRule) -> None:
    times, weight = problem()
    times.requires_grad_()
    weight.requires_grad_()
    out = first_spikes(times, weight, rule)
    grad = torch.randn(out.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    out.backward(grad)
    assert weight.grad is not None
    assert times.grad is not None
    w = weight.detach().numpy()
    expected = np.zeros(w.shape)
    expected_times = np.zeros(times.shape)
    for b, i, j in np.ndindex(*times.shape, w.shape[1]):
        if times[b, i] < out[b, j]:
            expected[i, j] -= grad[b, j]
            expected_times[b, i] += grad[b, j] * w[i, j]
    np.testing.assert_allclose(weight.grad, expected, atol=1e-12)
    fired = times.detach().numpy() < T_MAX
    np.testing.assert_allclose(times.grad.numpy()[fired], expected_times[fired], atol=1e-11)
    plain = neuron.gradients(times.detach(), weight.detach(), out.detach(), grad)
    np.testing.assert_allclose(plain[1], expected, atol=1e-12)
    np.testing.assert_allclose(plain[0], expected_times, atol=1e-11)


def test_silent_units_learn_only_where_they_are_revived_and_only_to_fire() -> None:
    """The dead-pixel trap: by the rule of S4NN, what is silent gets no gradient, whatever would be better."""
    times = torch.full((1, 2), float(T_MAX), dtype=torch.float64)
    weight = torch.tensor([[20.0], [-20.0]], dtype=torch.float64)
    for revive, expected in ((False, [0.0, 0.0]), (True, [20.0, 0.0])):
        leaf = times.clone().requires_grad_()
        rule = FirstSpikeRule(10.0, T_MAX, revive=revive)
        first_spikes(leaf, weight, rule).sum().backward()  # the output should be earlier
        assert leaf.grad is not None
        assert (
            leaf.grad[0].tolist() == expected
        )  # descent makes the first unit earlier; no unit is made later


def test_a_silent_output_learns_from_the_spikes_that_it_received() -> None:
    times = torch.tensor([[0.0, 8.0]])
    weight = torch.tensor([[1.0], [1.0]], requires_grad=True)
    first_spikes(times, weight, FirstSpikeRule(10.0, 8)).sum().backward()
    assert weight.grad is not None
    assert weight.grad[:, 0].tolist() == [-1.0, 0.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"t_max": 1}, "t_max is 1; a window needs at least 2 steps"),
        ({"v_threshold": 0.0}, "v_threshold is 0.0; it must be above 0"),
        ({"latency": 2}, "latency is 2; allowed is 0 or 1"),
        ({"threshold_rule": "="}, "unknown threshold rule"),
    ],
)
def test_rules_that_make_no_sense_are_refused(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(RULES[0], **change)
