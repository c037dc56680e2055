"""Pooling of spikes that is a layer of its own; average pooling belongs to the layer that follows (`trained.network`)."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from study.network import Shape


class MaxPool(nn.Module):
    """Maximum of spikes over windows: whether any unit of a window fires.

    Parameters
    ----------
    name : str
    input_shape : (channel, y, x)
    size : int
        Side and stride of the windows.
    """

    def __init__(self, name: str, input_shape: Shape, size: int):
        super().__init__()
        self.name, self.input_shape, self.size = name, input_shape, size
        self.shape: Shape = (input_shape[0], input_shape[1] // size, input_shape[2] // size)

    def forward(self, x: Float[Tensor, "time batch *unit"], n_steps: int) -> Tensor:
        """Return the maxima at all steps."""
        return nn.functional.max_pool2d(x.flatten(0, 1), self.size).unflatten(0, x.shape[:2])
