"""Recordings: sources, file, ceilings, bad input."""

import numpy as np
import pytest
import xarray as xr

from analysis.__main__ import main
from analysis.presentations import check_frames, trials_by_frame
from analysis.recording_file import Recording, load_recording, save_recording
from analysis.recordings import Choices, automatic, how_to_get, make_recording
from analysis.session_source import lagged, load_session
from analysis.simulated_source import simulate
from analysis.site_source import dropped_sites, load_sites
from analysis.trials import (
    cell_reliability,
    half_reliability,
    rdm_reliability,
    spearman_brown,
)
from study.netcdf import write_groups
from study.stimuli import Stimuli, save_stimuli
from tests.analysis.synthetic import images
from tests.analysis.test_compare import rdms


def recording(n_sites: int = 3, n: int = 6, **changes) -> Recording:
    fields = {
        "site": np.array(["VISp_layer4", "VISp_layer5", "VISl_layer4"][:n_sites]),
        "stimulus": np.arange(n),
        "dissimilarity": rdms(n_sites, n, 0, False),
        "ceiling": np.array([0.9, 0.8, np.nan][:n_sites]),
        "n_cells": np.array([100, 20, 300][:n_sites]),
        "attributes": {"source": "test", "simulated": "false", "citation": "nobody"},
    }
    return Recording(**{**fields, **changes})


@pytest.fixture
def site_file(tmp_path):
    similarity = 1 - rdms(3, 7, 0, False)
    path = tmp_path / "sites.npz"
    np.savez(
        path,
        site=np.array(["VISp_layer4", "VISrl_layer5", "VISl_layer4"]),
        similarity=similarity,
        n_reliable_cells=np.array([10, 4, 20]),
        rdm_split_half_sb=np.array([0.9, 0.1, 0.8]),
        condition=np.array([0, 1, 2, 3, 4, 5, -1]),
    )
    return path


def test_sites_drop_gray_and_listed_sites(site_file):
    made = load_sites(site_file)
    assert made.site.tolist() == ["VISp_layer4", "VISl_layer4"]
    assert made.stimulus.tolist() == [0, 1, 2, 3, 4, 5]
    assert "4 cells" in dropped_sites()["VISrl_layer5"]
    assert "VISrl_layer5 (4 cells" in made.attributes["dropped_sites"]
    assert load_sites(site_file, gray=True).stimulus.tolist()[-1] == -1
    assert len(load_sites(site_file, keep_all=True).site) == 3
    np.testing.assert_array_equal(np.diagonal(made.dissimilarity, axis1=1, axis2=2), 0)


def test_all_sites_on_request_the_listed_one_marked(site_file, tmp_path, monkeypatch):
    monkeypatch.setattr("study.manifest.locate", lambda name: site_file)
    command = ["record", "--source", "sites", "--out", str(tmp_path / "recording.nc")]
    assert main(command) == 0
    assert len(load_recording(tmp_path / "recording.nc").site) == 2
    assert main([*command, "--all-sites"]) == 0
    assert "VISrl_layer5" in load_recording(tmp_path / "recording.nc").site
    assert main(["figures", "--results", str(tmp_path), "fig7_sites"]) == 0
    drawn = (tmp_path / "figures" / "fig7_sites.svg").read_text()
    assert "<!-- VISrl L5 * -->" in drawn
    assert "<!-- VISp L4 -->" in drawn


def test_sites_need_every_array(tmp_path):
    np.savez(tmp_path / "x.npz", site=np.array(["a"]))
    with pytest.raises(ValueError, match="has no similarity, n_reliable_cells"):
        load_sites(tmp_path / "x.npz")


def test_the_file_keeps_everything(tmp_path):
    made = recording(response=None)
    save_recording(made, tmp_path / "recording.nc")
    read = load_recording(tmp_path / "recording.nc")
    for name in ("site", "stimulus", "dissimilarity", "ceiling", "n_cells"):
        np.testing.assert_array_equal(getattr(made, name), getattr(read, name))
    assert read.attributes == made.attributes
    assert read.area.tolist() == ["VISp", "VISp", "VISl"]
    assert not read.simulated


