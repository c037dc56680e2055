"""Targets of the temporal objectives on spike times written out by hand."""

from __future__ import annotations

import pytest
import torch

from trained.ttfs.objective import (
    OBJECTIVES,
    gradient_lengths,
    late,
    squared,
    targets,
    unit_length_gradient,
)

T_MAX, MARGIN = 100, 10.0
TIMES = torch.tensor([[30.0, 20.0, 25.0, 90.0]])
TRUE = torch.tensor([0])


@pytest.mark.parametrize(
    ("name", "advance", "expected"),
    [
        ("s4nn", 0.0, [20.0, 30.0, 30.0, 90.0]),
        ("aggressive-steps", 5.0, [15.0, 30.0, 30.0, 90.0]),
        ("aggressive-steps", 50.0, [0.0, 30.0, 30.0, 90.0]),
        ("aggressive-share", 0.25, [15.0, 30.0, 30.0, 90.0]),
        ("aggressive-zero", 0.0, [0.0, 30.0, 30.0, 90.0]),
        ("aggressive-absolute", 0.0, [0.0, 100.0, 100.0, 100.0]),
    ],
)
def test_targets_of_every_objective(name: str, advance: float, expected: list[float]) -> None:
    assert targets(TIMES, TRUE, OBJECTIVES[name], T_MAX, MARGIN, advance).tolist() == [expected]


def test_a_won_race_leaves_s4nn_without_error_and_the_aggressive_ones_with_one() -> None:
    won = torch.tensor([[20.0, 40.0, 31.0, 90.0]])
    for name, objective in OBJECTIVES.items():
        wanted = targets(won, TRUE, objective, T_MAX, MARGIN, advance=0.5)
        assert (squared(won, wanted, T_MAX).item() == 0) == (name == "s4nn"), name
        assert wanted[0, 0] < 20 or name == "s4nn"


def test_margins_end_with_the_window_and_silence_has_a_target_of_its_own() -> None:
    near_the_end = torch.tensor([[100.0, 95.0]])
    assert targets(near_the_end, TRUE, OBJECTIVES["s4nn"], T_MAX, MARGIN).tolist() == [[95.0, 100.0]]
    silent = torch.tensor([[100.0, 100.0]])
    assert targets(silent, TRUE, OBJECTIVES["s4nn"], T_MAX, MARGIN).tolist() == [[90.0, 100.0]]
    assert targets(silent, TRUE, OBJECTIVES["aggressive-zero"], T_MAX, MARGIN).tolist() == [[0.0, 100.0]]


def test_the_gradient_is_the_error_of_the_equations() -> None:
    times = TIMES.clone().requires_grad_()
    wanted = targets(TIMES, TRUE, OBJECTIVES["s4nn"], T_MAX, MARGIN)
    squared(times, wanted, T_MAX).backward()
    torch.testing.assert_close(times.grad, -(wanted - TIMES) / T_MAX)


def test_only_hidden_spikes_after_the_decision_cost() -> None:
    hidden = torch.tensor([[5.0, 20.0, 60.0, 100.0]], requires_grad=True)
    assert late(hidden, torch.tensor([[20.0]]), T_MAX, torch.tensor([[False]])).item() == 0
    loss = late(hidden, torch.tensor([[20.0]]), T_MAX, torch.tensor([[True]]))
    loss.backward()
    assert loss.item() == pytest.approx(40**2 / 200)
    assert hidden.grad is not None
    assert hidden.grad.tolist() == [[0.0, 0.0, pytest.approx(-0.4), 0.0]]


def test_gradients_of_length_one_keep_their_direction_and_zero_stays_zero() -> None:
    times, strength = torch.zeros(3, 2, requires_grad=True), torch.ones(3, 1)
    felt = unit_length_gradient(times, strength)
    strength[2] = 0.1  # known only after the forward pass
    (felt * torch.tensor([[3.0, 4.0], [0.0, 0.0], [3.0, 4.0]])).sum().backward()
    torch.testing.assert_close(times.grad, torch.tensor([[0.6, 0.8], [0.0, 0.0], [0.06, 0.08]]))


@pytest.mark.parametrize(("unit", "missed"), [(MARGIN, [1.0, 0.3]), (0.0, [1.0, 1.0])])
def test_lengths_grade_errors_below_the_margin_and_tell_silence_and_victory_apart(
    unit: float, missed: list[float]
) -> None:
    times = torch.tensor([[90.0, 20.0], [20.0, 27.0], [20.0, 40.0], [100.0, 100.0]])
    wanted = targets(times, torch.zeros(4, dtype=torch.long), OBJECTIVES["s4nn"], T_MAX, MARGIN)
    found = gradient_lengths(times, wanted, T_MAX, unit, undecided=5.0, won=0.01)
    torch.testing.assert_close(found[:, 0], torch.tensor([*missed, 0.01, 5.0]))
