"""Surrogate gradients: what stands in for the derivative of the spike."""

from __future__ import annotations

import math

from torch import Tensor


def atan_gradient(distance: Tensor) -> Tensor:
    """Return the derivative 1 / (1 + (π u)²) that replaces that of the Heaviside step at u = H - v_threshold.

    The arctangent surrogate with α = 2 of Fang et al. 2021 (arXiv 2007.05785), as in SGAD's released code.

    Parameters
    ----------
    distance : Tensor
        u, membrane minus threshold; any shape.

    Returns
    -------
    Tensor
        In (0, 1], same shape.
    """
    return (distance * math.pi).square_().add_(1).reciprocal_()