def nan_site() -> np.ndarray:
    matrices = rdms(3, 6, 0, False)
    matrices[1, 2], matrices[1, :, 2] = np.nan, np.nan
    return matrices


def skewed_site() -> np.ndarray:
    matrices = rdms(3, 6, 0, False)
    matrices[2, 0, 1] += 0.5
    return matrices


def site_with_a_row_of_ones() -> np.ndarray:
    matrices = rdms(3, 6, 0, False)
    matrices[1, 2], matrices[1, :, 2], matrices[1, 2, 2] = 1, 1, 0
    return matrices


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"dissimilarity": site_with_a_row_of_ones()},
            r"stimulus 2 of site VISp_layer5 is 1 unlike each of the others, as if it was filled in \(1 such rows\)",
        ),
        (
            {"dissimilarity": nan_site()},
            "site VISp_layer5 holds 11 NaN values; drop the site.*larger --min-units",
        ),
        (
            {"dissimilarity": np.where(np.eye(6, dtype=bool), np.inf, rdms(3, 6, 0, False))},
            "site VISp_layer4 holds 6 infinite values; drop",
        ),
        ({"dissimilarity": skewed_site()}, "site VISl_layer4: an RDM is not symmetric"),
        (
            {"dissimilarity": np.ones((3, 6, 6))},
            "all dissimilarities of site VISp_layer4 are 1; drop the site",
        ),
        ({"dissimilarity": np.ones((3, 5, 5))}, r"3 sites and 6 stimuli need \(3, 6, 6\)"),
        ({"stimulus": np.array([0, 1, 2, 3, 4, 4])}, "stimulus 4 appears 2 times"),
        ({"site": np.array(["a", "b", "a"])}, "site a appears 2 times"),
        ({"n_cells": np.array([1])}, r"n_cells has the shape \(1,\)"),
        ({"stimulus": np.arange(3), "dissimilarity": rdms(3, 3, 0, False)}, "has 3 stimuli; at least 4"),
    ],
)
def test_bad_recordings(changes, text):
    with pytest.raises(ValueError, match=text):
        recording(**changes)


def write(path, **variables):
    coords = {"stimulus": ("stimulus", np.arange(6))}
    write_groups(
        path, {"/": xr.Dataset(variables, coords=coords, attrs={"source": "test", "site": "VISp_layer5"})}
    )
    return path


def test_single_trials_alone_make_a_recording(tmp_path):
    generator = np.random.default_rng(0)
    response = generator.standard_normal((6, 1, 9)) + 0.5 * generator.standard_normal((6, 8, 9))
    read = load_recording(write(tmp_path / "r.nc", response=(("stimulus", "repeat", "unit"), response)))
    assert read.site.tolist() == ["VISp_layer5"]
    assert 0.5 < read.ceiling[0] < 1
    assert read.n_cells.tolist() == [9]
    save_recording(read, tmp_path / "again.nc")
    np.testing.assert_array_equal(load_recording(tmp_path / "again.nc").response, response)


def test_bad_files(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"there is no file .*none.nc; make it with `python -m analysis record`"
    ):
        load_recording(tmp_path / "none.nc")
    response = np.random.default_rng(0).standard_normal((6, 2, 4))
    response[0, :, 2] = np.nan
    path = write(tmp_path / "nan.nc", response=(("stimulus", "repeat", "unit"), response))
    with pytest.raises(ValueError, match=r"NaN or infinite values in 1 of 4 units \(first: unit 2\); drop"):
        load_recording(path)
    path = write(tmp_path / "axes.nc", response=(("stimulus", "unit", "repeat"), np.ones((6, 2, 4))))
    with pytest.raises(ValueError, match="response has the axes"):
        load_recording(path)
    with pytest.raises(ValueError, match="neither `dissimilarity` nor `response`"):
        load_recording(write(tmp_path / "empty.nc"))
    path = write(tmp_path / "dims.nc", dissimilarity=(("site", "stimulus", "other"), np.ones((1, 6, 6))))
    with pytest.raises(ValueError, match="dissimilarity has the axes"):
        load_recording(path)


