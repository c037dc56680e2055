"""Units without spikes or time, for the analog twins of spiking networks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

LEAK = 0.2  # slope below zero of the analog discriminator in SGAD's released code (Discriminator_Mix_CelebA)


class AnalogUnits(nn.Module):
    """The units of one layer, taking the place of `trained.neuron.Membrane` in a network of one step.

    y = LeakyReLU(I), or with `n_levels` the same units held to the values that a spike count over as many steps can
    take: y = round(n_levels clip(I, 0, 1)) / n_levels. Rounding passes gradients as if it were not there.

    Parameters
    ----------
    n_levels : int
        0 is none: real numbers.
    linear : bool
        y = I: a readout.
    """

    def __init__(self, n_levels: int = 0, linear: bool = False):
        super().__init__()
        self.n_levels, self.linear = n_levels, linear

    def forward(self, current: Tensor, n_steps: int | None = None) -> Tensor:
        """Return the units' values, (1, batch, *unit)."""
        if self.linear:
            return current
        if not self.n_levels:
            return nn.functional.leaky_relu(current, LEAK)
        inside = current.clamp(0, 1)
        return inside + (torch.round(inside * self.n_levels) / self.n_levels - inside).detach()

    def extra_repr(self) -> str:
        """Name the units."""
        return "linear" if self.linear else f"{self.n_levels} levels" if self.n_levels else "LeakyReLU"
