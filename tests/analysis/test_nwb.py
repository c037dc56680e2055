"""Raw 2-photon and Neuropixels sessions by h5py alone: against allensdk's own numbers, and with bad input.

What allensdk returns for these made-up sessions is committed; the docstring of `allensdk_answers` has the command.
"""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import numpy as np
import pytest

from analysis.__main__ import main
from analysis.allen_2p_source import read_nwb1
from analysis.dandi_2p_source import read_dandi_2p
from analysis.imaging import ImagingChoices, imaging_population, presentation_responses, window_mean
from analysis.neuropixels_source import read_neuropixels
from analysis.recording_file import load_recording
from analysis.running import running_modulation
from analysis.spikes import SpikeChoices, spike_counts, spike_population
from tests.analysis import nwb_fixtures as fixtures

TOLERANCE = 1e-4


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All layouts of the same made-up session; read-only."""
    made = tmp_path_factory.mktemp("nwb")
    fixtures.write_nwb1(made / "session.nwb")
    fixtures.write_nwb1(made / "old.nwb", pipeline="1.0")
    fixtures.write_nwb1(made / "movies.nwb", scenes=False)
    fixtures.write_dandi_2p(made / "dandi.nwb")
    fixtures.write_dandi_2p(made / "clamped.nwb", blank=0, depth="{depth}")
    fixtures.write_ecephys(made / "ecephys.nwb")
    fixtures.write_ecephys(made / "dots.nwb", scenes=False)
    np.savez(made / "events.npz", ev=fixtures.imaging_arrays()["events"])
    return made


def test_imaging_agrees_with_allensdk(folder: Path, expected: dict[str, np.ndarray]) -> None:
    dff = read_nwb1(folder / "session.nwb", "dff")
    np.testing.assert_array_equal(dff.frame, expected["frame"])
    np.testing.assert_array_equal(dff.start, expected["start"])
    np.testing.assert_array_equal(dff.cell_id, expected["cell_id"])
    np.testing.assert_allclose(dff.traces[:, :300], expected["dff"], atol=TOLERANCE)
    np.testing.assert_allclose(dff.speed[:300], expected["speed"], atol=TOLERANCE)
    assert (dff.area, dff.depth_um, dff.session) == (
        expected["area"],
        expected["depth_um"],
        expected["session"],
    )
    assert dff.cre_line == "Cux2-CreERT2"
    assert str(expected["cre_line"]) == "Cux2-CreERT2/wt"
    for name, key in (("session.nwb", "fluorescence"), ("old.nwb", "old_fluorescence")):
        traces = read_nwb1(folder / name, "mean_sweep_response").traces
        part = traces[:, -300:] if key == "fluorescence" else traces[:, :300]
        np.testing.assert_allclose(part, expected[key], rtol=1e-6)


def test_sweep_responses_agree_with_allensdk(folder: Path, expected: dict[str, np.ndarray]) -> None:
    session = read_nwb1(folder / "session.nwb", "mean_sweep_response")
    response = presentation_responses(session, ImagingChoices("mean_sweep_response"))
    np.testing.assert_allclose(response, expected["mean_sweep_response"], atol=TOLERANCE)
    speed = window_mean(session.speed[None], session.start, (0, 14))[:, 0]
    np.testing.assert_allclose(speed, expected["sweep_speed"], atol=TOLERANCE)
    p = running_modulation(session.frame, response, speed)
    np.testing.assert_allclose(p, expected["running_p"], atol=TOLERANCE)
    assert np.isfinite(p).sum() == 3


def test_spikes_agree_with_allensdk(folder: Path, expected: dict[str, np.ndarray]) -> None:
    session = read_neuropixels(folder / "ecephys.nwb", SpikeChoices())
    np.testing.assert_array_equal(session.units.unit_id, expected["ecephys_unit"])
    np.testing.assert_array_equal(session.units.area, expected["ecephys_area"])
    np.testing.assert_array_equal(session.frame, expected["ecephys_frame"])
    np.testing.assert_allclose(session.start_s, expected["ecephys_start"], atol=TOLERANCE)
    counts = spike_counts(session.spike_times_s, session.start_s, (0, 250))
    np.testing.assert_array_equal(counts, expected["ecephys_counts"])
    assert (session.session, session.n_recorded, session.n_invalid) == (fixtures.SESSION, 16, 1)


@pytest.mark.parametrize("signal", ["dff", "events", "mean_sweep_response"])
def test_both_layouts_hold_the_same_session(folder: Path, signal: str) -> None:
    first = read_nwb1(folder / "session.nwb", signal, folder / "events.npz")
    second = read_dandi_2p(folder / "dandi.nwb", signal)
    for name in ("traces", "cell_id", "frame", "start", "speed"):
        np.testing.assert_allclose(getattr(first, name), getattr(second, name), rtol=1e-6)
    for name in ("session", "area", "cre_line", "depth_um", "without"):
        assert getattr(first, name) == getattr(second, name)


def test_blanks_that_became_image_0_are_not_taken_for_it(folder: Path) -> None:
    session = read_dandi_2p(folder / "clamped.nwb", "dff", depth_um=175)
    assert session.without == (0,)
    assert session.depth_um == 175
    population = imaging_population(session, ImagingChoices())
    assert population.stimulus.tolist() == list(range(1, 118))
    assert "image 0 is left out" in population.notes["remark"]
    whole = imaging_population(read_nwb1(folder / "session.nwb", "dff"), ImagingChoices())
    np.testing.assert_allclose(population.response, whole.response[1:], rtol=1e-6)


def test_windows_lag_and_what_lies_outside() -> None:
    traces = np.arange(40.0)[None]
    onsets = np.array([0, 7, 33])
    np.testing.assert_allclose(window_mean(traces, onsets, (0, 7))[:, 0], [3, 10, 36])
    np.testing.assert_array_equal(np.isnan(window_mean(traces, onsets, (-7, 0))[:, 0]), [True, False, False])
    np.testing.assert_array_equal(np.isnan(window_mean(traces, onsets, (0, 14))[:, 0]), [False, False, True])
    assert ImagingChoices("events", lag=1).window == (7, 14)
    assert ImagingChoices("dff", window_frames=(2, 5)).window == (2, 5)


def test_spike_windows_count_both_edges() -> None:
    times = [np.array([1.0, 1.1, 1.25, 1.2501, 2.0])]
    np.testing.assert_array_equal(spike_counts(times, np.array([1.0, 1.75]), (0, 250)), [[3], [1]])
    np.testing.assert_array_equal(spike_counts(times, np.array([1.0]), (50, 150)), [[1]])


def test_an_invalid_presentation_is_a_missing_trial(folder: Path) -> None:
    population = spike_population(read_neuropixels(folder / "ecephys.nwb", SpikeChoices()), SpikeChoices())
    n_trials = np.isfinite(population.response).sum(axis=1)
    assert sorted(set(n_trials.ravel().tolist())) == [11, 12]
    assert (n_trials[:, 0] == 11).sum() == 1
    assert population.notes["remark"] == "715093703: 1 presentations at invalid times left out"
    strict = read_neuropixels(folder / "ecephys.nwb", SpikeChoices(presence_ratio=0.98))
    assert len(strict.units) == 0
    assert len(read_neuropixels(folder / "ecephys.nwb", SpikeChoices(amplitude_cutoff=0.5)).units) == 12


def record(folder: Path, *arguments: str) -> int:
    return main(["record", *arguments, "--out", str(folder / "recording.nc")])


def test_a_session_becomes_a_small_recording(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path = folder / "session.nwb"
    assert record(tmp_path, "--source", "allen-2p", "--nwb", str(path), "--min-units", "5") == 0
    assert "12 blank presentations dropped" in capsys.readouterr().out
    made = load_recording(tmp_path / "recording.nc")
    assert made.site.tolist() == ["VISp_layer4"]
    assert made.response is not None
    assert made.response.shape == (118, 12, 5)
    assert made.stimulus.tolist() == list(range(118))
    assert made.units is not None
    assert set(made.units.cre_line) == {"Cux2-CreERT2"}
    assert (made.units.session == fixtures.EXPERIMENT).all()
    assert (made.units.reliability > 0.75).all()
    assert not made.simulated
    assert (tmp_path / "recording.nc").stat().st_size < path.stat().st_size / 3
    assert '"signal": "dff"' in made.attributes["choices"]


def test_two_sessions_are_pooled_by_site(folder: Path, tmp_path: Path) -> None:
    fixtures.write_ecephys(tmp_path / "other.nwb", seed=3, invalid=False)
    files = [str(folder / "ecephys.nwb"), str(tmp_path / "other.nwb")]
    options = ["--reliability", "none", "--min-units", "4"]
    assert record(tmp_path, "--source", "dandi-neuropixels", "--nwb", *files, *options) == 0
    made = load_recording(tmp_path / "recording.nc")
    assert dict(zip(made.site, made.n_cells, strict=True)) == {"VISp": 8, "VISl": 6, "LP": 6}
    assert made.site_response("LP").shape == (118, 12, 6)
    assert "CA1" not in made.attributes["units"]
    assert made.attributes["units"].startswith("22 recorded, 20 in VISp, VISl, LP, ")


BAD = [
    ("allen-2p --nwb {0}/none.nwb", "there is no file .*none.nwb; give the path"),
    ("allen-2p --nwb {0}/movies.nwb", "session type is three_session_A .drifting gratings and movies"),
    ("dandi-neuropixels --nwb {0}/dots.nwb", "session type is functional_connectivity"),
    ("allen-2p --nwb {0}/ecephys.nwb", "is not an NWB 1 file of the Allen Brain Observatory; check"),
    ("allen-neuropixels --nwb {0}/session.nwb", "is not a Neuropixels session in NWB 2; check"),
    ("dandi-2p --nwb {0}/session.nwb", "is not a processed NWB 2 file of DANDI 000728; check"),
    ("allen-2p --nwb {0}/session.nwb --signal events", "holds no events: .* give it with --events"),
    ("allen-2p --nwb {0}/session.nwb --signal df", "invalid choice: 'df'"),
    (
        "allen-2p --nwb {0}/session.nwb --window-frames 5 5",
        "the window is 5 to 5 imaging frames; it must hold",
    ),
    (
        "allen-2p --nwb {0}/session.nwb --reliability 0.999",
        "no unit is left: 5 recorded, .*, 0 with split-half r of",
    ),
    ("allen-2p --nwb {0}/session.nwb --reliability high", "--reliability is 'high'; allowed is a number"),
    ("allen-2p --nwb {0}/session.nwb --areas V1", "unknown area 'V1': .*allowed are LGd, LP, VISal"),
    ("allen-2p --nwb {0}/session.nwb --areas VISl", "no unit is left: 5 recorded, 0 in VISl; loosen"),
    ("allen-2p --nwb {0}/session.nwb", "0 at sites of 10 units or more .left out: VISp_layer4 5."),
    (
        "allen-2p --nwb {0}/session.nwb --running running --running-threshold 19.9",
        "never shown while the mouse ran",
    ),
    ("allen-2p --nwb {0}/session.nwb --window-ms 0 250", "--window-ms means nothing to --source allen-2p"),
    ("allen-neuropixels --nwb {0}/ecephys.nwb --window-ms 9 3", "the window is 9 to 3 ms; its end must lie"),
    (
        "allen-neuropixels --nwb {0}/ecephys.nwb --bin-ms 60",
        "bins of 60 ms do not fill the window 0 to 250 ms",
    ),
    (
        "allen-2p --nwb {0}/session.nwb --bin-frames 0",
        "bins of 0 frames do not fill the window 0 to 14 frames",
    ),
    ("allen-2p --nwb {0}/session.nwb --bin-ms 50", "--bin-ms means nothing to --source allen-2p"),
    ("allen-2p", "needs files .--nwb FILE .... or ids to download"),
    ("allen-2p --session mouse", "--session is 'mouse'; the Allen Institute's ids are whole numbers"),
    ("dandi-2p", "reads files at hand: give them with --nwb"),
    (
        "allen-2p --nwb {0}/session.nwb --signal events --events {0}/a {0}/b",
        "2 files of events for 1 NWB files",
    ),
    ("allen-2p --nwb {0}/session.nwb --signal events --events {0}/session.nwb", "does not hold the array ev"),
    ("allen-2p --nwb {0}/session.nwb --events {0}/events.npz", "but the signal is dff; take --signal events"),
    (
        "allen-2p --nwb {0}/session.nwb {0}/session.nwb",
        "session.nwb is given twice, and its units would count",
    ),
    ("allen-2p --nwb {0}/session.nwb --session 501940850", "give one or the other"),
    ("auto --nwb {0}/session.nwb", "--nwb means nothing to --source auto, only to allen-2p"),
    (
        "allen-neuropixels --nwb {0}/ecephys.nwb --presence-ratio nan",
        "presence_ratio is nan; allowed is 0 to 1",
    ),
    (
        "allen-neuropixels --nwb {0}/ecephys.nwb --presence-ratio 1",
        "no unit is left: 0 of 16 units pass; loosen",
    ),
]


@pytest.mark.parametrize(("arguments", "text"), BAD)
def test_bad_input_is_one_sentence(
    folder: Path, tmp_path: Path, arguments: str, text: str, capsys: pytest.CaptureFixture
) -> None:
    try:
        status = record(tmp_path, "--source", *arguments.format(folder).split())
    except SystemExit as left:
        status = int(left.code or 0)
    said = capsys.readouterr().err
    assert status == 2
    assert len(said.strip().splitlines()) == 1
    assert said.startswith("error: ")
    assert re.search(text, said), said
    assert not (tmp_path / "recording.nc").exists()


def test_a_file_cut_short(folder: Path, tmp_path: Path) -> None:
    content = (folder / "session.nwb").read_bytes()
    (tmp_path / "cut.nwb").write_bytes(content[: len(content) // 2])
    with pytest.raises(
        ValueError, match=r"cut.nwb .* is no whole NWB file \(it was cut short\); download it again"
    ):
        read_nwb1(tmp_path / "cut.nwb", "dff")
    (tmp_path / "page.nwb").write_text("<html>log in</html>")
    with pytest.raises(ValueError, match=r"is no whole NWB file \(it is no HDF5 file\)"):
        read_neuropixels(tmp_path / "page.nwb", SpikeChoices())


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda f: np.where(f == 7, 118, f), "frame 118 was shown, but the natural scenes are 0 to 117"),
        (
            lambda f: np.where(f == 7, 8, f),
            r"1 of the 118 natural scenes were never shown \(first: frame 7\)",
        ),
        (lambda f: f + 4000, "frame 3999 was shown"),
    ],
)
def test_wrong_or_missing_frames(tmp_path: Path, change, text: str) -> None:
    frame = change(fixtures.imaging_arrays()["frame"])
    path = fixtures.write_nwb1(tmp_path / "a.nwb", frame=frame)
    with pytest.raises(ValueError, match=text):
        imaging_population(read_nwb1(path, "dff"), ImagingChoices())


def test_silent_and_nan_cells_are_left_out_and_counted(tmp_path: Path) -> None:
    dff = fixtures.imaging_arrays()["dff"].copy()
    dff[0], dff[1] = 0, np.nan
    path = fixtures.write_nwb1(tmp_path / "a.nwb", dff=dff)
    options = ["--min-units", "3", "--reliability", "none"]
    assert record(tmp_path, "--source", "allen-2p", "--nwb", str(path), *options) == 0
    made = load_recording(tmp_path / "recording.nc")
    assert made.n_cells.tolist() == [3]
    assert "5 in VISp, 3 neither silent nor without trials" in made.attributes["units"]


def test_a_session_without_running_speed(tmp_path: Path) -> None:
    path = fixtures.write_nwb1(tmp_path / "a.nwb")
    with h5py.File(path, "a") as file:
        del file["processing/brain_observatory_pipeline/BehavioralTimeSeries"]
    session = read_nwb1(path, "dff")
    assert np.isnan(imaging_population(session, ImagingChoices()).running_p).all()
    with pytest.raises(
        ValueError, match="holds no running speed, so its trials cannot be split; take --running all"
    ):
        imaging_population(session, ImagingChoices(running="still"))


def test_bins_of_a_window_are_sites_with_the_same_units(folder: Path, tmp_path: Path) -> None:
    fixtures.write_ecephys(tmp_path / "other.nwb", seed=3, invalid=False)
    files = [str(folder / "ecephys.nwb"), str(tmp_path / "other.nwb")]
    options = ["--nwb", *files, "--reliability", "none", "--min-units", "3"]
    source = ["--source", "dandi-neuropixels", *options]
    assert record(tmp_path, *source, "--window-ms", "0", "250", "--bin-ms", "125") == 0
    cut = load_recording(tmp_path / "recording.nc")
    assert cut.site.tolist() == [f"{a}@{w}ms" for w in ("0-125", "125-250") for a in ("VISp", "VISl", "LP")]
    assert cut.window.tolist() == ["0-125ms"] * 3 + ["125-250ms"] * 3
    assert cut.area.tolist() == ["VISp", "VISl", "LP"] * 2
    assert cut.units is not None
    np.testing.assert_array_equal(cut.units.unit_id[:20], cut.units.unit_id[20:])
    assert ", in bins of 125 ms, trials: all" in cut.attributes["response"]
    assert '"bin_ms": 125.0' in cut.attributes["choices"]
    for window in ("0-125", "125-250"):  # each bin is what its window alone gives
        assert record(tmp_path, *source, "--window-ms", *window.split("-")) == 0
        alone = load_recording(tmp_path / "recording.nc")
        for site in alone.site:
            np.testing.assert_array_equal(cut.site_response(f"{site}@{window}ms"), alone.site_response(site))
    sites = cut.window == "125-250ms"
    np.testing.assert_allclose(cut.dissimilarity[sites], alone.dissimilarity)


def test_bins_of_imaging_frames(folder: Path) -> None:
    session = read_nwb1(folder / "session.nwb", "dff")
    choices = ImagingChoices("dff", lag=1, bin_frames=7)
    assert choices.bins == {"7-14frames": (7, 14), "14-21frames": (14, 21)}
    population = imaging_population(session, choices).in_bins()
    assert population.units.site.tolist() == ["VISp_layer4@7-14frames"] * 5 + ["VISp_layer4@14-21frames"] * 5
    late = imaging_population(session, ImagingChoices("dff", window_frames=(14, 21)))
    np.testing.assert_array_equal(population.response[:, :, 5:], late.response)
    assert len(population.running_p) == 10
