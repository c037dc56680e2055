"""Training images: what comes out of each data set, in gray and in colour."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from study import images
from trained import data
from trained.configurations import named_config
from trained.data import training_images
from trained.sheet import save_sheet

CIFAR = dataclasses.replace(named_config("cifar10/sgad"), image_size=32)


@pytest.fixture
def three_pictures(monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Red, green and a gradient, as CIFAR-10 gives them."""
    pixels = np.zeros((3, 32, 32, 3), np.uint8)
    pixels[0, ..., 0] = pixels[1, ..., 1] = 255
    pixels[2] = np.arange(32, dtype=np.uint8)[:, None] * 8
    monkeypatch.setattr(images, "load_cifar10", lambda split: (pixels, np.arange(3), "jpeg-subset"))
    return pixels


def test_colour_is_kept_channel_by_channel(three_pictures: np.ndarray) -> None:
    found = training_images(CIFAR)
    assert found.shape == (3, 3, 32, 32)
    assert torch.equal(found, torch.from_numpy(three_pictures / np.float32(255)).movedim(-1, 1))


def test_one_channel_makes_luminance_of_it(three_pictures: np.ndarray) -> None:
    found = training_images(dataclasses.replace(CIFAR, n_colours=1))
    assert found.shape == (3, 1, 32, 32)
    assert found[0].unique().item() == pytest.approx(images.LUMINANCE[0])
    assert found[1].unique().item() == pytest.approx(images.LUMINANCE[1])
    assert torch.allclose(found[2, 0, 0], torch.arange(32.0) * 8 / 255)


def test_gray_images_have_no_colours() -> None:
    with pytest.raises(ValueError, match="dataset digits is gray, but n_colours is 3; 1 is allowed here"):
        training_images(dataclasses.replace(CIFAR, dataset="digits"))


def test_unknown_data_set() -> None:
    with pytest.raises(ValueError, match="unknown dataset 'cifar100': did you mean 'cifar10'"):
        training_images(dataclasses.replace(CIFAR, dataset="cifar100"))
    assert "cifar10" in data.DATASETS


@pytest.mark.parametrize("colours", [1, 3])
def test_sheets_in_gray_and_colour(tmp_path: Path, colours: int) -> None:
    pictures = torch.zeros(2, colours, 4, 4)
    pictures[0, 0] = 1
    save_sheet(pictures, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        pixels = np.asarray(sheet)
    assert pixels.shape == ((20, 20) if colours == 1 else (20, 20, 3))
    assert pixels[0, 0].tolist() == (255 if colours == 1 else [255, 0, 0])
