"""The check against memorising finds copies and lets new images pass."""

from __future__ import annotations

import pytest
import torch

from trained.neighbours import nearest


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(600, 1, 4, 4, generator=torch.Generator().manual_seed(0))


def test_copies_are_found(images: torch.Tensor) -> None:
    found = nearest(images[:50] + 1e-4, images[:300], images[300:])
    assert found.n_copies == 50
    assert found.ratio < 0.01
    assert found.generated == pytest.approx(1e-4, rel=1e-2)


def test_new_images_of_the_same_kind_are_none(images: torch.Tensor) -> None:
    found = nearest(images[450:], images[:300], images[300:450])
    assert found.n_copies <= 1
    assert 0.9 < found.ratio < 1.1


def test_distance_is_per_pixel() -> None:
    found = nearest(torch.full((1, 1, 4, 4), 0.5), torch.zeros(1, 1, 4, 4), torch.ones(2, 1, 4, 4))
    assert found.generated == pytest.approx(0.5)
    assert found.held_out == pytest.approx(1.0)


def test_no_images() -> None:
    with pytest.raises(ValueError, match="there are no held-out images; at least 1 is needed"):
        nearest(torch.zeros(1, 2), torch.zeros(1, 2), torch.zeros(0, 2))
