"""Downloading sessions: whole, unchanged, resumed, or one sentence. allensdk's part is played by a stand-in."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import h5py
import pytest

from analysis import allensdk_cache
from analysis.__main__ import main
from analysis.allensdk_cache import check_npz, fetch_2p, require_allensdk
from study import download
from study.download import Unavailable
from tests.analysis.allen_server import AllenServer

NUMBER = 501940850


@pytest.fixture
def session(tmp_path: Path) -> bytes:
    """A small whole HDF5 file."""
    with h5py.File(tmp_path / "small.nwb", "w") as file:
        file["data"] = list(range(50000))
    return (tmp_path / "small.nwb").read_bytes()


@pytest.fixture
def allen(
    allen_server: AllenServer,
    session: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AllenServer:
    class Api:
        api_url = allen_server.url

        def template_query(self, group: str, query: str, ophys_experiment_id: int) -> list[dict[str, str]]:
            known = str(ophys_experiment_id) in allen_server.files
            return [{"download_link": f"/file/{ophys_experiment_id}"}] if known else []

    class BrainObservatoryCache:
        EXPERIMENT_DATA_KEY, EVENTS_DATA_KEY = "data", "events"

        def __init__(self, manifest_file: str) -> None:
            self.api, self.folder = Api(), Path(manifest_file).parent

        def get_cache_path(self, name: None, key: str, number: int) -> str:
            return str(self.folder / key / f"{number}.nwb")

    module = types.SimpleNamespace(BrainObservatoryCache=BrainObservatoryCache)
    monkeypatch.setattr(allensdk_cache, "require_allensdk", lambda name: module)
    monkeypatch.setattr(download, "BACKOFF_S", 0.0)
    allen_server.files = {str(NUMBER): session}
    return allen_server


def test_a_cut_download_goes_on_and_comes_once(allen: AllenServer, session: bytes, tmp_path: Path) -> None:
    allen.cuts = [1000, 5000]
    path, events = fetch_2p(NUMBER, tmp_path / "cache")
    assert path.read_bytes() == session
    assert events is None
    assert allen.asked == ["HEAD", "", "bytes=1000-", "bytes=6000-"]
    assert fetch_2p(NUMBER, tmp_path / "cache")[0] == path
    assert len(allen.asked) == 4


def test_a_download_that_was_killed_goes_on(allen: AllenServer, session: bytes, tmp_path: Path) -> None:
    part = tmp_path / "cache" / "boc" / "data" / f"{NUMBER}.nwb.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(session[:700])
    fetch_2p(NUMBER, tmp_path / "cache")
    assert allen.asked == ["HEAD", "bytes=700-"]


def test_what_came_damaged_is_not_kept(allen: AllenServer, session: bytes, tmp_path: Path) -> None:
    allen.files[str(NUMBER)] = session[: len(session) // 2]  # the server itself holds half a file
    with pytest.raises(ValueError, match=r"is damaged: .*is no whole NWB file \(it was cut short\)"):
        fetch_2p(NUMBER, tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("*.nwb*"))


def test_a_file_that_changed_since_is_refused(allen: AllenServer, session: bytes, tmp_path: Path) -> None:
    path, _ = fetch_2p(NUMBER, tmp_path / "cache")
    spoilt = bytearray(session)
    spoilt[-10] ^= 1  # one bit in the data, which HDF5 does not notice
    path.write_bytes(bytes(spoilt))
    with pytest.raises(
        ValueError, match=r"has the wrong SHA-256: .*remove the file and run the same command again"
    ):
        fetch_2p(NUMBER, tmp_path / "cache")


def test_files_that_came_another_way_are_checked_too(
    allen: AllenServer, session: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "cache" / "boc" / "data" / f"{NUMBER}.nwb"
    path.parent.mkdir(parents=True)
    path.write_bytes(session[:900])
    with pytest.raises(ValueError, match="is no whole NWB file"):
        fetch_2p(NUMBER, tmp_path / "cache")
    path.write_bytes(session)
    assert fetch_2p(NUMBER, tmp_path / "cache")[0] == path
    assert allen.asked == []


def test_a_server_without_sizes(allen: AllenServer, tmp_path: Path) -> None:
    allen.length = False
    with pytest.raises(Unavailable, match="does not say how long the file is"):
        fetch_2p(NUMBER, tmp_path / "cache")


def test_no_such_experiment_and_no_network(
    allen: AllenServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(
        ValueError, match="there is no 2-photon experiment 3, or it has no file: look the id up"
    ):
        fetch_2p(3, tmp_path / "cache")

    class Offline(Exception):
        """What requests raises, for instance."""

    def refuse(*_: object, **__: object) -> None:
        raise Offline

    module = types.SimpleNamespace(BrainObservatoryCache=refuse)
    monkeypatch.setattr(allensdk_cache, "require_allensdk", lambda name: module)
    with pytest.raises(ValueError, match=r"cannot ask the Allen Institute .* \(Offline\); check the network"):
        fetch_2p(NUMBER, tmp_path / "cache")


def test_events_must_be_whole(tmp_path: Path) -> None:
    (tmp_path / "events.npz").write_bytes(b"PK")
    with pytest.raises(ValueError, match="is no whole file of events"):
        check_npz(tmp_path / "events.npz")


def test_without_allensdk(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    for name in [name for name in sys.modules if name.startswith("allensdk.")]:
        monkeypatch.delitem(sys.modules, name)
    # importing it now raises ImportError, as where it is not installed
    monkeypatch.setitem(sys.modules, "allensdk", None)
    with pytest.raises(
        ValueError, match=r"allensdk .*: `pip install -c constraints.txt -e '.\[allen\]'` brings it"
    ):
        require_allensdk("core.brain_observatory_cache")
    arguments = [
        "record",
        "--source",
        "allen-neuropixels",
        "--session",
        "715093703",
        "--cache",
        str(tmp_path),
    ]
    assert main([*arguments, "--out", str(tmp_path / "r.nc")]) == 2
    said = capsys.readouterr().err
    assert len(said.strip().splitlines()) == 1
    assert "NWB files that are at hand are read without it, with --nwb FILE" in said
