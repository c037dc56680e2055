import hashlib
import os
from pathlib import Path

import pytest

from study import manifest
from study.files import sha256
from tests.study.conftest import Checkout, entry

CONTENT = b"some data" * 100


def put(folder: Path, content: bytes = CONTENT, name: str = "thing") -> Path:
    path = folder / "things" / f"{name}.bin"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


# ----------------------------------------------------------------------------------------- the real manifest


def test_real_manifest_is_whole() -> None:
    items = manifest.load_manifest()
    assert len(items) >= 34
    assert items["cifar10"].bytes == 170_498_071
    assert items["allen-site-similarity"].licence.startswith("(c) Allen Institute")
    assert len({item.file for item in items.values()}) == len(items)
    for item in items.values():
        assert item.used_by
        assert int(item.sha256, 16) >= 0
        assert not Path(item.file).is_absolute()
        assert all(source["url"].startswith("https://") for source in item.sources if "url" in source)


@pytest.mark.parametrize(
    "name", [n for n, item in manifest.load_manifest().items() if item.sources[0]["kind"] == "package"]
)
def test_embedded_files_are_those_of_the_pinned_packages(name: str, checkout: Checkout) -> None:
    real = manifest.load_manifest(Path(__file__).parents[2] / "data_manifest.yaml")[name]
    pins = (Path(__file__).parents[2] / "constraints.txt").read_text().splitlines()
    assert real.sources[0]["install"] in pins
    (_, path, _) = next(manifest._places(real))
    assert sha256(path) == real.sha256
    assert path.stat().st_size == real.bytes


@pytest.mark.parametrize(
    "name", [n for n, item in manifest.load_manifest().items() if item.sources[0]["kind"] == "local"]
)
def test_local_files_that_are_here_are_whole(name: str) -> None:
    path = manifest.verify(name)
    if path is None:
        pytest.skip(f"{name} is absent")
    assert path.stat().st_size == manifest.load_manifest()[name].bytes


# ------------------------------------------------------------------------------------------------- finding


