"""Which of our modules a module imports, so that a workflow can redo what a changed module made."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from study.provenance import ROOT

PACKAGES = ("study", "trained", "bio", "analysis")


def imported_modules(*names: str, root: Path = ROOT) -> list[str]:
    """Return the files of modules and of all of our modules that they import, however deep.

    Parameters
    ----------
    *names : str
        Dotted names such as "trained.training"; a package stands for all of its modules.
    root : Path
        Folder that holds the packages.

    Returns
    -------
    list of str
        Paths, sorted.

    Raises
    ------
    ValueError
        If there is no such module.
    """
    waiting = [path for name in names for path in _files(name, root)]
    found: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += [p for name in _names(path) for p in _module(name, root)]
    return sorted(map(str, found))


def _files(name: str, root: Path) -> list[Path]:
    files = _module(name, root)
    if not files:
        raise ValueError(f"there is no module {name} below {root}; give a name such as trained.training.")
    if files[0].name == "__init__.py":
        return sorted(files[0].parent.rglob("*.py"))
    return files


def _module(name: str, root: Path) -> list[Path]:
    """Return the module's file, or a package's __init__; nothing for names that are neither (functions, classes)."""
    path = root.joinpath(*name.split("."))
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return [candidate for candidate in candidates if candidate.exists()][:1]


def _names(path: Path) -> Iterator[str]:
    """Yield dotted names that a file may import from our packages."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in PACKAGES)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in PACKAGES:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
