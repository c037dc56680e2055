"""Scenes as network input."""

import h5py
import numpy as np
import pytest

from analysis import scenes, screen
from analysis.__main__ import main
from analysis.scenes import SceneChoices, area_resize, area_weights, find_scenes, fit_images, scene_stimuli
from study.stimuli import load_stimuli
from tests.analysis.allensdk_answers import STRIDE, smooth_scene
from tests.analysis.nwb_fixtures import write_nwb1


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
    again = scene_stimuli(SceneChoices(16))
    np.testing.assert_array_equal(again.values, stimuli.values)


def test_the_gray_screen_comes_last_and_stays_as_it_was(monkeypatch, tmp_path):
    monkeypatch.setattr(scenes, "find_scenes", lambda: None)
    out = ["--luminance", "contrast-normalised", "--out", str(tmp_path / "s.nc")]
    assert main(["stimuli", "--size", "16", "--gray", *out]) == 0
    stimuli = load_stimuli(tmp_path / "s.nc")
    assert stimuli.stimulus.tolist() == [*range(118), -1]
    assert (stimuli.values[-1] == 127 / 255).all()
    assert stimuli.attributes["gray"] == "true"
    without = scene_stimuli(SceneChoices(16, luminance="contrast-normalised"))
    np.testing.assert_array_equal(without.values, stimuli.values[:-1])


def test_scenes_are_gray_values_from_0_to_1(monkeypatch):
    from study import images, manifest

    stored = np.tile(np.arange(118, dtype=np.uint8)[:, None, None], (1, 92, 117))
    monkeypatch.setattr(images, "load_scenes", lambda: stored)
    monkeypatch.setattr(manifest, "find", lambda name: "somewhere")
    np.testing.assert_array_equal(find_scenes() * 255, stored)
    monkeypatch.setattr(manifest, "find", lambda name: None)
    assert find_scenes() is None


def test_scenes_lie_on_the_screen_as_allensdk_has_it(expected):
    scene = smooth_scene() / 255
    flat = screen.place_on_screen(scene)
    assert flat.shape == (1200, 1920)
    np.testing.assert_array_equal(flat[141:1059, 373:1547], scene)
    assert flat[140, 900] == flat[600, 372] == 127 / 255
    places = screen.warp_coordinates((1200, 1920))[:, ::STRIDE, ::STRIDE]
    np.testing.assert_allclose(places, expected["warp_coordinates"], atol=1e-3)  # pixels
    # allensdk rounds to whole gray values
    np.testing.assert_allclose(screen.warp(flat)[::100] * 255, expected["warped_rows"], atol=0.51)
    seen = screen.on_monitor((1200, 1920))[::STRIDE, ::STRIDE]
    assert (seen != expected["on_monitor"]).mean() < 0.01  # allensdk's mask is of a slightly smaller monitor


def test_the_warp_keeps_angles():
    # 15 cm beside the centre the mouse looks at 45 degrees; the flat picture has 15 cm · pi / 4 there
    column = round(960 + 15 / screen.PIXEL_CM)
    offset = (screen.warp_coordinates((1200, 1920))[1, 600, column] - 960) * screen.PIXEL_CM
    assert offset == pytest.approx(15 * np.pi / 4, abs=0.02)
    assert screen.warp_coordinates((1200, 1920))[:, 600, 960] == pytest.approx([600, 960])


def test_coarse_scenes_are_warped_alike():
    scene = smooth_scene() / 255
    coarse = screen.view(area_resize(scene[None], 92, 117)[0], "warped")
    fine = area_resize(screen.view(scene, "warped")[None], *coarse.shape)[0]
    assert coarse.shape == (120, 191)
    assert np.abs(coarse - fine).mean() < 0.01
    assert np.corrcoef(coarse.ravel(), fine.ravel())[0, 1] > 0.99


@pytest.mark.parametrize("view", screen.VIEWS)
@pytest.mark.parametrize("luminance", scenes.LUMINANCE)
def test_every_view_and_luminance(view, luminance):
    pictures = np.random.default_rng(0).random((3, 92, 117)) * np.array([0.2, 0.6, 1.0])[:, None, None]
    shown = scenes.show(pictures, SceneChoices(32, "crop", view, luminance))
    assert shown.shape == (3, 32, 32)
    assert 0 <= shown.min() <= shown.max() <= 1
    means, contrasts = shown.mean(axis=(1, 2)), shown.std(axis=(1, 2))
    if luminance != "as-is":
        assert np.ptp(means) < 0.01
    if luminance == "contrast-normalised":
        assert np.ptp(contrasts) < 0.01
    elif luminance == "as-is":
        assert np.ptp(means) > 0.1


def test_unknown_views_and_luminances():
    with pytest.raises(ValueError, match="unknown view 'warp': did you mean 'warped'"):
        scenes.show(np.zeros((1, 92, 117)), SceneChoices(view="warp"))
    with pytest.raises(ValueError, match="unknown luminance 'matched'"):
        scenes.show(np.zeros((1, 92, 117)), SceneChoices(luminance="matched"))


def test_full_resolution_scenes_of_a_session(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(scenes, "N_SCENES", 3)
    path = write_nwb1(tmp_path / "session.nwb")
    arguments = ["stimuli", "--nwb", str(path), "--out", str(tmp_path / "s.nc")]
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert "has no stimulus/templates/natural_scenes_image_stack/data" in said
    assert "give another file with --nwb, or none." in said
    assert "--source" not in said  # an option that this command lacks
    with h5py.File(path, "a") as file:
        stack = np.stack([smooth_scene()] * 3).astype(np.float32)
        file["stimulus/templates/natural_scenes_image_stack/data"] = stack
    assert main([*arguments, "--view", "warped"]) == 0
    stimuli = load_stimuli(tmp_path / "s.nc")
    assert stimuli.attributes["simulated"] == "false"
    assert stimuli.attributes["view"] == "warped"
    assert "box-filtered" not in stimuli.attributes["citation"]
    expected = area_resize(screen.view(smooth_scene() / 255, "warped")[None, :, 360:1560], 32, 32)
    np.testing.assert_allclose(stimuli.values[0], expected[0], atol=1e-6)
