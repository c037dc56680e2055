"""The same sessions through allensdk itself; skipped where it is not installed (extra `allen`)."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("allensdk", reason="allensdk is not installed (pip install -e '.[allen]', Python 3.11)")

from analysis import allen_2p_source, neuropixels_source
from analysis.__main__ import main
from analysis.imaging import ImagingChoices, imaging_population
from analysis.recording_file import load_recording
from analysis.spikes import SpikeChoices, spike_population
from study import download
from tests.analysis import nwb_fixtures as fixtures
from tests.analysis.allen_server import AllenServer
from tests.analysis.allensdk_answers import EXPECTED, ask_allensdk

pytestmark = pytest.mark.filterwarnings("ignore")  # allensdk and pandas 1.5 warn about each other


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("sessions")
    return fixtures.write_nwb1(folder / "session.nwb"), fixtures.write_ecephys(folder / "ecephys.nwb")


def test_the_committed_numbers_are_allensdks(tmp_path: Path) -> None:
    with np.load(EXPECTED) as committed:
        for name, values in ask_allensdk(tmp_path).items():
            if values.dtype.kind in "US":
                np.testing.assert_array_equal(values, committed[name], err_msg=name)
            else:
                np.testing.assert_allclose(values, committed[name], rtol=1e-5, err_msg=name)


@pytest.mark.parametrize("signal", ["dff", "mean_sweep_response"])
def test_both_readers_give_the_same_imaging_session(files: tuple[Path, Path], signal: str) -> None:
    ours, theirs = (
        reader(files[0], signal) for reader in (allen_2p_source.read_nwb1, allen_2p_source.read_with_allensdk)
    )
    for name in ("traces", "cell_id", "frame", "start", "speed"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-6, err_msg=name)
    for name in ("session", "area", "cre_line", "depth_um"):
        assert getattr(ours, name) == getattr(theirs, name)
    populations = [imaging_population(session, ImagingChoices(signal)) for session in (ours, theirs)]
    np.testing.assert_allclose(populations[0].response, populations[1].response, atol=1e-4)


def test_both_readers_give_the_same_spikes(files: tuple[Path, Path]) -> None:
    choices = SpikeChoices()
    ours, theirs = (
        spike_population(reader(files[1], choices), choices)
        for reader in (neuropixels_source.read_neuropixels, neuropixels_source.read_with_allensdk)
    )
    order = np.argsort(theirs.units.unit_id)  # allensdk sorts units by their place on the probe
    np.testing.assert_array_equal(ours.response, theirs.response[:, :, order])
    np.testing.assert_array_equal(ours.units.unit_id, theirs.units.unit_id[order])
    np.testing.assert_array_equal(ours.units.site, theirs.units.site[order])
    np.testing.assert_allclose(ours.running_p, theirs.running_p[order])
    assert ours.notes == theirs.notes


@pytest.fixture
def allen(allen_server: AllenServer, monkeypatch: pytest.MonkeyPatch) -> AllenServer:
    """Make allensdk ask the server on this machine."""
    from allensdk.api.api import Api
    from allensdk.brain_observatory.ecephys.ecephys_project_cache import EcephysProjectCache

    monkeypatch.setattr(Api, "default_api_url", allen_server.url)
    here = functools.partial(
        EcephysProjectCache.from_warehouse, scheme="http", host=allen_server.url.removeprefix("http://")
    )
    monkeypatch.setattr(EcephysProjectCache, "from_warehouse", here)
    monkeypatch.setattr(download, "BACKOFF_S", 0.0)
    return allen_server


def record(tmp_path: Path, source: str, number: int, *options: str) -> int:
    arguments = ["record", "--source", source, "--session", str(number), "--cache", str(tmp_path / "cache")]
    return main(
        [*arguments, *options, "--reliability", "none", "--min-units", "3", "--out", str(tmp_path / "r.nc")]
    )


def test_2p_sessions_are_downloaded_once(
    files: tuple[Path, Path], allen: AllenServer, tmp_path: Path
) -> None:
    content = files[0].read_bytes()
    np.savez(tmp_path / "events.npz", ev=fixtures.imaging_arrays()["events"])
    number = str(fixtures.EXPERIMENT)
    allen.files = {number: content, f"{number}.npz": (tmp_path / "events.npz").read_bytes()}
    allen.cuts = [len(content) // 3]
    assert record(tmp_path, "allen-2p", fixtures.EXPERIMENT, "--signal", "events") == 0
    assert allen.asked == ["HEAD", "", f"bytes={len(content) // 3}-", "HEAD", ""]
    assert load_recording(tmp_path / "r.nc").n_cells.tolist() == [5]
    assert record(tmp_path, "allen-2p", fixtures.EXPERIMENT, "--reader", "allensdk") == 0
    assert len(allen.asked) == 5


def test_neuropixels_sessions_are_downloaded(
    files: tuple[Path, Path], allen: AllenServer, tmp_path: Path
) -> None:
    allen.files = {str(fixtures.SESSION): files[1].read_bytes()}
    assert record(tmp_path, "allen-neuropixels", fixtures.SESSION) == 0
    assert allen.asked == ["HEAD", ""]
    assert load_recording(tmp_path / "r.nc").site.tolist() == ["VISp", "VISl", "LP"]


@pytest.mark.parametrize(
    ("source", "what"), [("allen-2p", "2-photon experiment"), ("allen-neuropixels", "Neuropixels")]
)
def test_an_id_that_does_not_exist(
    allen: AllenServer, tmp_path: Path, source: str, what: str, capsys: pytest.CaptureFixture
) -> None:
    assert record(tmp_path, source, 7) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith(f"error: there is no {what}")
    assert "7, or it has no file: look the id up" in said


@pytest.mark.parametrize("source", ["allen-2p", "allen-neuropixels"])
def test_no_network(
    allen: AllenServer,
    tmp_path: Path,
    source: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    import socket

    def refuse(*_: object, **__: object) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert record(tmp_path, source, 7) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("error: cannot ask the Allen Institute for the")
    assert "check the network, then run the same command again, or give a downloaded file with --nwb" in said