def test_the_lag_reads_the_next_presentation():
    frame = np.array([1, 0, -1, 1, 0, -1, 0, 1])
    response = np.arange(8.0)[:, None]
    now, stimulus = trials_by_frame(*lagged(frame, response, 0), equal=True)
    assert stimulus.tolist() == [0, 1]
    assert now[:, :, 0].tolist() == [[1, 4, 6], [0, 3, 7]]
    later, _ = trials_by_frame(*lagged(frame, response, 1), equal=True)
    assert later[:, :, 0].tolist() == [[2, 5], [1, 4]]  # the last presentation has no next one
    ragged, _ = trials_by_frame(*lagged(frame, response, 1))
    np.testing.assert_array_equal(ragged[:, :, 0], [[2, 5, 7], [1, 4, np.nan]])
    assert trials_by_frame(frame, response, gray=True)[1].tolist() == [-1, 0, 1]
    with pytest.raises(ValueError, match="lag is 2 presentations; allowed are 0 and 1"):
        lagged(frame, response, 2)


def test_missing_trials_and_unequal_repeats(tmp_path):
    generator = np.random.default_rng(0)
    response = generator.standard_normal((6, 1, 9)) + 0.5 * generator.standard_normal((6, 8, 9))
    whole = load_recording(write(tmp_path / "a.nc", response=(("stimulus", "repeat", "unit"), response)))
    padded = np.concatenate([response, np.full((6, 3, 9), np.nan)], axis=1)
    read = load_recording(write(tmp_path / "b.nc", response=(("stimulus", "repeat", "unit"), padded)))
    np.testing.assert_allclose(
        read.dissimilarity, whole.dissimilarity
    )  # the mean is over the trials that there are
    assert abs(read.ceiling[0] - whole.ceiling[0]) < 0.1
    fewer = response.copy()
    fewer[2, 3:] = np.nan  # five trials of one stimulus are missing
    reliability = cell_reliability(fewer)
    assert np.isfinite(reliability).all()
    assert np.abs(reliability - cell_reliability(response)).max() < 0.2


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        ([0, 1, 2], "1 of the 4 natural scenes were never shown .first: frame 3"),
        (
            [0, 1, 2, 3, 4, 246],
            "frame 4 was shown, but the natural scenes are 0 to 3 and -1 .blank.; take the frame",
        ),
        ([0, 1, 2, np.nan], "frame nan was shown"),
        ([-2, 0, 1, 2, 3], "frame -2 was shown"),
    ],
)
def test_wrong_or_missing_frames(frame, text):
    check_frames(np.array([-1, 0, 1, 2, 3, 3]), "session", 4)
    with pytest.raises(ValueError, match=text):
        check_frames(np.array(frame), "session", 4)


def test_bad_sessions(tmp_path):
    np.savez(tmp_path / "a.npz", frame=np.arange(4))
    with pytest.raises(ValueError, match="frame and max_dff are needed"):
        load_session(tmp_path / "a.npz", "VISp_layer5")
    np.savez(tmp_path / "b.npz", frame=np.arange(4), max_dff=np.full((2, 4), np.nan))
    np.savez(tmp_path / "c.npz", frame=np.arange(4), max_dff=np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"max_dff has the shape \(2, 3\); \(cell, 4\) is needed"):
        load_session(tmp_path / "c.npz", "VISp_layer5")
    with pytest.raises(ValueError, match="2 of 2 cells hold NaN; drop these cells"):
        load_session(tmp_path / "b.npz", "VISp_layer5")
    with pytest.raises(ValueError, match="unknown session 'mouse'"):
        make_recording("session", Choices(session="mouse"))
    with pytest.raises(ValueError, match="unknown recording source 'site': did you mean 'sites'"):
        make_recording("site", Choices())


def test_reliability():
    generator = np.random.default_rng(0)
    signal = generator.standard_normal((40, 1, 30))
    noisy = signal + generator.standard_normal((40, 20, 30))
    # halves of 10 trials: signal variance 1, noise variance 0.1, so r = 1 / 1.1
    assert np.median(cell_reliability(noisy)) == pytest.approx(1 / 1.1, abs=0.03)
    noise = generator.standard_normal((40, 20, 30))
    assert abs(np.median(cell_reliability(noise))) < 0.1
    assert rdm_reliability(noisy) > 0.8 > 0.2 > abs(rdm_reliability(noise))
    assert spearman_brown(0.5) == pytest.approx(2 / 3)
    assert half_reliability(spearman_brown(0.3)) == pytest.approx(0.3)
    with pytest.raises(ValueError, match="1 repeat; at least 2"):
        rdm_reliability(noisy[:, :1])


