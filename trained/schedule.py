"""How the learning rate falls: a function of the number of the update, so that a resumed run needs no more."""

from __future__ import annotations

import math

import torch


def cosine(update: int, n_updates: int) -> float:
    """Return (1 + cos(π update / n_updates)) / 2, and 0 from `n_updates` on; 1 if `n_updates` is 0."""
    return (1 + math.cos(math.pi * min(1.0, update / n_updates))) / 2 if n_updates else 1.0


def set_rate(optimiser: torch.optim.Optimizer, factor: float) -> None:
    """Set the learning rates of all groups to `factor` times those they were made with."""
    for group in optimiser.param_groups:
        group.setdefault("initial_lr", group["lr"])
        group["lr"] = factor * group["initial_lr"]
