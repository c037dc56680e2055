"""Surrogate gradients: what stands in for the derivative of the spike.

The spike is a step of the membrane H at the threshold; going backward its derivative is one of these functions of H. A new
one is a class here, a line in `SURROGATES` and a branch in `scan.cpp`.
"""

from __future__ import annotations

import abc
import dataclasses
import math
from typing import ClassVar

import torch
from torch import Tensor

from study.commands import unknown


@dataclasses.dataclass(frozen=True)
class Surrogate(abc.ABC):
    """Derivative height · f(slope (H - centre)) of the spike with respect to the membrane."""

    kind: ClassVar[str]

    @property
    @abc.abstractmethod
    def slope(self) -> float:
        """What H - centre is multiplied with."""

    @property
    @abc.abstractmethod
    def height(self) -> float:
        """What f is multiplied with."""

    def centred_at(self, v_threshold: float | Tensor) -> float | Tensor:
        """Return the membrane at which the window is centred: the threshold unless a class says otherwise."""
        return v_threshold

    def derivative(self, h: Tensor, v_threshold: float | Tensor) -> Tensor:
        """Return the stand-in for dS/dH at the membrane `h`, same shape; itself differentiable."""
        return self.shape(h - self.centred_at(v_threshold)) * self.height

    @abc.abstractmethod
    def shape(self, distance: Tensor) -> Tensor:
        """Return f of H - centre."""


@dataclasses.dataclass(frozen=True)
class Atan(Surrogate):
    """(α/2) / (1 + (π/2 α u)²), u = H - v_threshold: arctangent (Fang et al. 2021, arXiv 2007.05785).

    α = 2 in SGAD's released code, PLIF and ALIF: 1 / (1 + (π u)²).

    Parameters
    ----------
    alpha : float
        α, above 0.
    """

    alpha: float = 2.0
    kind: ClassVar[str] = "atan"

    def __post_init__(self) -> None:
        _check_positive("alpha", self.alpha)

    @property
    def slope(self) -> float:
        """π α / 2."""
        return math.pi * self.alpha / 2

    @property
    def height(self) -> float:
        """α / 2."""
        return self.alpha / 2

    def shape(self, distance: Tensor) -> Tensor:
        """Return 1 / (1 + (slope u)²)."""
        return ((distance * self.slope).square() + 1).reciprocal()


@dataclasses.dataclass(frozen=True)
class Rectangle(Surrogate):
    """1/width where |H - centre| < width/2, else 0 (Wu et al. 2018, arXiv 1706.02609).

    Fully Spiking VAE: the paper centres it on the threshold (width 0.2 in the author's account), the released code on 0
    with width 1, that is, gradient 1 where |H| < 0.5.

    Parameters
    ----------
    width : float
        In units of the membrane, above 0.
    centre : "threshold" or "zero"
    """

    width: float = 1.0
    centre: str = "threshold"
    kind: ClassVar[str] = "rectangle"

    def __post_init__(self) -> None:
        _check_positive("width", self.width)
        if self.centre not in ("threshold", "zero"):
            raise unknown("centre of the rectangle", self.centre, ("threshold", "zero"))

    @property
    def slope(self) -> float:
        """Half of the width, with which |H - centre| is compared."""
        return self.width / 2

    @property
    def height(self) -> float:
        """1 / width."""
        return 1 / self.width

    def centred_at(self, v_threshold: float | Tensor) -> float | Tensor:
        """Return the threshold or 0."""
        return v_threshold if self.centre == "threshold" else 0.0

    def shape(self, distance: Tensor) -> Tensor:
        """Return 1 in the window, else 0."""
        return (distance.abs() < self.slope).to(distance.dtype)


@dataclasses.dataclass(frozen=True)
class Sigmoid(Surrogate):
    """α σ(α u) (1 - σ(α u)), u = H - v_threshold: derivative of the logistic function.

    Parameters
    ----------
    alpha : float
        α, above 0; 4 is SpikingJelly's default.
    """

    alpha: float = 4.0
    kind: ClassVar[str] = "sigmoid"

    def __post_init__(self) -> None:
        _check_positive("alpha", self.alpha)

    @property
    def slope(self) -> float:
        """α."""
        return self.alpha

    @property
    def height(self) -> float:
        """α."""
        return self.alpha

    def shape(self, distance: Tensor) -> Tensor:
        """Return σ (1 - σ)."""
        s = torch.sigmoid(distance * self.slope)
        return (1 - s) * s


@dataclasses.dataclass(frozen=True)
class FastSigmoid(Surrogate):
    """1 / (1 + α |u|)², u = H - v_threshold (SuperSpike, Zenke and Ganguli 2018, arXiv 1705.11146).

    Parameters
    ----------
    alpha : float
        α, above 0; 25 is snnTorch's default.
    """

    alpha: float = 25.0
    kind: ClassVar[str] = "fast_sigmoid"

    def __post_init__(self) -> None:
        _check_positive("alpha", self.alpha)

    @property
    def slope(self) -> float:
        """α."""
        return self.alpha

    @property
    def height(self) -> float:
        """1."""
        return 1.0

    def shape(self, distance: Tensor) -> Tensor:
        """Return 1 / (1 + α |u|)²."""
        return ((distance * self.slope).abs() + 1).square().reciprocal()


def _check_positive(name: str, value: float) -> None:
    if not 0 < value < math.inf:
        raise ValueError(f"{name} of the surrogate gradient is {value}; it must be above 0 and finite.")


SURROGATES: dict[str, Surrogate] = {
    "atan": Atan(),  # SGAD, PLIF, ALIF
    "window-zero": Rectangle(width=1.0, centre="zero"),  # Fully Spiking VAE, released code
    "window-threshold": Rectangle(width=0.2),  # Fully Spiking VAE, the author's account of the paper
    "sigmoid": Sigmoid(),
    "fast-sigmoid": FastSigmoid(),
}


def build_surrogate(name: str) -> Surrogate:
    """Return the surrogate called `name`.

    Raises
    ------
    ValueError
        If there is no such surrogate.
    """
    if name not in SURROGATES:
        raise unknown("surrogate", name, SURROGATES)
    return SURROGATES[name]
