import errno
import hashlib
import http.client
import io
import os
import random
import re
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from study import download, manifest
from study.download import Unavailable
from tests.study.conftest import Checkout, Server, entry

CONTENT = random.Random(0).randbytes(300_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "file.bin"


def part(target: Path) -> Path:
    return target.with_name("file.bin.part")


def get(server: Server, target: Path) -> None:
    download.download(server.url, target, len(CONTENT), DIGEST)


def leave_part(target: Path, content: bytes) -> None:
    target.parent.mkdir()
    part(target).write_bytes(content)


def assert_nothing_left(target: Path) -> None:
    assert not target.exists()
    assert not part(target).exists()


def test_complete(server: Server, target: Path) -> None:
    server.content = CONTENT
    get(server, target)
    assert target.read_bytes() == CONTENT
    assert not part(target).exists()
    assert server.asked == [""]


def test_cut_connection_goes_on_where_it_stopped(server: Server, target: Path) -> None:
    server.content, server.cuts = CONTENT, [100_000, 50_000]
    get(server, target)
    assert target.read_bytes() == CONTENT
    assert server.asked == ["", "bytes=100000-", "bytes=150000-"]


def test_next_call_goes_on_with_the_part_of_the_last(server: Server, target: Path) -> None:
    leave_part(target, CONTENT[:123_456])
    server.content = CONTENT
    get(server, target)
    assert target.read_bytes() == CONTENT
    assert server.asked == ["bytes=123456-"]


def test_complete_part_needs_no_connection(server: Server, target: Path) -> None:
    leave_part(target, CONTENT)
    get(server, target)
    assert target.read_bytes() == CONTENT
    assert server.asked == []


def test_server_without_ranges_sends_everything_again(server: Server, target: Path) -> None:
    leave_part(target, CONTENT[:1000])
    server.content, server.ranges = CONTENT, False
    get(server, target)
    assert target.read_bytes() == CONTENT


def test_truncated_for_good_keeps_what_came(server: Server, target: Path) -> None:
    server.content, server.cuts = CONTENT, [200_000] + [0] * 20
    with pytest.raises(
        Unavailable,
        match=r"127\.0\.0\.1:\d+ cannot be read \(the connection was cut after 200,000 of 300,000 bytes\); check the "
        r"network, then run the same command again; 200,000 of 300,000 bytes are kept for the next try$",
    ):
        get(server, target)
    assert not target.exists()
    assert part(target).read_bytes() == CONTENT[:200_000]
    assert len(server.asked) == 1 + download.ATTEMPTS - 1


def test_wrong_hash_leaves_nothing(server: Server, target: Path) -> None:
    wrong = bytes(len(CONTENT))
    server.content = wrong
    got = hashlib.sha256(wrong).hexdigest()
    with pytest.raises(
        ValueError,
        match=f"{re.escape(str(target))} has the wrong SHA-256: expected {DIGEST}, got {got} .300000 bytes.; "
        "likely causes are a file that changed at its source, or a proxy's or login page in its place; nothing was kept",
    ):
        get(server, target)
    assert_nothing_left(target)


def test_stale_part_is_dropped_and_the_next_call_succeeds(server: Server, target: Path) -> None:
    leave_part(target, b"old" * 1000)
    server.content = CONTENT
    with pytest.raises(ValueError, match="wrong SHA-256"):
        get(server, target)
    assert_nothing_left(target)
    get(server, target)
    assert target.read_bytes() == CONTENT


def test_another_size_is_refused_before_it_is_downloaded(server: Server, target: Path) -> None:
    server.content = b"<html>please log in</html>"
    with pytest.raises(
        Unavailable, match=r"offers 26 bytes where 300,000 are expected: .*login page.*nothing was downloaded"
    ):
        get(server, target)
    assert_nothing_left(target)
    assert len(server.asked) == 1


def test_more_than_expected_without_a_length(server: Server, target: Path) -> None:
    server.content, server.sends_length = CONTENT + b"more", False
    with pytest.raises(Unavailable, match="sends more than the 300,000 bytes that are expected"):
        get(server, target)
    assert_nothing_left(target)


def test_absent_file_is_not_asked_for_twice(server: Server, target: Path) -> None:
    server.statuses = [404]
    with pytest.raises(
        Unavailable, match=r"/file answers 404 \(Not Found\): it was moved, removed or is not public$"
    ):
        get(server, target)
    assert_nothing_left(target)
    assert len(server.asked) == 1


def test_busy_server_is_asked_again(server: Server, target: Path) -> None:
    server.content, server.statuses = CONTENT, [503, 429]
    get(server, target)
    assert target.read_bytes() == CONTENT


def test_server_down_for_good(server: Server, target: Path) -> None:
    server.statuses = [503] * 20
    with pytest.raises(
        Unavailable, match=r"answers 503 \(Service Unavailable\); check the network, then run"
    ):
        get(server, target)
    assert len(server.asked) == download.ATTEMPTS


def test_range_that_the_server_refuses_starts_again(server: Server, target: Path) -> None:
    leave_part(target, CONTENT[:200_000])
    server.content = CONTENT[:200_000]  # the server's file is no longer than what is here
    with pytest.raises(Unavailable, match="offers 200,000 bytes where 300,000 are expected"):
        get(server, target)
    assert_nothing_left(target)
    assert server.asked == ["bytes=200000-", ""]


def test_time_out(server: Server, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "TIMEOUT_S", 0.1)
    monkeypatch.setattr(download, "ATTEMPTS", 2)
    server.hang = threading.Event()
    with pytest.raises(
        Unavailable, match=r"127\.0\.0\.1:\d+ did not answer within 0\.1 s; check the network"
    ):
        get(server, target)
    assert_nothing_left(target)


def test_no_network(server: Server, target: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/file"
        with pytest.raises(
            Unavailable, match=r"cannot be read \(Connection refused\); check the network, then run"
        ):
            download.download(url, target, len(CONTENT), DIGEST)
    assert_nothing_left(target)


def test_network_that_goes_away_while_reading(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_part(target, CONTENT[:1000])
    server.content = CONTENT

    def unreachable(*_: object) -> bytes:
        raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))

    with monkeypatch.context() as patch:
        patch.setattr(http.client.HTTPResponse, "read", unreachable)
        with pytest.raises(
            Unavailable, match=r"cannot be read \(Network is unreachable\).*1,000 of 300,000 bytes"
        ):
            get(server, target)
    get(server, target)
    assert target.read_bytes() == CONTENT
    assert server.asked[-1] == "bytes=1000-"


def test_full_disk_while_writing(server: Server, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.FileIO):
        def write(self, _: Any) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(download, "open", Full, raising=False)
    server.content = CONTENT
    with pytest.raises(
        ValueError,
        match=f"cannot write {re.escape(str(target))}: No space left on device; free 300,000 bytes there or choose "
        "another folder with STUDY_CACHE",
    ):
        get(server, target)
    assert_nothing_left(target)


def test_folder_below_a_file(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(
        ValueError, match=r"cannot write .*: Not a directory; free .* or choose another folder"
    ):
        get(server, tmp_path / "file" / "folder" / "file.bin")


# ------------------------------------------------------------------------------------- through the manifest


def test_fetch_from_a_url(server: Server, checkout: Checkout) -> None:
    checkout.describe(entry("thing", CONTENT, {"kind": "url", "url": server.url}))
    with pytest.raises(
        FileNotFoundError,
        match="'thing' is absent: get it with `python -m study data fetch thing`, or put it",
    ):
        manifest.locate("thing")
    server.content = CONTENT
    assert manifest.fetch("thing") == checkout.cache / "things" / "thing.bin"
    assert manifest.fetch("thing") == manifest.locate("thing") == manifest.verify("thing")
    assert len(server.asked) == 1


def test_fetch_replaces_a_damaged_copy_in_the_cache(server: Server, checkout: Checkout) -> None:
    checkout.describe(entry("thing", CONTENT, {"kind": "url", "url": server.url}))
    path = checkout.cache / "things" / "thing.bin"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(
        ValueError, match="likely causes are a failing disk or an edit; get it again with `python -m study"
    ):
        manifest.locate("thing")
    server.content = CONTENT
    assert manifest.fetch("thing").read_bytes() == CONTENT


def test_next_source_is_tried_and_reasons_are_told(server: Server, checkout: Checkout) -> None:
    urls = [{"kind": "url", "url": f"{server.url}{i}"} for i in (1, 2)]
    checkout.describe(entry("thing", CONTENT, *urls))
    server.content, server.statuses = CONTENT, [404]
    assert manifest.fetch("thing").read_bytes() == CONTENT
    (checkout.cache / "things" / "thing.bin").unlink()
    server.statuses = [404, 410]
    with pytest.raises(
        ValueError,
        match=r"cannot get thing: http.*/file1 answers 404 .*; http.*/file2 answers 410 .*; or put the file at "
        r"things/thing\.bin below the folder that STUDY_DATA names\.$",
    ):
        manifest.fetch("thing")
