"""NIR files; the package `nir` is imported here alone, and only when asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py

from study.files import replacing, require_file


def require_nir() -> Any:
    """Import and return the package `nir`.

    Raises
    ------
    ValueError
        If it is not installed.
    """
    try:
        import nir
    except ImportError as error:
        raise ValueError(
            "NIR files need the package nir, which is not installed; run `pip install '.[nir]'`."
        ) from error
    return nir


def read_graph(path: str | Path) -> Any:
    """Read a NIR file without the package's own check of shapes, which refuses grouped convolutions.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a NIR file, or `nir` does not know what it holds or is not installed.
    """
    nir = require_nir()
    path = require_file(path, "NIR", "write it with the library that trained the network")
    try:
        with h5py.File(path, "r") as file:
            described = nir.serialization.hdf2dict(file["node"])
        return nir.dict2NIRNode(_unchecked(described))
    except (
        OSError,
        LookupError,
        AssertionError,
        TypeError,
        AttributeError,
        ValueError,
        ArithmeticError,
    ) as error:
        raise ValueError(
            f"{path} cannot be read as a NIR graph ({error or type(error).__name__}); export the network again."
        ) from error


def _unchecked(node: dict[str, Any]) -> dict[str, Any]:
    """Return a graph's dictionary with the package's check switched off, in graphs within it too."""
    if node.get("type") != "NIRGraph":
        return node
    nodes = {name: _unchecked(inner) for name, inner in node["nodes"].items()}
    return {**node, "nodes": nodes, "type_check": False}


def write_graph(graph: Any, path: str | Path) -> None:
    """Write a NIR file."""
    nir = require_nir()
    with replacing(path) as temporary:
        nir.write(str(temporary), graph)
