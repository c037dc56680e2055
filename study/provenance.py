"""Where a result came from: configuration, commit, versions, seed, inputs, time."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from study.files import sha256

PACKAGES = ("torch", "brian2", "numpy", "scipy", "xarray", "safetensors")
ROOT = Path(__file__).resolve().parents[1]


def config_hash(config: Mapping[str, Any]) -> str:
    """Return 16 hexadecimal digits that change whenever any field of `config` does."""
    text = json.dumps(config, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@functools.cache
def git_state() -> tuple[str, bool]:
    """Return (commit, dirty) of the checkout; ("unknown", False) outside one."""
    try:
        commit = _git("rev-parse", "HEAD")
        dirty = bool(_git("status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.CalledProcessError):
        return "unknown", False
    return commit, dirty


def _git(*arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=True
    ).stdout.strip()


def provenance(
    config: Mapping[str, Any] | None = None,
    inputs: Mapping[str, str | Path] | None = None,
    seconds: float | None = None,
    **extra: Any,
) -> dict[str, str]:
    """Describe how a result was made, as text attributes that any file format can carry.

    Parameters
    ----------
    config : mapping, optional
        What was asked for; stored as JSON with its hash.
    inputs : mapping of name to path, optional
        Files that were read; each is stored as its SHA-256.
    seconds : float, optional
        How long the work took.
    **extra
        Further facts: seed, backend, code generation target, ...

    Returns
    -------
    dict of str to str
    """
    commit, dirty = git_state()
    facts: dict[str, str] = {
        "git_commit": commit,
        "git_dirty": str(dirty).lower(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "versions": json.dumps({name: _version(name) for name in PACKAGES}),
    }
    if config is not None:
        facts["config"] = json.dumps(config, sort_keys=True)
        facts["config_hash"] = config_hash(config)
    for name, path in (inputs or {}).items():
        facts[f"sha256_{name}"] = sha256(path)
    if seconds is not None:
        facts["seconds"] = f"{seconds:.3f}"
    facts.update({name: str(value) for name, value in extra.items()})
    return facts


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "absent"
