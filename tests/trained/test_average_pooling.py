"""Average pooling is torch's, bit for bit, and its gradient can be differentiated again."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import avg_pool2d

from trained.average_pooling import average_pool

SHAPES = {"even": (7, 3, 6, 10), "large": (40, 8, 24, 24), "odd": (2, 3, 5, 7), "empty": (0, 3, 4, 4)}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_values_and_gradients_are_torchs(
    shape: tuple[int, ...], layout: torch.memory_format, dtype: torch.dtype
) -> None:
    torch.manual_seed(0)
    x = torch.randn(shape).to(dtype).to(memory_format=layout).requires_grad_()
    results = []
    for pool in (average_pool, avg_pool2d):
        y = pool(x, 2)
        weight = torch.arange(y.numel()).sin().reshape(y.shape).to(dtype)
        results.append((y, *torch.autograd.grad(y, x, weight)))
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(*results, strict=True))


def test_gradients_can_be_differentiated_again() -> None:
    x = torch.randn(2, 3, 4, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: average_pool(x, 2).square(), x)
    assert torch.autograd.gradgradcheck(lambda x: average_pool(x, 2).square(), x)


def test_other_windows_are_left_to_torch() -> None:
    x = torch.randn(2, 3, 9, 9)
    assert torch.equal(average_pool(x, 3), avg_pool2d(x, 3))
