"""The window in which units answer reliably."""

import numpy as np
import pytest

from analysis.__main__ import main
from analysis.population import Population
from analysis.recording_file import load_recording
from analysis.reliable_window import in_reliable_window, longest_run
from analysis.units import make_units
from tests.analysis import nwb_fixtures as fixtures


def test_the_longest_run_by_hand():
    assert longest_run(np.array([0, 1, 1, 0, 1, 1, 1, 0, 1], bool)) == slice(4, 7)
    assert longest_run(np.array([1, 1, 0, 1, 1], bool)) == slice(0, 2)
    assert longest_run(np.zeros(3, bool)) == slice(0, 0)


def population() -> Population:
    """Area A answers in bins 1 and 2, area B in bin 3 alone; all else is noise."""
    generator = np.random.default_rng(0)
    bins = generator.standard_normal((4, 30, 10, 12))
    drive = generator.standard_normal((30, 1, 12))
    bins[1:3, ..., :6] += drive[..., :6]
    bins[3, ..., 6:] += drive[..., 6:]
    units = make_units(12, {"area": np.repeat(["A", "B"], 6)})
    names = ("0-10ms", "10-20ms", "20-30ms", "30-40ms")
    cut = dict(zip(names, bins, strict=True))
    return Population(bins.sum(axis=0), np.arange(30), units, np.full(12, np.nan), bins=cut)


def test_every_area_has_the_bins_in_which_it_answers():
    whole = population()
    found, said = in_reliable_window(whole, 0.3)
    assert said == "A 10-20ms to 20-30ms, B 30-40ms"
    bins = list(whole.bins.values())
    np.testing.assert_allclose(found.response[..., :6], (bins[1] + bins[2])[..., :6])
    np.testing.assert_array_equal(found.response[..., 6:], bins[3][..., 6:])
    assert not found.bins
    assert (found.units.reliability > 0.7).all()  # of the window found, not of the whole


def test_an_area_that_does_not_answer_is_left_out():
    whole = population()
    whole.bins["30-40ms"][:] = whole.bins["0-10ms"]
    found, said = in_reliable_window(whole, 0.3)
    assert set(found.units.area) == {"A"}
    assert "B left out (highest median r " in said
    with pytest.raises(
        ValueError, match=r"no bin has a median reliability of 0\.999 or more: A left out .*wider bins"
    ):
        in_reliable_window(whole, 0.999)


def test_the_command_says_which_window_it_found(tmp_path, capsys):
    path = fixtures.write_ecephys(tmp_path / "a.nwb")
    argv = ["record", "--source", "dandi-neuropixels", "--nwb", str(path), "--out", str(tmp_path / "r.nc")]
    options = ["--reliability", "none", "--min-units", "2", "--window-reliability"]
    assert main([*argv, *options, "-0.5", "--bin-ms", "125"]) == 0
    made = load_recording(tmp_path / "r.nc")
    assert "VISp 0-125ms to 125-250ms" in made.attributes["reliable_window"]
    assert "reliable_window: median r of -0.5 or more: " in capsys.readouterr().out
    assert '"window_reliability": -0.5' in made.attributes["choices"]
    assert "VISp" in made.site
    assert main([*argv, *options, "0.3"]) == 2
    assert "needs bins; give --bin-ms (Neuropixels, usual 10)" in capsys.readouterr().err
    assert main([*argv, *options, "3", "--bin-ms", "125"]) == 2
    assert "the least reliability of a bin is 3; allowed is -1 to 1" in capsys.readouterr().err
