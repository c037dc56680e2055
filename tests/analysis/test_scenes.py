"""Scenes as network input."""

import numpy as np
import pytest

from analysis import scenes
from analysis.__main__ import main
from analysis.scenes import area_resize, area_weights, find_scenes, fit_images, scene_stimuli
from study.stimuli import load_stimuli


def test_area_resize_keeps_means_and_constants():
    picture = np.random.default_rng(0).random((2, 92, 117))
    for size in (4, 13, 32, 92):
        np.testing.assert_allclose(area_weights(92, size).sum(axis=1), 1)
        assert area_resize(picture, size, size).mean(axis=(1, 2)) == pytest.approx(picture.mean(axis=(1, 2)))
    blocks = picture[:, :92, :116].reshape(2, 46, 2, 58, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(area_resize(picture[:, :, :116], 46, 58), blocks)
    np.testing.assert_allclose(area_resize(picture, 92, 117), picture)


def test_fits():
    picture = np.zeros((1, 92, 117))
    picture[:, :, :10] = 1  # left of the centre square
    assert fit_images(picture, 32, "crop").max() == 0
    assert fit_images(picture, 32, "squash")[0, 0, 0] == 1
    with pytest.raises(ValueError, match="size is 93 pixels; allowed is 4 to 92"):
        fit_images(picture, 93, "crop")
    with pytest.raises(ValueError, match="unknown fit 'crp': did you mean 'crop'"):
        fit_images(picture, 32, "crp")


def test_stand_ins_are_marked(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(scenes, "find_scenes", lambda: None)
    assert main(["stimuli", "--size", "16", "--out", str(tmp_path / "s.nc")]) == 0
    assert "STAND-IN IMAGES" in capsys.readouterr().out
    stimuli = load_stimuli(tmp_path / "s.nc")
    assert stimuli.attributes["simulated"] == "true"
    assert stimuli.values.shape == (118, 16, 16)
    assert stimuli.stimulus.tolist() == list(range(118))
    assert len(np.unique(stimuli.values.reshape(118, -1), axis=0)) == 118
    again = scene_stimuli(16)
    np.testing.assert_array_equal(again.values, stimuli.values)


def test_scenes_are_gray_values_from_0_to_1(monkeypatch):
    from study import images, manifest

    stored = np.tile(np.arange(118, dtype=np.uint8)[:, None, None], (1, 92, 117))
    monkeypatch.setattr(images, "load_scenes", lambda: stored)
    monkeypatch.setattr(manifest, "find", lambda name: "somewhere")
    np.testing.assert_array_equal(find_scenes() * 255, stored)
    monkeypatch.setattr(manifest, "find", lambda name: None)
    assert find_scenes() is None
