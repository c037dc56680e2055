"""`python -m analysis rsa`: what it writes, what it tells, what it refuses."""

import dataclasses
import json

import numpy as np
import pytest

from analysis.__main__ import main
from analysis.model_rdms import (
    RdmChoices,
    layer_rdms,
    load_rdms,
    match_stimuli,
)
from analysis.recording_file import load_recording, save_recording
from analysis.rsa import BEST_LAYER
from analysis.table import load_table
from study.files import sha256
from study.netcdf import read_group
from study.responses import save_responses
from study.stimuli import Stimuli, save_stimuli
from tests.analysis.synthetic import images, responses


@pytest.fixture
def folder(tmp_path):
    pictures, ids = images(8), np.arange(8)
    save_stimuli(Stimuli(pictures, ids, attributes={"simulated": "true"}), tmp_path / "stimuli.nc")
    for network in ("generator", "critic"):
        save_responses(responses(pictures, ids, network, "torch", "sgad"), tmp_path / f"{network}.nc")
    argv = ["record", "--source", "simulated", "--stimuli", str(tmp_path / "stimuli.nc")]
    assert main([*argv, "--out", str(tmp_path / "recording.nc")]) == 0
    return tmp_path


def rsa(folder, *more, recorded="recording.nc"):
    argv = ["rsa", "--recording", str(folder / recorded), "--out", str(folder / "rsa.csv")]
    return main([*argv, "--bootstrap", "5", "--permutations", "5", *more])


def test_layers_come_from_the_file(folder):
    layers = layer_rdms("m", folder / "generator.nc", np.arange(8)[::-1], RdmChoices())
    assert [m.layer for m in layers] == ["g1", "g2", "image"]
    assert {(m.network, m.level) for m in layers} == {("generator", "torch")}
    forward = layer_rdms("m", folder / "generator.nc", np.arange(8), RdmChoices())
    np.testing.assert_allclose(layers[0].matrix, forward[0].matrix[::-1, ::-1], atol=1e-12)
    part = layer_rdms("m", folder / "generator.nc", np.arange(8), RdmChoices(window_ms=(0, 125)))
    assert part[0].window == "0-125 ms"
    assert not np.allclose(part[0].matrix, forward[0].matrix)
    with pytest.raises(
        ValueError,
        match=r"no time bin lies inside the window 300 to 400 ms; the bins run from 0 to 250 ms in steps of 31\.25",
    ):
        layer_rdms("m", folder / "generator.nc", np.arange(8), RdmChoices(window_ms=(300, 400)))


def test_the_command_writes_table_and_rdms(folder, capsys):
    named = [f"p/sgad/seed-0={folder / name}" for name in ("generator.nc", "critic.nc")]
    more = ["--images", str(folder / "stimuli.nc"), "--rdms", str(folder / "rdms.nc")]
    assert rsa(folder, "--responses", *named, *more) == 0
    assert "SIMULATED V1" in capsys.readouterr().out
    rows = load_table(folder / "rsa.csv")
    assert {r.simulated for r in rows} == {"true"}
    assert {r.layer for r in rows if not r.is_baseline} == {"g1", "g2", "image", "c1", "c2", BEST_LAYER}
    assert {r.distance for r in rows if r.layer == "luminance"} == {"euclidean"}
    # stand-in images are not the Allen scenes: no reference baselines
    assert {r.layer for r in rows if r.is_baseline} >= {"pixels", "gabor", "gabor-raw", "contrast"}
    assert not {r.layer for r in rows} & {"pixels-reference", "gabor-reference"}
    assert len(load_rdms(folder / "rdms.nc")) == 5 + 11
    facts = read_group(folder / "rdms.nc", "RDMs", "").attrs
    assert facts["sha256_recording"] == sha256(folder / "recording.nc")
    assert facts["sha256_images"] == sha256(folder / "stimuli.nc")
    paths = [folder / name for name in ("generator.nc", "critic.nc")]
    assert json.loads(facts["responses_sha256"]) == {str(path): sha256(path) for path in paths}
    told = json.loads(
        (folder / "rsa.json").read_text()
    )  # the same beside the table, which has no place for it
    assert told["table"]["sha256_recording"] == facts["sha256_recording"]
    assert told["table"]["git_commit"] == facts["git_commit"]
    assert json.loads(told["table"]["config"])["bootstrap"] == "5"
    assert told["recording"]["source"] == "simulated"
    assert told["recording"]["simulated"] == told["images"]["simulated"] == "true"


