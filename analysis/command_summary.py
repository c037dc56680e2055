"""`python -m analysis summary`: what a study found, as text."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from analysis.results import Results


def add(commands: Any) -> None:
    """Add this command to the parser."""
    parser = commands.add_parser(
        "summary", help="print what a folder of results says, and write it to a file"
    )
    parser.add_argument("--results", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, metavar="summary.txt")
    parser.set_defaults(handler=handle)


def handle(arguments: argparse.Namespace) -> None:
    """Print the summary and write it if asked for."""
    from analysis.summary import summary
    from study.files import write_text

    text = summary(Results(arguments.results))
    print(text, end="")
    if arguments.out is not None:
        write_text(arguments.out, text)
