"""`python -m analysis stimuli`: the scenes as input of a network."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from analysis.scenes import FITS, LUMINANCE, STAND_IN, SceneChoices, scene_stimuli
from analysis.screen import VIEWS
from study.stimuli import save_stimuli


def add(commands: Any) -> None:
    """Add this command to the parser."""
    parser = commands.add_parser("stimuli", help="write the scenes that the mice saw as network input")
    parser.add_argument("--size", type=int, default=32, help="pixels per side (default 32)")
    parser.add_argument(
        "--fit", choices=FITS, default="crop", help="centre square, or the whole squashed (default crop)"
    )
    parser.add_argument(
        "--view",
        choices=VIEWS,
        default="scene",
        help="the scene alone (default), on the gray screen, spherically warped as the monitor showed it, or the flat "
        "picture as far as it was seen",
    )
    parser.add_argument(
        "--luminance",
        choices=LUMINANCE,
        default="as-is",
        help="(default as-is), the same mean for all images, or the same mean and contrast",
    )
    parser.add_argument(
        "--nwb",
        type=Path,
        metavar="FILE",
        help="take the scenes at full resolution from this 2-photon session",
    )
    parser.add_argument(
        "--gray",
        action="store_true",
        help="add the gray screen as stimulus -1, for recordings made with `record --gray`",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="stimuli.nc")
    parser.set_defaults(handler=handle)


def handle(arguments: argparse.Namespace) -> None:
    """Write the stimuli file."""
    stimuli = scene_stimuli(
        SceneChoices(
            arguments.size, arguments.fit, arguments.view, arguments.luminance, arguments.nwb, arguments.gray
        )
    )
    save_stimuli(stimuli, arguments.out)
    if stimuli.attributes["simulated"] == "true":
        print(f"STAND-IN IMAGES: {STAND_IN}")
    print(f"{len(stimuli.values)} images of {arguments.size}x{arguments.size} pixels: {arguments.out}")