def test_a_table_named_like_what_lies_beside_it(folder, capsys):
    assert rsa(folder, "--images", str(folder / "stimuli.nc"), "--out", str(folder / "x.json")) == 2
    assert "its JSON goes beside it; name it x.csv." in capsys.readouterr().err


def test_the_table_says_how_the_sites_were_made(folder):
    images = ["--images", str(folder / "stimuli.nc"), "--baselines", "pixels"]
    assert rsa(folder, *images, "--good-cells", "7", "--good-ceiling", "0.2") == 0
    row = load_table(folder / "rsa.csv")[0]
    assert (row.distance, row.site_distance, row.good_cells, row.good_ceiling) == (
        *["correlation"] * 2,
        7,
        0.2,
    )
    assert rsa(folder, *images, "--site-distance", "crossnobis", "--noise", "diagonal") == 0
    assert {r.site_distance for r in load_table(folder / "rsa.csv")} == {"crossnobis (diagonal)"}


def test_a_critics_single_score_is_no_layer(folder):
    assert "score" not in {m.layer for m in layer_rdms("m", folder / "critic.nc", np.arange(8), RdmChoices())}


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ([], "there is nothing to compare; give --responses NAME=FILE"),
        (["--responses", "critic.nc"], "--responses 'critic.nc' is not NAME=FILE; write it like"),
        (["--responses", "baseline/x=critic.nc"], "'baseline/x' is not allowed"),
        (["--responses", "a=none.nc"], "there is no file none.nc"),
        (["--responses", "a=stimuli.nc"], "stimuli.nc names no layers, so it is another kind of file; make"),
        (["--good-cells", "-5", "--images", "stimuli.nc"], "good_cells is -5; allowed is 0 or more"),
        (["--good-ceiling", "7", "--images", "stimuli.nc"], "good_ceiling is 7; a trial reliability is"),
        (["--metric", "sperman"], "unknown metric 'sperman': did you mean 'spearman'?"),
        (["--distance", "cos", "--images", "stimuli.nc"], "unknown distance 'cos': did you mean 'cosine'?"),
        (["--ceiling", "mouse", "--images", "stimuli.nc"], "unknown ceiling 'mouse'"),
        (["--bootstrap", "-3", "--images", "stimuli.nc"], "n_bootstrap is -3; allowed is 0 or more"),
        (
            ["--interval", "correct", "--images", "stimuli.nc"],
            "unknown interval 'correct': did you mean 'corrected'?",
        ),
        (
            ["--interval", "percentile", "--metric", "linear-cka", "--images", "stimuli.nc"],
            "linear-cka has no percentile interval",
        ),
    ],
)
def test_refused_commands(folder, capsys, monkeypatch, more, text):
    monkeypatch.chdir(folder)
    assert rsa(folder, *more) == 2
    error = capsys.readouterr().err
    assert text in error
    assert error.count("\n") == 1
    assert not (folder / "rsa.csv").exists()


@pytest.mark.parametrize(
    ("counts", "more", "text"),
    [
        (np.zeros((8, 1, 2, 3)), [], "no score                 a critic torch c: 0 images have a pattern (8 are silent), at least 4 are needed"),
        (np.eye(8)[:, None, None], [], "a critic torch c: all its dissimilarities are alike, nothing can be ranked."),
        (np.zeros((8, 1, 2, 3)), ["--silent", "one"], "a critic torch c: all its dissimilarities are alike"),
    ],
)  # fmt: skip
def test_layers_without_a_score_are_told_with_the_reason(folder, capsys, counts, more, text):
    made = responses(images(8), np.arange(8), "critic", "torch", "sgad")
    shape = {"c": counts.shape[-1:]}
    edges = np.arange(counts.shape[2] + 1.0)
    save_responses(
        dataclasses.replace(made, counts={"c": counts.astype(np.uint16)}, shapes=shape, bin_edges_ms=edges),
        folder / "dead.nc",
    )
    assert rsa(folder, "--responses", f"a={folder / 'dead.nc'}", *more) == 0
    assert text in capsys.readouterr().out


