"""`python -m analysis sanity`: known numbers of the real recordings beside their reference values."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from analysis.sanity import EFFECTS, session_checks, stimulus_effects
from analysis.sanity_sites import agreement_checks, site_lines
from analysis.scenes import find_scenes
from study.manifest import locate

WHAT = ("session", "sites", "stimuli")


def add(commands: Any) -> None:
    """Add this command to the parser."""
    parser = commands.add_parser("sanity", help="known numbers of the real recordings beside their reference")
    parser.add_argument(
        "what",
        nargs="?",
        choices=WHAT,
        default=WHAT[0],
        help="session: reliability, decoding, RDM (default); sites: cells, reliability, baselines, agreement; stimuli: what views and luminance do to the pixel baseline",
    )
    parser.set_defaults(handler=handle)


def handle(arguments: argparse.Namespace) -> int:
    """Print the numbers; status 1 if one that must agree does not."""
    return {"session": _session, "sites": _sites, "stimuli": _stimuli}[arguments.what]()


def _session() -> int:
    checks = list(session_checks())
    print(f"{'ours':>9} {'reference':>10}  {'':14}session 636930038")
    for check in checks:
        print(check)
    return int(any(check.failed for check in checks))


def _sites() -> int:
    lines = list(site_lines(_scenes()))
    print(f"{'':14}cells           reliability      pixels           gabor            ours (reference)")
    for line in lines:
        print(line)
    agreement = list(agreement_checks())
    for check in agreement:
        print(check)
    return int(any(check.failed for check in (*agreement, *(c for line in lines for c in line.checks))))


def _scenes() -> np.ndarray:
    scenes = find_scenes()
    if scenes is None:
        locate("allen-natural-scenes")  # raises, and says how to get them
        raise FileNotFoundError("the natural scenes are not where the data manifest says.")
    return scenes


def _stimuli() -> int:
    scenes = _scenes()
    print(
        f"mean Spearman over 12 good sites and over all 20: {'; '.join(EFFECTS)}; share of pixels at black or white"
    )
    for choices, scores, clipped in stimulus_effects(scenes):
        name = f"--view {choices.view} --fit {choices.fit} --luminance {choices.luminance}"
        numbers = "  ".join(f"{good:6.3f} {every:6.3f}" for good, every in scores)
        print(f"{numbers}  {clipped:6.3f}  {name}", flush=True)
    return 0
