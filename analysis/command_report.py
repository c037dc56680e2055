"""`python -m analysis report`: one self-contained page."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from analysis.report import write_report
from analysis.results import Results


def add(commands: Any) -> None:
    """Add this command to the parser."""
    parser = commands.add_parser(
        "report", help="write one HTML page with figures, tables, choices and provenance"
    )
    parser.add_argument("--results", type=Path, required=True, metavar="DIR")
    parser.add_argument("--figures", type=Path, metavar="DIR", help="default: DIR/figures of the results")
    parser.add_argument("--out", type=Path, required=True, metavar="report.html")
    parser.set_defaults(handler=handle)


def handle(arguments: argparse.Namespace) -> None:
    """Write the report."""
    figures = arguments.figures or arguments.results / "figures"
    write_report(Results(arguments.results), figures, arguments.out)
    print(f"report: {arguments.out}")
