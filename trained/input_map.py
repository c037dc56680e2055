"""Images as a network's first layer takes them: scaled and shifted, which an export folds into that layer."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from study import network as spec


@dataclasses.dataclass(frozen=True)
class InputMap:
    """input[c] = scale[c] · image[c] + shift[c], for images in [0, 1].

    Parameters
    ----------
    scale, shift : tuple of float
        One number per channel.
    """

    scale: tuple[float, ...]
    shift: tuple[float, ...]

    def __call__(self, images: Float[Tensor, "batch channel y x"]) -> Float[Tensor, "batch channel y x"]:
        """Return the images as the first layer takes them."""
        scale, shift = (torch.tensor(x).view(-1, 1, 1).to(images) for x in (self.scale, self.shift))
        return images * scale + shift

    def fold(self, layer: spec.Layer) -> spec.Layer:
        """Return the first layer such that it takes images in [0, 1].

        The shift becomes a drive per unit, not per channel: beyond the border the input is 0, not `shift`.
        """
        connection = layer.connection
        assert isinstance(connection, spec.Conv2d)
        shift = torch.tensor(self.shift, dtype=torch.float64).view(1, -1, 1, 1)
        shifted = nn.functional.conv2d(
            shift.expand(1, *connection.input_shape),
            torch.from_numpy(np.array(connection.weight)),
            stride=connection.stride,
            padding=connection.padding,
        )
        scale = np.array(self.scale).reshape(1, -1, 1, 1)
        return dataclasses.replace(
            layer,
            connection=dataclasses.replace(connection, weight=connection.weight * scale),
            drive=layer.drive + shifted.flatten().numpy(),
        )

    @classmethod
    def symmetric(cls, n_channels: int) -> InputMap:
        """Return the map from [0, 1] to [-1, 1]."""
        return cls((2.0,) * n_channels, (-1.0,) * n_channels)

    @classmethod
    def standardising(cls, mean: tuple[float, ...], deviation: tuple[float, ...]) -> InputMap:
        """Return the map that makes images of this mean and standard deviation standard."""
        shift = tuple(-m / d for m, d in zip(mean, deviation, strict=True))
        return cls(tuple(1 / d for d in deviation), shift)
