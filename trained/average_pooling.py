"""Average pooling. Of all steps of a spiking layer it is a large tensor's worth of work, which torch does slowly on a CPU.

The compiled library does windows of 2 x 2 on images of even sides; everything else is torch's. The sums run in the same order, so
the results are the same bits.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from trained import scan_kernel


class _Pool(torch.autograd.Function):
    """Means of 2 x 2 neighbours. It is linear: its gradient is `_Unpool`, whose gradient is this."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor) -> Tensor:
        return scan_kernel.pool(x)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *grads: Tensor) -> Tensor:
        return _Unpool.apply(grads[0])


class _Unpool(torch.autograd.Function):
    """A quarter of every value at each of its 2 x 2 places."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor) -> Tensor:
        return scan_kernel.unpool(x)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *grads: Tensor) -> Tensor:
        return _Pool.apply(grads[0])


def average_pool(
    x: Float[Tensor, "image channel y x"], size: int
) -> Float[Tensor, "image channel pooled_y pooled_x"]:
    """Return the means over windows of `size` x `size` side by side; what does not fill a window is left out."""
    if size == 2 and x.shape[-1] % 2 == 0 and x.shape[-2] % 2 == 0 and scan_kernel.usable(x):
        return _Pool.apply(x)
    return nn.functional.avg_pool2d(x, size)
