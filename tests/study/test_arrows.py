"""Packages talk through files: who may import whom, and that importing does nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BARRED = {
    "study": {"torch", "brian2", "brian2cuda", "trained", "bio", "analysis"},
    "trained": {"brian2", "brian2cuda", "bio", "analysis"},
    "bio": {"torch", "trained", "analysis"},
    "analysis": {"torch", "brian2", "brian2cuda", "trained", "bio"},
}
SEES_BOTH_SIDES = {ROOT / "bio" / "verify.py"}


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("package", sorted(BARRED))
def test_arrows_go_one_way(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    offenders = {
        str(path.relative_to(ROOT)): bad
        for path in files
        if path not in SEES_BOTH_SIDES and (bad := imported(path) & BARRED[package])
    }
    assert not offenders


def test_importing_all_packages_starts_neither_torch_nor_brian2() -> None:
    code = "import sys, study, trained, bio, analysis; print([m for m in ('torch', 'brian2') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_file_has_a_name_that_says_nothing() -> None:
    empty_names = {"utils.py", "helpers.py", "common.py", "base.py"}
    found = [p for package in BARRED for p in (ROOT / package).rglob("*.py") if p.name in empty_names]
    assert not found
