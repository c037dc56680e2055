"""Command line of what the packages share: `python -m study run` and `python -m study data list|fetch|verify`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from study import manifest
from study.commands import Parser, one_line, run, unknown
from study.provenance import ROOT
from study.workflow import PROFILES, run_study


def parser() -> Parser:
    """Return the command line."""
    top = Parser(prog="python -m study", description="The study: its data and the whole way.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    data = commands.add_parser("data", help="list, get and check the files of data_manifest.yaml")
    study = commands.add_parser("run", help="run the whole way: what `make study` does")
    study.add_argument("--profile", default="quick", help=", ".join(PROFILES))
    study.add_argument(
        "--root", type=Path, default=ROOT, help="where runs/ and results/ lie (default: the checkout)"
    )
    study.add_argument("--cores", type=int, default=2)
    study.add_argument("snakemake", nargs="*", help="further arguments for Snakemake, after --")
    study.set_defaults(handler=run_whole_way)
    actions = data.add_subparsers(dest="action", required=True, metavar="ACTION")
    handlers: dict[str, tuple[Callable[[argparse.Namespace], int], str]] = {
        "list": (list_items, "print every item, its size, where it lies and what uses it"),
        "fetch": (fetch_items, "get what is absent, from the first source that gives it"),
        "verify": (verify_items, "hash every copy again; status 1 if one is damaged"),
    }
    for name, (handler, text) in handlers.items():
        action = actions.add_parser(name, help=text, description=text)
        # Fetching everything by leaving out a word would be hundreds of MB by accident.
        number = "+" if name == "fetch" else "*"
        default = "" if name == "fetch" else " (all if none)"
        action.add_argument("names", nargs=number, metavar="NAME", help=f"items or groups{default}")
        action.set_defaults(handler=handler)
    return top


def run_whole_way(arguments: argparse.Namespace) -> int:
    """Run the study."""
    return run_study(arguments.profile, arguments.root, arguments.cores, arguments.snakemake)


def expand(names: Iterable[str]) -> list[str]:
    """Return item names for names of items and groups; all items for no names."""
    items = manifest.load_manifest()
    groups = {item.group for item in items.values() if item.group}
    chosen: list[str] = []
    for name in names:
        if name in groups:
            chosen += [item.name for item in items.values() if item.group == name]
        elif name in items:
            chosen.append(name)
        else:
            raise unknown("data set", name, {*items, *groups})
    return list(dict.fromkeys(chosen)) or list(items)


def list_items(arguments: argparse.Namespace) -> int:
    """Print a table of the items."""
    items = manifest.load_manifest()
    rows = [("name", "group", "bytes", "where", "used by")]
    for name in expand(arguments.names):
        item = items[name]
        where, path = manifest.presence(name)
        if path is not None and path.stat().st_size != item.bytes:
            where += " (wrong size)"
        rows.append((name, item.group or "-", f"{item.bytes:,}", where, ", ".join(item.used_by)))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for name, group, size, where, used_by in rows:
        print(
            f"{name:<{widths[0]}}  {group:<{widths[1]}}  {size:>{widths[2]}}  {where:<{widths[3]}}  {used_by}"
        )
    return 0


def fetch_items(arguments: argparse.Namespace) -> int:
    """Get items and print their paths."""
    for name in expand(arguments.names):
        print(f"{name}: {manifest.fetch(name)}", flush=True)
    return 0


def verify_items(arguments: argparse.Namespace) -> int:
    """Hash items; name what is damaged and what is absent."""
    damaged, absent, whole = [], [], 0
    for name in expand(arguments.names):
        try:
            path = manifest.verify(name)
        except (ValueError, OSError) as error:
            damaged.append(name)
            print(f"damaged: {name}: {one_line(error)}", file=sys.stderr)
            continue
        if path is None:
            absent.append(name)
        else:
            whole += 1
            print(f"whole: {name}: {path}")
    if absent:
        print(f"absent: {', '.join(absent)} (get them with `{manifest.COMMAND} NAME`)")
    print(f"{whole} whole, {len(damaged)} damaged, {len(absent)} absent")
    return 1 if damaged else 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    return run(parser(), argv)


if __name__ == "__main__":
    sys.exit(main())
