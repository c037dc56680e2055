"""`python -m analysis rsa`: the table of results."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from analysis.baselines import BASELINES
from analysis.ceiling import CEILINGS
from analysis.ceiling_interval import CEILING_INTERVALS
from analysis.cell_classes import CELL_CLASSES, split_sites
from analysis.compare import METRICS, require_metric
from analysis.intervals import INTERVALS
from analysis.model_rdms import (
    SPLITS,
    ModelRdm,
    RdmChoices,
    baseline_rdms,
    layer_rdms,
    match_stimuli,
    save_rdms,
)
from analysis.noise import COVARIANCES
from analysis.presentations import BLANK
from analysis.rdm import MIN_IMAGES, SILENT_RULES
from analysis.recording_file import Recording, load_recording
from analysis.rsa import analyse
from analysis.rsa_choices import RsaChoices
from analysis.scenes import find_scenes, with_gray
from analysis.selection import CHOOSERS
from analysis.sidecar import command_facts, save_sidecar, sidecar_path
from analysis.simulated_source import NOTICE
from analysis.table import Row, save_table, shown_mean
from analysis.trial_rdm import ALL_DISTANCES, Distance, with_distance
from study.files import check_writable
from study.stimuli import Stimuli, load_stimuli


def add(commands: Any) -> None:
    """Add this command to the parser."""
    parser = commands.add_parser("rsa", help="compare every layer of every model with every site")
    parser.add_argument("--recording", type=Path, required=True, metavar="recording.nc")
    parser.add_argument(
        "--responses",
        nargs="+",
        default=[],
        metavar="NAME=FILE",
        help="such as patches/sgad/seed-0=responses.nc",
    )
    parser.add_argument(
        "--images", type=Path, metavar="stimuli.nc", help="what the network saw, for the baselines"
    )
    parser.add_argument(
        "--baselines", nargs="+", default=list(BASELINES), choices=list(BASELINES), metavar="NAME"
    )
    _add_rdms(parser)
    _add_comparison(parser)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, metavar="rsa.csv")
    parser.add_argument("--rdms", type=Path, metavar="rdms.nc", help="also write the model RDMs, for figures")
    parser.set_defaults(handler=handle)


def _add_rdms(parser: Any) -> None:
    group = parser.add_argument_group("how RDMs are made")
    group.add_argument("--distance", default="correlation", help=", ".join(ALL_DISTANCES))
    group.add_argument(
        "--site-distance", help="make the sites' RDMs anew from single trials; default: as they were recorded"
    )
    group.add_argument(
        "--cell-class",
        help=f"split sites by what is known of their cells ({', '.join(CELL_CLASSES)}); needs single trials",
    )
    group.add_argument(
        "--noise", default="ledoit-wolf", help=f"for mahalanobis and crossnobis: {', '.join(COVARIANCES)}"
    )
    group.add_argument("--split", default="none", help=f"layers into parts: {', '.join(SPLITS)}")
    group.add_argument("--channel-groups", type=int, default=4, help="of --split channels (default 4)")
    group.add_argument(
        "--silent", default="exclude", help=f"stimuli without a pattern: {', '.join(SILENT_RULES)}"
    )
    group.add_argument(
        "--window", nargs=2, type=float, metavar=("START", "STOP"), help="ms; default: everything"
    )


def _add_comparison(parser: Any) -> None:
    group = parser.add_argument_group("how they are compared")
    group.add_argument("--metric", default="spearman", help=", ".join(METRICS))
    group.add_argument("--ceiling", default="sites", help=", ".join(CEILINGS))
    group.add_argument(
        "--interval", default="corrected", help=f"how intervals are made: {', '.join(INTERVALS)}"
    )
    group.add_argument(
        "--ceiling-interval",
        default="none",
        help=f"of ceilings from other sites, over images and sites (slow): {', '.join(CEILING_INTERVALS)}",
    )
    group.add_argument(
        "--against",
        default="",
        metavar="NAME",
        help="what `difference` is taken from: a model, a variant of the same seed, or a baseline such as "
        "baseline/gabor-raw (default: the untrained twin)",
    )
    group.add_argument(
        "--best-layer",
        default="images",
        help=f"what chooses the layer of `best-layer`, on other images: {', '.join(CHOOSERS)}",
    )
    group.add_argument("--bootstrap", type=int, default=1000, help="samples of the images (default 1000)")
    group.add_argument("--permutations", type=int, default=1000, help="of the image labels (default 1000)")
    group.add_argument("--good-cells", type=int, default=100, help="cells of a good site (default 100)")
    group.add_argument(
        "--good-ceiling", type=float, default=0.7, help="trial reliability of a good site (default 0.7)"
    )


def handle(arguments: argparse.Namespace) -> None:
    """Write the table and, if asked for, the model RDMs."""
    began = time.perf_counter()
    require_metric(arguments.metric)
    window = tuple(arguments.window) if arguments.window else None
    rdm_choices = RdmChoices(
        arguments.distance,
        arguments.silent,
        window,
        arguments.noise,
        arguments.split,
        arguments.channel_groups,
    )
    choices = _choices(arguments)
    for path in filter(None, (arguments.out, sidecar_path(arguments.out), arguments.rdms)):
        check_writable(path)
    recording = _recording(arguments)
    files = named_files(arguments.responses)
    models = [m for name, path in files for m in layer_rdms(name, path, recording.stimulus, rdm_choices)]
    if arguments.images is not None:
        models += image_rdms(arguments.images, recording, rdm_choices, arguments.baselines)
    if not models:
        raise ValueError(
            "there is nothing to compare; give --responses NAME=FILE, --images stimuli.nc or both."
        )
    rows = analyse(models, recording, choices)
    facts = command_facts(arguments, files, time.perf_counter() - began)
    save_sidecar(arguments.out, facts, recording, arguments.images)
    save_table(rows, arguments.out)
    if arguments.rdms is not None:
        facts["simulated"] = str(recording.simulated).lower()
        save_rdms(models, recording.stimulus, arguments.rdms, facts)
    _tell(rows, recording, arguments.out)


def _choices(arguments: argparse.Namespace) -> RsaChoices:
    return RsaChoices(
        arguments.metric,
        arguments.ceiling,
        arguments.bootstrap,
        arguments.permutations,
        arguments.seed,
        arguments.silent,
        arguments.good_cells,
        arguments.good_ceiling,
        arguments.interval,
        arguments.best_layer,
        arguments.against,
        arguments.ceiling_interval,
    )


def _recording(arguments: argparse.Namespace) -> Recording:
    """Return the recording with its sites split, and their RDMs made anew, as asked for."""
    recording = load_recording(arguments.recording)
    if arguments.cell_class is not None:
        recording = split_sites(recording, arguments.cell_class)
        if recording.attributes["dropped_classes"]:
            print(f"too few units: {recording.attributes['dropped_classes']}")
    if arguments.site_distance is not None:
        recording = with_distance(recording, Distance(arguments.site_distance, arguments.noise))
    return recording


def named_files(arguments: Sequence[str]) -> list[tuple[str, Path]]:
    """Return (name, path) of every NAME=FILE.

    Raises
    ------
    ValueError
        If one has no name, or uses the name of the baselines.
    """
    files = []
    for argument in arguments:
        name, equals, path = argument.partition("=")
        if not (name and equals and path):
            raise ValueError(
                f"--responses {argument!r} is not NAME=FILE; write it like patches/sgad/seed-0=responses.nc."
            )
        if name.split("/")[0] == "baseline" or "|" in name:
            raise ValueError(
                f"the model name {name!r} is not allowed: `baseline/...` is taken and `|` separates names."
            )
        files.append((name, Path(path)))
    return files


def image_rdms(path: Path, recording: Recording, choices: RdmChoices, names: Sequence[str]) -> list[ModelRdm]:
    """Return the baselines' RDMs; the reference ones only where the recording is of the Allen scenes."""
    return baseline_rdms(*load_images(path, recording), choices, names)


