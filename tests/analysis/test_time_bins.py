"""Recordings that are cut in time: every bin is compared as if it were a recording of its own."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from analysis.__main__ import main
from analysis.ceiling import ceiling, ceiling_used
from analysis.recording_file import Recording, save_recording
from analysis.rsa import analyse
from analysis.rsa_choices import RsaChoices
from analysis.table import load_table
from study.responses import save_responses
from tests.analysis.synthetic import images, responses
from tests.analysis.test_compare import rdms
from tests.analysis.test_recordings import recording
from tests.analysis.test_rsa import model

WINDOWS = ("0-50ms", "50-100ms")


def parts(n: int = 10) -> list[Recording]:
    """Two bins, each as a recording of its own."""
    return [
        recording(n=n, dissimilarity=rdms(3, n, seed, False), ceiling=np.array([0.9, 0.8, 0.9]))
        for seed in (1, 2)
    ]


def joined(bins: list[Recording]) -> Recording:
    """The same as one recording with a site for every bin."""
    sites = [f"{site}@{window}" for window, part in zip(WINDOWS, bins, strict=True) for site in part.site]
    both = {
        name: np.concatenate([getattr(part, name) for part in bins])
        for name in ("dissimilarity", "ceiling", "n_cells")
    }
    return dataclasses.replace(bins[0], site=np.array(sites), **both)


@pytest.mark.parametrize("name", ["sites", "area", "pairs", "trials"])
def test_ceilings_are_those_of_the_bin(name: str) -> None:
    bins = parts()
    found = ceiling(joined(bins), name, "spearman")
    for k in range(2):
        alone = np.concatenate([ceiling(part, name, "spearman")[k] for part in bins])
        # sums run in another order where a matrix has other rows beside it: last bits differ between processors
        np.testing.assert_allclose(found[k], alone, rtol=0, atol=1e-12)
    one = joined([recording(1, n=10, dissimilarity=part.dissimilarity[:1]) for part in bins])
    assert ceiling_used(one, "sites") == "trials"  # two bins of a site are not two sites


@pytest.mark.parametrize("chooser", ["images", "other-sites"])
def test_scores_and_means_are_those_of_the_bin(chooser: str) -> None:
    bins = parts()
    choices = RsaChoices(n_bootstrap=20, n_permutations=20, best_layer=chooser)
    models = [model(layer=f"c{k}", matrix=rdms(1, 10, 5 + k, False)[0]) for k in range(3)]
    rows = {(row.layer, row.site): row for row in analyse(models, joined(bins), choices)}
    assert {"mean-all@0-50ms", "mean-good@50-100ms"} <= {site for _, site in rows}
    for window, part in zip(WINDOWS, bins, strict=True):
        for alone in analyse(models, part, choices):
            row = rows[alone.layer, f"{alone.site}@{window}"]
            for name in ("score", "ci_low", "ci_high", "p", "ceiling_lower", "ceiling_upper"):
                expected = pytest.approx(getattr(alone, name), abs=1e-12, nan_ok=True)
                assert getattr(row, name) == expected, (alone.layer, alone.site, name)
            assert (row.is_mean, row.n_cells) == (alone.is_mean, alone.n_cells)


def test_bins_of_networks_meet_bins_of_recordings(tmp_path, capsys) -> None:
    made = responses(images(10), np.arange(10), "critic", "torch", "sgad")
    save_responses(made, tmp_path / "critic.nc")
    save_recording(joined(parts()), tmp_path / "recording.nc")
    command = ["rsa", "--recording", str(tmp_path / "recording.nc"), "--split", "time"]
    command += ["--responses", f"a={tmp_path / 'critic.nc'}", "--bootstrap", "0", "--permutations", "0"]
    assert main([*command, "--out", str(tmp_path / "rsa.csv")]) == 0
    found = {(row.layer, row.site) for row in load_table(tmp_path / "rsa.csv")}
    assert {("c1/0-31.25ms", "VISp_layer4@50-100ms"), ("c1/31.25-62.5ms", "mean-all@0-50ms")} <= found
    assert "a critic torch c1/0-31.25ms @0-50ms" in capsys.readouterr().out
