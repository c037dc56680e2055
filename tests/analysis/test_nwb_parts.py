"""NWB files that lack a part: one sentence that names it."""

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
