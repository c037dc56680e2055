"""Sites split by the class of their cells."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from analysis.__main__ import main
from analysis.ceiling import ceiling
from analysis.cell_classes import split_sites
from analysis.compare import compare
from analysis.rdm import dissimilarity
from analysis.recording_file import Recording, save_recording
from analysis.table import load_table
from analysis.trials import trial_recording
from analysis.units import make_units
from study.stimuli import Stimuli, save_stimuli
from tests.analysis.synthetic import images

LINES = np.array(["Cux2-CreERT2"] * 5 + ["Sst-IRES-Cre"] * 4 + ["Rorb-IRES2-Cre"])


def recording(n_images: int = 12) -> Recording:
    response = np.random.default_rng(0).standard_normal((n_images, 6, len(LINES)))
    response[0, 2, 3] = np.nan  # a missing trial
    units = make_units(len(LINES), {"area": "VISp", "layer": "layer4", "cre_line": LINES})
    return trial_recording(
        response, np.arange(n_images), units, {"source": "made up", "distance": "correlation"}
    )


def test_every_class_has_the_rdm_of_its_cells():
    whole = recording()
    split = split_sites(whole, "cre_line", min_units=4)
    assert list(split.site) == ["VISp_layer4/Cux2-CreERT2", "VISp_layer4/Sst-IRES-Cre"]
    assert split.n_cells.tolist() == [5, 4]
    for matrix, line in zip(split.dissimilarity, ("Cux2-CreERT2", "Sst-IRES-Cre"), strict=True):
        expected = dissimilarity(np.nanmean(whole.response[:, :, line == LINES], axis=1))
        np.testing.assert_allclose(matrix, expected, atol=1e-12)
    assert split.attributes["dropped_classes"] == "VISp_layer4/Rorb-IRES2-Cre (1 units)"
    assert list(split.area) == ["VISp", "VISp"]


def test_animals_of_an_area_are_each_others_ceiling():
    response = np.random.default_rng(0).standard_normal((12, 6, 12))
    facts = {
        "area": np.repeat(["VISp", "LGd"], [8, 4]),
        "session": np.array([1, 2, 1, 2, 1, 2, 1, 2, 1, 1, 1, 1]),
    }
    whole = trial_recording(response, np.arange(12), make_units(12, facts), {"distance": "correlation"})
    split = split_sites(whole, "session", min_units=4)
    assert list(split.site) == ["VISp/1", "VISp/2", "LGd/1"]
    assert list(split.area) == ["VISp", "VISp", "LGd"]
    lower, upper = ceiling(split, "area", "spearman")
    between = compare(split.dissimilarity[0], split.dissimilarity[1])
    assert lower[:2] == pytest.approx([between, between])
    assert (upper[:2] > lower[:2]).all()
    assert np.isnan(lower[2])


def test_what_cannot_be_split_is_one_sentence():
    whole = recording()
    with pytest.raises(ValueError, match="unknown cell class 'cre-line': did you mean 'cre_line'"):
        split_sites(whole, "cre-line")
    with pytest.raises(ValueError, match="says the session of none of its 10 units; split by another of"):
        split_sites(whole, "session")
    with pytest.raises(
        ValueError, match=r"every class of cells has fewer than 10 units \(.*Cux2-CreERT2 \(5 units\)"
    ):
        split_sites(whole, "cre_line")
    ready = dataclasses.replace(whole, response=None, units=None)
    with pytest.raises(
        ValueError, match="holds ready RDMs, not single cells, so it cannot be split by cre_line"
    ):
        split_sites(ready, "cre_line")


def test_the_command_line_splits_and_says_what_is_left_out(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("analysis.cell_classes.split_sites.__defaults__", (4,))
    save_recording(recording(), tmp_path / "recording.nc")
    save_stimuli(Stimuli(images(12), np.arange(12)), tmp_path / "stimuli.nc")
    command = ["rsa", "--recording", str(tmp_path / "recording.nc"), "--images", str(tmp_path / "stimuli.nc")]
    command += [
        "--baselines",
        "pixels",
        "--bootstrap",
        "5",
        "--permutations",
        "5",
        "--cell-class",
        "cre_line",
    ]
    assert main([*command, "--out", str(tmp_path / "rsa.csv")]) == 0
    assert "too few units: VISp_layer4/Rorb-IRES2-Cre (1 units)" in capsys.readouterr().out
    sites = {row.site for row in load_table(tmp_path / "rsa.csv")}
    assert sites == {"VISp_layer4/Cux2-CreERT2", "VISp_layer4/Sst-IRES-Cre", "mean-all"}
