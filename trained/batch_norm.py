"""Batch norm over the whole batch, also when several processes hold parts of it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trained import parallel


class BatchNorm(nn.modules.batchnorm._BatchNorm):
    """Torch's batch norm; its statistics in training are those of all processes' parts together.

    The same equations on every device: `torch.nn.SyncBatchNorm` refuses CPUs, where this could not be tested then.
    Input is (batch, channel, ...).
    """

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim < 2:
            raise ValueError(f"batch norm takes (batch, channel, ...), not {tuple(input.shape)}.")

    def forward(self, input: Tensor) -> Tensor:
        """Return the normalised input."""
        if not self.training or parallel.n_processes() == 1:
            return super().forward(input)
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.momentum is not None
        axes = [axis for axis in range(input.ndim) if axis != 1]
        along_channels = [-1 if axis == 1 else 1 for axis in range(input.ndim)]
        n = input.numel() // input.shape[1] * parallel.n_processes()
        x = input.float() if input.dtype in (torch.bfloat16, torch.float16) else input
        mean = parallel.mean(x.mean(axes))
        centred = x - mean.view(along_channels)
        variance = parallel.mean(centred.square().mean(axes))
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (n / (n - 1)), self.momentum)
            if self.num_batches_tracked is not None:
                self.num_batches_tracked += 1
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (centred * scale.view(along_channels) + self.bias.view(along_channels)).to(input.dtype)
