"""How a table was made, as JSON beside it (`rsa.json` beside `rsa.csv`), since CSV has no place for it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from analysis.recording_file import Recording
from study.files import sha256, write_text
from study.provenance import provenance
from study.stimuli import load_stimuli

SUFFIX = ".json"


def sidecar_path(table: Path) -> Path:
    """Return the path of the JSON file beside a table.

    Raises
    ------
    ValueError
        If the table itself has that name.
    """
    if table.suffix == SUFFIX:
        raise ValueError(f"{table} is to be a table, and its JSON goes beside it; name it {table.stem}.csv.")
    return table.with_suffix(SUFFIX)


def command_facts(
    arguments: argparse.Namespace, files: Sequence[tuple[str, Path]], seconds: float
) -> dict[str, str]:
    """Return the options of a command that compares, with the SHA-256 of every file that it read.

    Parameters
    ----------
    arguments : Namespace
        With `recording` and `images`.
    files : sequence of (name, path)
        Responses.
    seconds : float
        How long the command took.
    """
    inputs = {"recording": arguments.recording}
    if arguments.images is not None:
        inputs["images"] = arguments.images
    config = {k: str(v) for k, v in vars(arguments).items() if k not in ("handler", "command")}
    facts = provenance(config, inputs, seconds)
    facts["responses_sha256"] = json.dumps({str(path): sha256(path) for _, path in files})
    return facts


def save_sidecar(table: Path, facts: dict[str, str], recording: Recording, images: Path | None) -> None:
    """Write how a table was made, and all that its recording and images say about how they were.

    Parameters
    ----------
    table : Path
    facts : dict
        See `command_facts`.
    recording : Recording
        As it was compared: split, or with distances made anew.
    images : Path, optional
        Stimuli file.
    """
    told = {"table": facts, "recording": dict(recording.attributes)}
    if images is not None:
        told["images"] = dict(load_stimuli(images).attributes)
    write_text(sidecar_path(table), json.dumps(told, indent=1, sort_keys=True) + "\n")


def load_sidecar(table: Path) -> dict[str, str]:
    """Return the facts of a table; none where there is no file beside it."""
    path = sidecar_path(table)
    if not path.exists():
        return {}
    try:
        facts: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))["table"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} does not say how {table.name} was made; make the table again.") from error
    return facts