def test_nan_units_are_refused(folder, capsys):
    made = responses(images(8), np.arange(8), "generator", "torch", "sgad")
    dims, image = made.readout["image"]
    image[3, 0, 7] = np.nan
    save_responses(dataclasses.replace(made, readout={"image": (dims, image)}), folder / "nan.nc")
    assert rsa(folder, "--responses", f"a={folder / 'nan.nc'}") == 2
    error = capsys.readouterr().err
    assert "nan.nc: image holds 1 NaN or infinite values" in error
    assert error.count("\n") == 1


def test_other_stimuli_are_refused(folder, capsys):
    pictures, ids = images(8), np.arange(1, 9)
    save_responses(responses(pictures, ids, "critic", "torch", "sgad"), folder / "other.nc")
    assert rsa(folder, "--responses", f"a={folder / 'other.nc'}") == 2
    error = capsys.readouterr().err
    assert "1 of the recording's are missing (first: 0), 1 are not in the recording (first: 8)" in error
    assert "show the network the stimuli that were recorded" in error
    assert match_stimuli(np.array([3, 1, 2]), np.array([1, 2, 3]), "x").tolist() == [1, 2, 0]


def test_the_blank_is_compared_where_it_was_kept_and_left_out_elsewhere(folder, capsys):
    pictures, ids = images(8), np.array([3, 1, 2, 0, -1, 4, 5, 6])
    pictures[ids == -1] = 127 / 255
    save_stimuli(Stimuli(pictures, ids, attributes={"simulated": "true"}), folder / "gray.nc")
    made = load_recording(folder / "recording.nc")
    kept = dataclasses.replace(made, stimulus=np.array([-1, *range(7)]))
    save_recording(kept, folder / "kept.nc")
    choices = ["--images", str(folder / "gray.nc"), "--baselines", "pixels", "gabor"]
    assert rsa(folder, *choices, recorded="kept.nc") == 0
    rows = {row.layer: row for row in load_table(folder / "rsa.csv") if row.layer in ("pixels", "gabor")}
    assert (rows["pixels"].n_images, rows["pixels"].n_silent) == (7, 1)  # a flat image has no correlation
    assert rows["gabor"].n_images == 8
    cut = made.dissimilarity[:, 1:, 1:]
    without = dataclasses.replace(made, stimulus=np.arange(7), dissimilarity=cut, response=made.response[1:])
    save_recording(without, folder / "without.nc")
    assert rsa(folder, *choices, recorded="without.nc") == 0
    assert {row.n_images for row in load_table(folder / "rsa.csv")} == {7}
    assert rsa(folder, "--images", str(folder / "stimuli.nc"), recorded="kept.nc") == 2
    assert "(the gray screen, -1, is added by `python -m analysis stimuli --gray`)" in capsys.readouterr().err


def test_images_in_colour_are_refused(folder, capsys):
    coloured = Stimuli(np.ones((8, 32, 32, 3)) / 2, np.arange(8), attributes={"simulated": "true"})
    save_stimuli(coloured, folder / "colour.nc")
    assert rsa(folder, "--images", str(folder / "colour.nc")) == 2
    assert "(32, 32, 3), but baselines are of gray images (y, x)" in capsys.readouterr().err
    argv = ["record", "--source", "simulated", "--stimuli", str(folder / "colour.nc")]
    assert main([*argv, "--out", str(folder / "r.nc")]) == 2
    assert "the simulated V1 sees gray images" in capsys.readouterr().err


def test_stand_ins_beside_a_real_recording_are_refused(folder, capsys):
    made = load_recording(folder / "recording.nc")
    real = dataclasses.replace(made, attributes={**made.attributes, "simulated": "false"})
    save_recording(real, folder / "real.nc")
    assert rsa(folder, "--images", str(folder / "stimuli.nc"), recorded="real.nc") == 2
    assert "holds stand-in images, but the recording is of the Allen scenes" in capsys.readouterr().err
    save_stimuli(Stimuli(np.ones((8, 3)), np.arange(8)), folder / "latents.nc")
    assert rsa(folder, "--images", str(folder / "latents.nc")) == 2
    assert "holds latents; give the images" in capsys.readouterr().err
