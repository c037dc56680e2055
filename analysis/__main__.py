"""Command line: `python -m analysis COMMAND`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from study.commands import Parser, run


def parser() -> Parser:
    """Return the parser of all commands; each command is one file that adds itself."""
    from analysis import (
        command_encode,
        command_figures,
        command_record,
        command_report,
        command_rsa,
        command_sanity,
        command_stimuli,
        command_summary,
    )

    main_parser = Parser(prog="python -m analysis", description="Comparison with mouse visual cortex.")
    commands = main_parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in (
        command_stimuli,
        command_record,
        command_rsa,
        command_encode,
        command_figures,
        command_report,
        command_summary,
        command_sanity,
    ):
        module.add(commands)
    return main_parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    return run(parser(), argv)


if __name__ == "__main__":
    sys.exit(main())
