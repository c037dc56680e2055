"""NWB files that lack a part, or hold something else in its place: one sentence that names it."""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import numpy as np
import pytest

from analysis.__main__ import main
from analysis.neuropixels_source import read_neuropixels
from analysis.spikes import SpikeChoices
from tests.analysis import nwb_fixtures as fixtures

WRITERS = {
    "allen-2p": fixtures.write_nwb1,
    "dandi-2p": fixtures.write_dandi_2p,
    "allen-neuropixels": fixtures.write_ecephys,
}
TRACES = "processing/brain_observatory_pipeline"
LACKING = [
    ("allen-2p", f"{TRACES}/Fluorescence/imaging_plane_1/timestamps", "has no .*/imaging_plane_1/timestamps"),
    ("allen-2p", f"{TRACES}/BehavioralTimeSeries/running_speed/timestamps", "has no .*/running_speed/timestamps"),
    ("allen-2p", f"{TRACES}/Fluorescence/imaging_plane_1_neuropil_response/r", "has no .*_neuropil_response/r"),
    ("allen-2p", f"{TRACES}/ImageSegmentation/cell_specimen_ids", "holds 2 cell ids and traces of 5 cells"),
    ("allen-2p", "stimulus/presentation/natural_scenes_stimulus/data", "2 scene numbers and 1428 durations"),
    ("dandi-2p", "processing/behavior/BehavioralTimeSeries/running_speed/data", "has no .*/running_speed/data"),
    ("allen-neuropixels", "intervals/invalid_times/tags_index", "has no intervals/invalid_times/tags_index"),
    ("allen-neuropixels", "processing/running/running_speed/timestamps", "has no .*/running_speed/timestamps"),
]  # fmt: skip


PLANE = f"{TRACES}/Fluorescence/imaging_plane_1"
SCENES_2P, SCENES_ECEPHYS = (
    "stimulus/presentation/natural_scenes_stimulus",
    "intervals/natural_scenes_presentations",
)


def shorter(values: np.ndarray) -> np.ndarray:
    return values[: len(values) // 2]


def single(values: np.ndarray) -> np.ndarray:
    return values.reshape(-1)[0]


def words(values: np.ndarray) -> np.ndarray:
    return np.array([b"x"] * len(values))


def nothing(values: np.ndarray) -> np.ndarray:
    return values[:0]


def backwards(values: np.ndarray) -> np.ndarray:
    return values[::-1]


def missing(values: np.ndarray) -> np.ndarray:
    return np.where(np.arange(len(values)) % 2, values, np.nan)


# Source, part, what it becomes, what is said (nothing: the session can do without it).
CHANGED = [
    ("allen-2p", f"{TRACES}/DfOverF/imaging_plane_1/data", single, r"has the shape \(\), but 2 axes are needed; down"),
    ("allen-2p", f"{TRACES}/DfOverF/imaging_plane_1/data", words, r"has the shape \(5,\), but 2 axes are needed"),
    ("allen-2p", f"{PLANE}/timestamps", single, r"timestamps has the shape \(\), but 1 axis is needed"),
    ("allen-2p", f"{TRACES}/ImageSegmentation/cell_specimen_ids", words, r"ids holds \\|S1, not numbers; download"),
    ("allen-2p", f"{SCENES_2P}/frame_duration", words, r"but 2 axes are needed"),
    ("allen-2p", f"{TRACES}/BehavioralTimeSeries/running_speed/timestamps", nothing, ""),
    ("dandi-2p", "processing/behavior/BehavioralTimeSeries/running_speed/timestamps", nothing, ""),
    ("dandi-2p", "processing/ophys/Fluorescence/Corrected/timestamps", nothing, "holds 0 times, not those of a session"),
    ("dandi-2p", f"{SCENES_2P}/data", shorter, r"have different lengths \(data 714, timestamps 1428\); download"),
    ("allen-neuropixels", "units/id", shorter, r"units have different lengths \(id 8, spike_times_index 16\)"),
    ("allen-neuropixels", "units/quality", shorter, "peak_channel_id 16, quality 8, presence_ratio 16"),
    ("allen-neuropixels", "units/presence_ratio", words, r"presence_ratio holds \\|S1, not numbers"),
    ("allen-neuropixels", "units/spike_times_index", backwards, r"does not cut its \d+ spike times into 16 units"),
    ("allen-neuropixels", "units/spike_times", shorter, r"does not cut its \d+ spike times into 16 units"),
    ("allen-neuropixels", "units/spike_times", backwards, r"the spike times of unit \d+ do not ascend, or hold NaN"),
    ("allen-neuropixels", "units/spike_times", missing, r"the spike times of unit \d+ do not ascend, or hold NaN"),
    ("allen-neuropixels", "general/extracellular_ephys/electrodes/location", shorter, "location 3, valid_data 6"),
    ("allen-neuropixels", f"{SCENES_ECEPHYS}/frame", words, "frame holds text .*b'x'.; download it again"),
    ("allen-neuropixels", f"{SCENES_ECEPHYS}/stop_time", shorter, "stop_time 714"),
    ("allen-neuropixels", "processing/running/running_speed/data", shorter, "running_speed have different lengths"),
    ("allen-neuropixels", "intervals/invalid_times/stop_time", nothing, "invalid_times have different lengths"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "name", "change", "text"), CHANGED)
def test_a_part_that_is_something_else(
    tmp_path: Path, source: str, name: str, change, text: str, capsys: pytest.CaptureFixture
) -> None:
    path = WRITERS[source](tmp_path / "a.nwb")
    with h5py.File(path, "a") as file:
        values = change(file[name][()])
        del file[name]
        file[name] = values
    options = ["--reliability", "none", "--min-units", "2", "--out", str(tmp_path / "r.nc")]
    assert main(["record", "--source", source, "--nwb", str(path), *options]) == (2 if text else 0)
    said = capsys.readouterr().err
    if text:
        assert len(said.strip().splitlines()) == 1
        assert "a.nwb" in said
        assert re.search(text, said), said


def test_an_empty_table_of_invalid_times(tmp_path: Path) -> None:
    path = fixtures.write_ecephys(tmp_path / "a.nwb")
    with h5py.File(path, "a") as file:
        for name in ("tags", "tags_index", "start_time", "stop_time"):
            values = file[f"intervals/invalid_times/{name}"][:0]
            del file[f"intervals/invalid_times/{name}"]
            file[f"intervals/invalid_times/{name}"] = values
    assert read_neuropixels(path, SpikeChoices()).n_invalid == 0


@pytest.mark.parametrize(("source", "name", "text"), LACKING)
def test_a_file_that_lacks_a_part(
    tmp_path: Path, source: str, name: str, text: str, capsys: pytest.CaptureFixture
) -> None:
    path = WRITERS[source](tmp_path / "a.nwb")
    with h5py.File(path, "a") as file:
        del file[name]
        if "holds" in text or "numbers" in text:
            file[name] = np.arange(2)
    arguments = ["record", "--source", source, "--nwb", str(path), "--out", str(tmp_path / "r.nc")]
    signal = [] if source == "allen-neuropixels" else ["--signal", "mean_sweep_response"]
    assert main([*arguments, *signal]) == 2
    said = capsys.readouterr().err
    assert len(said.strip().splitlines()) == 1
    assert re.search(text, said), said


def test_a_session_without_a_number(tmp_path: Path) -> None:
    path = fixtures.write_ecephys(tmp_path / "a.nwb")
    with h5py.File(path, "a") as file:
        del file["identifier"]
        file["identifier"] = "6e0b9c4c-made-up"
    assert read_neuropixels(path, SpikeChoices()).session == fixtures.SESSION
