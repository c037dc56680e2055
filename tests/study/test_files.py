import errno
import hashlib
import os
import threading
from pathlib import Path

import pytest

from study import files


def test_file_appears_whole_with_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "file.txt"
    with files.replacing(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.suffix == ".txt"
        temporary.write_text("half")
        assert not path.exists()
        temporary.write_text("whole")
    assert path.read_text() == "whole"
    assert os.listdir(path.parent) == ["file.txt"]


def test_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    files.write_text(path, "old")
    with pytest.raises(RuntimeError, match="stop"), files.replacing(path) as temporary:  # noqa: PT012
        temporary.write_text("new")
        raise RuntimeError("stop")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file.txt"]


def test_mode_follows_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        files.write_text(tmp_path / "file", "text")
        assert files.current_umask() == 0o027
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


def test_folder_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(
        ValueError, match=r"^cannot write .*out: Not a directory; choose a folder that you may write to\.$"
    ):
        files.write_text(tmp_path / "file" / "folder" / "out", "text")


def test_folder_without_the_right_to_write(tmp_path: Path, as_nobody: None) -> None:
    with pytest.raises(
        ValueError, match=r"^cannot write .*out: Permission denied; choose a folder that you may"
    ):
        files.write_text(tmp_path / "out", "text")


@pytest.mark.parametrize("call", ["os.replace", "os.fsync", "pathlib.Path.write_text"])
def test_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "file.txt"
    files.write_text(path, "old")
    monkeypatch.setattr(call, full)
    with pytest.raises(OSError, match="No space left on device"):
        files.write_text(path, "new")
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file.txt"]


@pytest.mark.parametrize("size", [0, 1, files.CHUNK_BYTES, files.CHUNK_BYTES + 1])
def test_sha256(tmp_path: Path, size: int) -> None:
    (tmp_path / "file").write_bytes(bytes(size))
    assert files.sha256(tmp_path / "file") == hashlib.sha256(bytes(size)).hexdigest()


def test_lock_is_held_by_one_at_a_time(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    order = []

    def second() -> None:
        with files.locked(tmp_path / "lock"):
            order.append("second")

    with files.locked(tmp_path / "lock"):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    assert f"another process is at work on {tmp_path}; waiting for it" in capfd.readouterr().out


def test_require_file(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    path = tmp_path / "file"
    with pytest.raises(FileNotFoundError, match=rf"^thing: there is no file {path}; make it with `x`\.$"):
        files.require_file(path, "thing", "make it with `x`")
    with pytest.raises(
        ValueError, match=rf"^thing: {tmp_path} is a folder, but a file is needed; make it\.$"
    ):
        files.require_file(tmp_path, "thing", "make it")
    path.write_text("text")
    assert files.require_file(str(path), "thing", "make it") == path


def test_require_readable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_text("text")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(ValueError, match=rf"^thing: {path} cannot be read; change its permissions\.$"):
        files.require_file(path, "thing", "make it")
