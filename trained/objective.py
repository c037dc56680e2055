"""Objectives: what critic and generator minimise."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

from study.commands import unknown

Scores = Float[Tensor, " batch"]


@dataclasses.dataclass(frozen=True)
class Objective:
    """A pair of losses on critic scores.

    Parameters
    ----------
    critic : callable (scores of real images, scores of generated images) -> scalar
    generator : callable (scores of generated images) -> scalar
    """

    critic: Callable[[Scores, Scores], Tensor]
    generator: Callable[[Scores], Tensor]


OBJECTIVES: dict[str, Objective] = {
    # SGAD's released sign: a low score means real. Without a constraint on the critic (its code has none) this is a
    # linear-loss critic, not a certified Wasserstein-1 estimate.
    "em": Objective(
        critic=lambda real, fake: real.mean() - fake.mean(),
        generator=lambda fake: fake.mean(),
    ),
    # Binary cross entropy with the same sign: sigmoid(score) is the probability of being generated.
    "bce": Objective(
        critic=lambda real, fake: softplus(real).mean() + softplus(-fake).mean(),
        generator=lambda fake: softplus(fake).mean(),
    ),
}


def objective(name: str) -> Objective:
    """Return the objective called `name`.

    Raises
    ------
    ValueError
        If there is none.
    """
    if name not in OBJECTIVES:
        raise unknown("objective", name, OBJECTIVES)
    return OBJECTIVES[name]
