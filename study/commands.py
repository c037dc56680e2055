"""What all command lines share: one-sentence errors with exit status 2, and helpful unknown names."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import NoReturn

# What a user can cause: bad values (ValueError), absent files, folders that cannot be written, full disks.
USER_ERRORS = (ValueError, OSError)


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are one sentence."""

    def error(self, message: str) -> NoReturn:
        """Print one sentence and leave with status 2."""
        self.exit(2, f"error: {message}; see `{self.prog} --help`.\n")


def run(parser: Parser, argv: Sequence[str] | None = None, prepare: Callable[[], None] = lambda: None) -> int:
    """Parse `argv`, call `prepare()` and the chosen command's `handler(arguments)`, and return the exit status.

    A handler returns None (status 0) or a status. Errors that a user can cause become one sentence on stderr and
    status 2; anything else is a defect of ours and keeps its traceback.
    """
    arguments = parser.parse_args(argv)
    handler: Callable[[argparse.Namespace], int | None] = arguments.handler
    try:
        prepare()
        return handler(arguments) or 0
    except USER_ERRORS as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the same command goes on where this one stopped.", file=sys.stderr)
        return 130


def one_line(error: BaseException) -> str:
    """Return the message of `error` on one line, naming the file where the system reported one."""
    if isinstance(error, OSError) and error.strerror:
        named = f"{error.filename}: " if error.filename else ""
        return f"{named}{error.strerror}."
    return " ".join(str(error).split())


def unknown(what: str, name: object, allowed: Iterable[str]) -> ValueError:
    """Return the error for a name that is not among `allowed`, with the nearest one suggested."""
    names = sorted(allowed)
    near = difflib.get_close_matches(str(name), names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return ValueError(f"unknown {what} {name!r}: {hint}allowed are {', '.join(names)}.")
