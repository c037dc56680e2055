"""What is compared and what is left out, with the reason: the list in `inclusion.csv`."""

from __future__ import annotations

import csv
import functools
from pathlib import Path

LIST = Path(__file__).with_name("inclusion.csv")


@functools.cache
def _entries() -> dict[tuple[str, str], tuple[bool, str]]:
    with open(LIST, newline="", encoding="utf-8") as file:
        return {
            (row["kind"], row["name"]): (row["included"] == "yes", row["reason"])
            for row in csv.DictReader(file)
        }


def included(kind: str) -> tuple[str, ...]:
    """Return what of a kind ("area", "site", "session_type", "session") is included, in the list's order."""
    return tuple(name for (k, name), (yes, _) in _entries().items() if k == kind and yes)


def reasons(kind: str) -> dict[str, str]:
    """Return why each entry of a kind is in or out."""
    return {name: reason for (k, name), (_, reason) in _entries().items() if k == kind}


def excluded(kind: str) -> dict[str, str]:
    """Return what of a kind is left out, with the reason."""
    return {name: reason for (k, name), (yes, reason) in _entries().items() if k == kind and not yes}


def excluded_session(session_type: str) -> str:
    """Return why a session type is left out; "" where the list does not."""
    return excluded("session_type").get(session_type, "")