def test_order_of_folders(checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout.describe(entry("thing", CONTENT))
    assert manifest.find("thing") is None
    assert manifest.presence("thing") == ("absent", None)
    for where, folder in (
        ("cache", checkout.cache),
        ("local", checkout.root / "shared" / "data"),
        ("local", checkout.shared),
        ("local", tmp_path / "mine"),
    ):
        path = put(folder)
        if folder.name == "mine":
            monkeypatch.setenv("STUDY_DATA", str(folder))
        assert manifest.locate("thing") == path
        assert manifest.presence("thing") == (where, path)


def test_cache_folder_is_chosen(checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout.describe(entry("thing", CONTENT))
    monkeypatch.setenv("STUDY_CACHE", str(tmp_path / "elsewhere"))
    path = put(tmp_path / "elsewhere")
    assert manifest.locate("thing") == path


def test_absent_item_says_what_to_do(checkout: Checkout) -> None:
    checkout.describe(entry("thing", CONTENT, by_hand="the first of its kind"))
    with pytest.raises(
        FileNotFoundError,
        match=r"^data set 'thing' is absent: put it \(the first of its kind\) at things/thing\.bin below the folder "
        r"that STUDY_DATA names\.$",
    ):
        manifest.locate("thing")
    with pytest.raises(
        ValueError,
        match=r"cannot get thing: the manifest knows no source for it but a local folder; or put the file at .*; it is "
        "the first of its kind",
    ):
        manifest.fetch("thing")


def test_unknown_name_suggests_the_nearest(checkout: Checkout) -> None:
    checkout.describe(entry("thing", CONTENT))
    with pytest.raises(
        ValueError, match=r"unknown data set 'thingy': did you mean 'thing'. allowed are thing"
    ):
        manifest.locate("thingy")


def test_wrong_hash_names_file_hashes_and_causes(checkout: Checkout) -> None:
    checkout.describe(entry("thing", CONTENT))
    path = put(checkout.shared, b"other")
    expected, got = (hashlib.sha256(content).hexdigest() for content in (CONTENT, b"other"))
    for call in (manifest.find, manifest.locate, manifest.verify, manifest.fetch):
        with pytest.raises(
            ValueError,
            match=f"{path} has the wrong SHA-256: expected {expected}, got {got} .5 bytes.; likely causes are an "
            "interrupted copy or another version; replace it, or remove it and run `python -m study data fetch thing`",
        ):
            call("thing")
    assert path.read_bytes() == b"other"  # a user's file is never touched


def test_unchanged_file_is_hashed_once(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout.describe(entry("thing", CONTENT))
    path = put(checkout.shared)
    manifest.locate("thing")
    hashed: list[Path] = []

    def noted(path: Path) -> str:
        hashed.append(path)
        return sha256(path)

    monkeypatch.setattr("study.download.sha256", noted)
    manifest.locate("thing")
    assert hashed == []
    manifest.verify("thing")
    assert hashed == [path]
    os.utime(path, ns=(1, 1))
    manifest.locate("thing")
    assert hashed == [path, path]
    (checkout.cache / "verified.json").write_text("damaged")
    assert manifest.locate("thing") == path


def test_record_that_cannot_be_written_is_no_hindrance(checkout: Checkout) -> None:
    checkout.describe(entry("thing", CONTENT))
    path = put(checkout.shared)
    checkout.cache.parent.write_text("a file where the cache should be")
    assert manifest.locate("thing") == path


def test_study_data_must_be_a_folder(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout.describe(entry("thing", CONTENT))
    monkeypatch.setenv("STUDY_DATA", "/no/such/folder")
    with pytest.raises(ValueError, match="STUDY_DATA is /no/such/folder, which is not a folder; set it to"):
        manifest.locate("thing")


def test_folder_in_the_place_of_a_file(checkout: Checkout) -> None:
    checkout.describe(entry("thing", CONTENT))
    (checkout.shared / "things" / "thing.bin").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"thing: .*thing\.bin is a folder, but a file is needed"):
        manifest.locate("thing")


def test_unreadable_folder(checkout: Checkout, request: pytest.FixtureRequest) -> None:
    checkout.describe(entry("thing", CONTENT))
    manifest.load_manifest()
    put(checkout.shared)
    checkout.shared.chmod(0)
    request.addfinalizer(lambda: checkout.shared.chmod(0o755))
    request.getfixturevalue("as_nobody")
    with pytest.raises(
        ValueError, match=r"cannot be read .Permission denied.; change the permissions of its folder"
    ):
        manifest.locate("thing")


def test_cache_that_cannot_be_written(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout.describe(entry("thing", CONTENT, {"kind": "url", "url": "https://127.0.0.1/nothing"}))
    (checkout.root / "file").write_text("not a folder")
    monkeypatch.setenv("STUDY_CACHE", str(checkout.root / "file" / "cache"))
    with pytest.raises(
        ValueError, match=r"cannot write to the cache .*: Not a directory; choose a folder with STUDY_CACHE"
    ):
        manifest.fetch("thing")


# ------------------------------------------------------------------------------------- damaged manifests


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"sha256": "12"}, "item 'thing': sha256 is '12'; 64 hexadecimal digits are needed"),
        ({"licence": ""}, "item 'thing': fields that lack: licence; unknown: none"),
        ({"colour": "red"}, "item 'thing': fields that lack: none; unknown: colour"),
        (
            {"sources": [{"kind": "ftp"}]},
            "unknown source kind of thing 'ftp': .*allowed are debian, local, npm",
        ),
        ({"sources": [{"kind": "npm", "package": "x"}]}, "item 'thing': its npm source lacks member"),
        (
            {"sources": [{"kind": "url", "url": "file:///x"}]},
            "its url is file:///x; allowed are https and http",
        ),
    ],
)
def test_bad_item(checkout: Checkout, change: dict, text: str) -> None:
    checkout.describe({**entry("thing", CONTENT), **change})
    with pytest.raises(ValueError, match=text):
        manifest.load_manifest()


def test_bad_manifest(checkout: Checkout) -> None:
    with pytest.raises(FileNotFoundError, match=r"data manifest: there is no file .*; restore it with `git"):
        manifest.load_manifest()
    checkout.describe(entry("thing", CONTENT), entry("thing", CONTENT))
    with pytest.raises(ValueError, match=r"the names \['thing'\] repeat"):
        manifest.load_manifest()
    manifest._read.cache_clear()
    manifest.MANIFEST.write_text("items: [")
    with pytest.raises(ValueError, match=r"is no data manifest .*; restore it from git"):
        manifest.load_manifest()
