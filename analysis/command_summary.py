"""`python -m analysis summary`: the main numbers as text."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from analysis.results import Results
from analysis.summary import summary
from study.files import write_text


def add(commands: Any) -> None:
    """Add this command to the parser."""
    parser = commands.add_parser("summary", help="write the main numbers as text")
    parser.add_argument("--results", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="summary.txt")
    parser.set_defaults(handler=handle)


def handle(arguments: argparse.Namespace) -> None:
    """Write the summary."""
    write_text(arguments.out, summary(Results(arguments.results)))