def test_infinite_responses_are_refused():
    response = np.random.default_rng(0).standard_normal((6, 4, 9))
    response[2, 1, 7] = np.inf
    one_site = {"site": np.array(["a"]), "ceiling": np.ones(1), "n_cells": np.array([9])}
    with pytest.raises(
        ValueError, match=r"1 of 9 units have infinite responses \(first: unit 7\); drop these units, or"
    ):
        recording(dissimilarity=rdms(1, 6, 0, False), response=response, **one_site)


def test_the_simulated_v1_is_not_shown_the_blank(tmp_path, capsys):
    pictures, ids = images(9), np.array([-1, *range(8)])
    pictures[0] = 127 / 255
    save_stimuli(Stimuli(pictures, ids), tmp_path / "stimuli.nc")
    arguments = ["record", "--source", "simulated", "--stimuli", str(tmp_path / "stimuli.nc")]
    assert main([*arguments, "--out", str(tmp_path / "r.nc")]) == 0
    made = load_recording(tmp_path / "r.nc")
    assert made.stimulus.tolist() == list(range(8))
    np.testing.assert_array_equal(
        made.dissimilarity, simulate(Stimuli(pictures[1:], np.arange(8))).dissimilarity
    )
    assert main([*arguments, "--gray", "--out", str(tmp_path / "r.nc")]) == 2
    assert "--gray means nothing to --source simulated" in capsys.readouterr().err


def test_simulated_v1_is_seeded_reliable_and_marked(tmp_path, capsys):
    stimuli = Stimuli(images(20), np.arange(20))
    one, again, other = simulate(stimuli), simulate(stimuli), simulate(stimuli, seed=1)
    np.testing.assert_array_equal(one.dissimilarity, again.dissimilarity)
    assert not np.array_equal(one.dissimilarity, other.dissimilarity)
    assert (one.ceiling > 0.7).all()
    assert one.simulated
    save_stimuli(stimuli, tmp_path / "stimuli.nc")
    arguments = ["record", "--source", "simulated", "--out", str(tmp_path / "r.nc")]
    assert main([*arguments, "--stimuli", str(tmp_path / "stimuli.nc")]) == 0
    assert "SIMULATED V1" in capsys.readouterr().out
    assert load_recording(tmp_path / "r.nc").simulated
    assert main(arguments) == 2
    assert "the simulated V1 needs images; give them with --stimuli" in capsys.readouterr().err
    with pytest.raises(ValueError, match="needs images, but the stimuli are latents"):
        simulate(Stimuli(np.ones((4, 3)), np.arange(4)))


@pytest.mark.parametrize("stand_in", [None, False, True])
@pytest.mark.parametrize("scenes", [False, True])
@pytest.mark.parametrize("sites", [False, True])
def test_auto_takes_real_sites_unless_the_images_are_stand_ins(
    monkeypatch, site_file, tmp_path, sites, scenes, stand_in
):
    from study import manifest

    present = {"allen-site-similarity": sites, "allen-natural-scenes": scenes}
    monkeypatch.setattr(manifest, "find", lambda name: site_file if present[name] else None)
    monkeypatch.setattr(manifest, "locate", lambda name: site_file)
    path = None if stand_in is None else tmp_path / "stimuli.nc"
    if path is not None:
        attributes = {"simulated": str(stand_in).lower()}
        save_stimuli(Stimuli(images(8), np.arange(8), attributes=attributes), path)
    real = sites and (scenes if stand_in is None else not stand_in)
    assert automatic(path) == ("sites" if real else "simulated")
    if real or path is not None:
        assert make_recording("auto", Choices(stimuli=path)).simulated != real


def test_how_to_get_the_real_one_names_the_files():
    told = how_to_get()
    assert "allen/site_similarity_119.npz and allen/natural_scenes_118x92x117_uint8.npz" in told
    assert ("by hand below the folder that STUDY_DATA names" in told) != ("data fetch" in told)
