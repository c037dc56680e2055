import errno
import json
import multiprocessing
import os
import shutil
import signal
import stat
import time

import pytest

from bio import build_cache
from bio.__main__ import main
from bio.build_cache import entries, project_key, provide, trim
from study.files import sha256

KEY = "0123456789abcdef" * 4


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDY_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "builds"


def builder(folder, content=b"program", log=None):
    """Return a build that counts how often it ran in the file `log`."""

    def build():
        path = folder / "built"
        path.write_bytes(content)
        with open(log or folder / "log", "a") as file:
            file.write("built\n")
        return path

    return build


def times_built(folder):
    return (folder / "log").read_text().count("built")


def test_a_program_is_built_once(tmp_path, cache):
    out = tmp_path / "main"
    assert provide(KEY, out, builder(tmp_path), "cpp", "first")
    out.unlink()
    assert not provide(KEY, out, builder(tmp_path, b"never built"), "cpp", "first")
    assert out.read_bytes() == b"program"
    assert out.stat().st_mode & stat.S_IXUSR
    assert [(entry.key, entry.backend, entry.description) for entry in entries()] == [(KEY, "cpp", "first")]


def test_the_key_covers_names_and_bytes_of_every_file(tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "a.cpp").write_text("x")
    (tmp_path / "b.cpp").write_text("y")
    keys = {project_key(tmp_path, "g++ 12"), project_key(tmp_path, "g++ 13")}
    (tmp_path / "b.cpp").write_text("yy")
    keys.add(project_key(tmp_path, "g++ 12"))
    (tmp_path / "b.cpp").rename(tmp_path / "c.cpp")
    keys.add(project_key(tmp_path, "g++ 12"))
    (tmp_path / "code" / "a.cpp").rename(tmp_path / "a.cpp")
    keys.add(project_key(tmp_path, "g++ 12"))
    assert len(keys) == 5


@pytest.mark.parametrize(
    "damage", ["truncated", "changed", "empty", "no manifest", "manifest cut", "manifest odd", "no program"]
)
def test_a_damaged_entry_is_built_again(tmp_path, cache, capfd, damage):
    out = tmp_path / "main"
    provide(KEY, out, builder(tmp_path, b"right"), "cpp", "")
    program, manifest = cache / f"{KEY}.program", cache / f"{KEY}.json"
    if damage in ("truncated", "changed", "empty"):
        program.write_bytes({"truncated": b"righ", "changed": b"wrong", "empty": b""}[damage])
        assert "damaged" in entries()[0].line()
    elif damage.startswith("no "):
        (manifest if damage == "no manifest" else program).unlink()
    else:
        manifest.write_text({"manifest cut": '{"sha256": "', "manifest odd": "[1]"}[damage])
    assert provide(KEY, out, builder(tmp_path, b"right"), "cpp", "")
    assert out.read_bytes() == program.read_bytes() == b"right"
    said = capfd.readouterr().err
    assert ("it is compiled again" in said) == (not damage.startswith("no "))
    assert not provide(KEY, out, builder(tmp_path), "cpp", "")


def slow_build(folder, out):
    def build():
        time.sleep(0.5)
        return builder(folder)()

    provide(KEY, folder / out, build, "cpp", "")


def test_processes_share_one_build(tmp_path, cache):
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=slow_build, args=(tmp_path, f"main{n}")) for n in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert times_built(tmp_path) == 1
    assert all((tmp_path / f"main{n}").read_bytes() == b"program" for n in range(4))


def test_killed_during_the_build(tmp_path, cache):
    def build():
        (tmp_path / "log").write_text("began\n")
        time.sleep(60)

    context = multiprocessing.get_context("fork")
    process = context.Process(target=provide, args=(KEY, tmp_path / "main", build, "cpp", ""))
    process.start()
    while not (tmp_path / "log").exists():
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert entries() == []
    assert provide(KEY, tmp_path / "main", builder(tmp_path), "cpp", "")  # the lock went with its holder


@pytest.mark.parametrize("step", ["_keep", "write_text"])
def test_killed_while_the_cache_is_written(tmp_path, cache, monkeypatch, step):
    """A writer that dies leaves nothing, or a program without a manifest: neither is used."""

    def die(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(build_cache, step, die)
        with pytest.raises(KeyboardInterrupt):
            provide(KEY, tmp_path / "main", builder(tmp_path), "cpp", "")
    assert (cache / f"{KEY}.program").exists() == (step == "write_text")
    assert provide(KEY, tmp_path / "main", builder(tmp_path), "cpp", "")
    assert times_built(tmp_path) == 2


def test_full_disk_while_the_cache_is_written(tmp_path, cache, monkeypatch):
    def full(source, target):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(build_cache.shutil, "copyfile", full)
        with pytest.raises(
            ValueError, match=r"cannot write to .*builds: No space left on device; free .* STUDY_CACHE"
        ):
            provide(KEY, tmp_path / "main", builder(tmp_path), "cpp", "")
    assert not list(cache.glob("*.program"))
    assert provide(KEY, tmp_path / "main", builder(tmp_path), "cpp", "")


def test_a_cache_below_a_file(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STUDY_CACHE", str(tmp_path / "file"))
    with pytest.raises(ValueError, match=r"cannot write .*builds: Not a directory"):
        provide(KEY, tmp_path / "main", builder(tmp_path), "cpp", "")


def test_the_oldest_go_first(tmp_path, cache):
    for n, content in enumerate((b"a" * 40, b"b" * 40, b"c" * 40)):
        provide(f"{n}" * 64, tmp_path / "main", builder(tmp_path, content), "cpp", "")
        os.utime(cache / f"{str(n) * 64}.json", (n, n))
    provide("0" * 64, tmp_path / "main", builder(tmp_path), "cpp", "")  # used again: now the youngest
    trim(cache, limit_bytes=100)
    assert {entry.key[0] for entry in entries()} == {"0", "2"}
    trim(cache, limit_bytes=0, spare="2" * 64)
    assert [entry.key[0] for entry in entries()] == ["2"]


def test_remains_of_killed_writers_go_after_a_day(tmp_path, cache):
    provide(KEY, tmp_path / "main", builder(tmp_path), "cpp", "")
    old, new = cache / ".a-1.tmp.program", cache / ".b-2.tmp.program"
    for path in (old, new):
        path.write_bytes(b"part")
    os.utime(old, (0, 0))
    trim(cache)
    assert not old.exists()
    assert new.exists()


def test_commands(tmp_path, cache, capsys):
    assert main(["cache", "list"]) == 0
    assert f"in {cache}: 0 programs, 0.0 MB" in capsys.readouterr().out
    provide(KEY, tmp_path / "main", builder(tmp_path, b"x" * 1000), "cpp_standalone", "conv1:72 readout:2")
    assert main(["cache", "list"]) == 0
    said = capsys.readouterr().out
    assert KEY[:12] in said
    assert "cpp_standalone  conv1:72 readout:2" in said
    assert "1 programs, 0.0 MB" in said
    assert main(["cache", "clear"]) == 0
    assert f"removed from {cache}: 1 programs" in capsys.readouterr().out
    assert list(cache.iterdir()) == []


def test_the_manifest_is_readable(tmp_path, cache):
    provide(KEY, tmp_path / "main", builder(tmp_path), "cpp", "layers")
    facts = json.loads((cache / f"{KEY}.json").read_text())
    assert facts == {"backend": "cpp", "description": "layers", "sha256": sha256(cache / f"{KEY}.program")}
    shutil.rmtree(cache)
    assert entries() == []