def load_images(path: Path, recording: Recording) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the images that networks were shown, and the whole scenes where they are at hand and were shown.

    Raises
    ------
    ValueError
        If the stimuli are latents, in colour, other stimuli than the recording's, or stand-ins beside a real recording.
    """
    stimuli = load_stimuli(path)
    if stimuli.kind != "image":
        raise ValueError(
            f"--images {path} holds latents; give the images, made by `python -m analysis stimuli`."
        )
    if stimuli.values.ndim != 3:
        raise ValueError(
            f"--images {path} holds images of the shape {stimuli.values.shape[1:]}, but baselines are of gray images (y, x), "
            "as the mice saw them; give the gray ones, made by `python -m analysis stimuli`."
        )
    stand_in = stimuli.attributes.get("simulated") == "true"
    if stand_in and not recording.simulated:
        raise ValueError(
            f"--images {path} holds stand-in images, but the recording is of the Allen scenes; get the scenes (item "
            "allen-natural-scenes of data_manifest.yaml) and make the stimuli again."
        )
    order = match_stimuli(stimuli.stimulus, recording.stimulus, path)
    return stimuli.values[order], None if stand_in else _scenes(stimuli, order)


def _scenes(stimuli: Stimuli, order: np.ndarray) -> np.ndarray | None:
    """Return the whole scenes in the recording's order; None where they are not at hand or were not shown."""
    scenes = find_scenes()
    shown = stimuli.stimulus[order]
    if (
        scenes is None
        or shown.min() < BLANK
        or shown.max() >= len(scenes)
        or stimuli.attributes.get("fit") is None
    ):
        return None
    return with_gray(scenes)[shown]  # the blank's number, -1, is the index of the last


def _tell(rows: list[Row], recording: Recording, path: Path) -> None:
    if recording.simulated:
        print(f"{NOTICE}.")
    shown = shown_mean(rows)
    for row in rows:
        if row.mean == shown:
            window = row.site.removeprefix(shown)  # of a recording that is cut in time
            name = " ".join(filter(None, (row.model, row.network, row.level, row.layer, window)))
            silent = f", {row.n_silent} silent images" if row.n_silent else ""
            if not np.isfinite(row.score):
                print(f"  no score                 {name}: {_why_not(row)}")
                continue
            print(f"{row.score:7.3f} [{row.ci_low:6.3f}, {row.ci_high:6.3f}]  {name}{silent}")
    for row in {row.site: row for row in rows if np.isfinite(row.ceiling_lower_low)}.values():
        print(
            f"{row.ceiling_lower:7.3f} [{row.ceiling_lower_low:6.3f}, {row.ceiling_lower_high:6.3f}] to {row.ceiling_upper:.3f} "
            f"[{row.ceiling_upper_low:6.3f}, {row.ceiling_upper_high:6.3f}]  ceiling ({row.ceiling}) of {row.site}"
        )
    print(f"{rows[0].metric} with {shown} sites, 95 % intervals; {len(rows)} rows: {path}")


def _why_not(row: Row) -> str:
    """Return why a row has no score."""
    if row.n_images < MIN_IMAGES:
        return f"{row.n_images} images have a pattern ({row.n_silent} are silent), at least {MIN_IMAGES} are needed; see --silent one."
    return "all its dissimilarities are alike, nothing can be ranked."
