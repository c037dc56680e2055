"""`python -m analysis record`: a recording to compare with."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from analysis.recording_file import save_recording
from analysis.recordings import AUTO, SOURCES, Choices, how_to_get, make_recording
from analysis.session_source import ITEM, LAGS, SITES
from analysis.simulated_source import NOTICE


def add(commands: Any) -> None:
    """Add this command to the parser."""
    parser = commands.add_parser("record", help="write a recording, real where one is found, else simulated")
    parser.add_argument("--source", default=AUTO, help=f"{AUTO} (default), {', '.join(SOURCES)}")
    parser.add_argument("--gray", action="store_true", help="keep the gray screen as a stimulus (frame -1)")
    parser.add_argument("--session", default=ITEM, help=f"item for --source session: {', '.join(SITES)}")
    parser.add_argument(
        "--lag", type=int, choices=LAGS, default=1, help="presentations from stimulus to response"
    )
    parser.add_argument(
        "--stimuli", type=Path, metavar="stimuli.nc", help="images that the networks are shown"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the simulated V1 (default 0)")
    parser.add_argument("--out", type=Path, required=True, metavar="recording.nc")
    parser.set_defaults(handler=handle)


def handle(arguments: argparse.Namespace) -> None:
    """Write the recording."""
    choices = Choices(arguments.gray, arguments.lag, arguments.session, arguments.stimuli, arguments.seed)
    recording = make_recording(arguments.source, choices)
    save_recording(recording, arguments.out)
    if recording.simulated:
        print(
            f"{NOTICE}.\n{'=' * len(NOTICE)}\nEvery table, figure and caption made from it says so; {how_to_get()}."
        )
    n_sites, n_stimuli = len(recording.site), len(recording.stimulus)
    print(
        f"{recording.attributes['source']}: {n_sites} sites, {n_stimuli} stimuli, {recording.n_cells.sum()} cells: "
        f"{arguments.out}"
    )
