import io
import tarfile
from pathlib import Path

import pytest

from study import manifest
from tests.study.conftest import Checkout, entry

CONTENT = b"some data" * 100


def test_python_package_that_is_absent(checkout: Checkout) -> None:
    source = {"kind": "package", "package": "nosuchpackage", "path": "x", "install": "nosuchpackage==1"}
    checkout.describe(entry("thing", CONTENT, source))
    with pytest.raises(
        ValueError, match="cannot get thing: `pip install nosuchpackage==1` brings it; or put"
    ):
        manifest.fetch("thing")


def test_python_package_of_another_version(checkout: Checkout) -> None:
    source = {"kind": "package", "package": "study", "path": "__init__.py", "install": "study==0"}
    checkout.describe(entry("thing", CONTENT, source))
    with pytest.raises(
        ValueError, match="are another version of the package; `pip install study==0` gives the right one"
    ):
        manifest.locate("thing")


def client(folder: Path, name: str, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a stand-in for a package client first in PATH."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def npm_items(checkout: Checkout, *names: str) -> None:
    source = {"kind": "npm", "package": "numbers@1"}
    checkout.describe(*[entry(n, n.encode(), {**source, "member": f"package/data/{n}"}) for n in names])


def test_npm_package_gives_all_its_items(
    checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    npm_items(checkout, "one", "two")
    with tarfile.open(tmp_path / "numbers-1.tgz", "w:gz") as archive:
        for name in ("one", "two"):
            info = tarfile.TarInfo(f"package/data/{name}")
            info.size = len(name)
            archive.addfile(info, io.BytesIO(name.encode()))
    log = tmp_path / "log"
    script = f'echo "$@" >> {log}; cp {tmp_path}/numbers-1.tgz .'
    client(tmp_path / "bin", "npm", script, monkeypatch)
    assert manifest.fetch("one").read_bytes() == b"one"
    assert manifest.fetch("two").read_bytes() == b"two"
    assert log.read_text() == "pack numbers@1\n"
    npm_items(checkout, "three")
    with pytest.raises(
        ValueError, match="the npm package numbers@1 holds no file package/data/three; or put"
    ):
        manifest.fetch("three")


def test_npm_that_fails_or_is_absent(
    checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    npm_items(checkout, "one")
    client(tmp_path / "bin", "npm", "echo 'npm ERR! 404 no such package' >&2; exit 1", monkeypatch)
    with pytest.raises(
        ValueError, match=r"`npm pack numbers@1` failed .npm ERR! 404 no such package.; or put"
    ):
        manifest.fetch("one")
    client(tmp_path / "bin", "npm", "true", monkeypatch)
    with pytest.raises(ValueError, match="`npm pack numbers@1` left no archive"):
        manifest.fetch("one")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match="`npm pack numbers@1` needs npm, which is not installed"):
        manifest.fetch("one")


def test_debian_package_is_unpacked_without_being_installed(
    checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = {"kind": "debian", "package": "dataset-x", "path": "/usr/share/no-such-data-set/x.gz"}
    checkout.describe(entry("thing", b"right\n", source))
    client(tmp_path / "bin", "apt-get", 'test "$1" = download && touch "$2"_1_all.deb', monkeypatch)
    unpack = 'mkdir -p "$3/usr/share/no-such-data-set"; echo {} > "$3/usr/share/no-such-data-set/x.gz"'
    client(tmp_path / "bin", "dpkg-deb", unpack.format("wrong"), monkeypatch)
    with pytest.raises(
        ValueError,
        match=r"wrong SHA-256.*likely causes are another version of the package than the manifest names",
    ):
        manifest.fetch("thing")
    assert manifest.find("thing") is None
    client(tmp_path / "bin", "dpkg-deb", unpack.format("right"), monkeypatch)
    assert manifest.fetch("thing").read_bytes() == b"right\n"
