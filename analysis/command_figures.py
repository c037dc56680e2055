"""`python -m analysis figures`: draw saved results."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from analysis.results import NothingToDrawError, Results


def add(commands: Any) -> None:
    """Add this command to the parser."""
    parser = commands.add_parser("figures", help="draw figures from a folder of results")
    parser.add_argument("--results", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: DIR/figures of the results")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="default: every figure that the results allow"
    )
    parser.set_defaults(handler=handle)


def handle(arguments: argparse.Namespace) -> None:
    """Draw the figures asked for; without names, say which could not be drawn and why."""
    from analysis.figures.catalogue import FIGURES, draw_figure  # matplotlib is slow to import

    results = Results(arguments.results)
    folder = arguments.out or arguments.results / "figures"
    for name in arguments.names or FIGURES:
        try:
            print(", ".join(map(str, draw_figure(name, results, folder))))
        except (FileNotFoundError, NothingToDrawError) as error:
            if arguments.names:
                raise
            print(f"{name} is not drawn: {error}")
