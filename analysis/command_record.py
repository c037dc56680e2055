"""`python -m analysis record`: a recording to compare with."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from analysis.imaging import SIGNALS, ImagingChoices
from analysis.inclusion import included
from analysis.raw_source import READERS, RELIABILITY, RawChoices
from analysis.recording_file import Recording, save_recording
from analysis.recordings import AUTO, SOURCES, Choices, how_to_get, make_recording
from analysis.running import STATES, THRESHOLD_CM_S
from analysis.session_source import ITEM, LAGS, SITES
from analysis.simulated_source import NOTICE
from analysis.spikes import WINDOW_MS, SpikeChoices
from analysis.unit_choice import MIN_UNITS, UnitChoices
from study.files import check_writable

NO_LIMIT = "none"
RAW = tuple(name for name in SOURCES if name.startswith(("allen", "dandi")))
# Options that only some sources know: (option, its sources). Given to another source they would do nothing.
ONLY = {
    "gray": (AUTO, "sites", "session", *RAW),
    "all_sites": ("sites",),
    "lag": ("session", "allen-2p", "dandi-2p"),
    "session": ("session", "allen-2p", "allen-neuropixels"),
    "nwb": RAW,
    "cache": ("allen-2p", "allen-neuropixels"),
    "reader": ("allen-2p", "allen-neuropixels"),
    "events": ("allen-2p",),
    "depth_um": ("dandi-2p",),
    "signal": ("allen-2p", "dandi-2p"),
    "window_frames": ("allen-2p", "dandi-2p"),
    "bin_frames": ("allen-2p", "dandi-2p"),
    "window_ms": ("allen-neuropixels", "dandi-neuropixels"),
    "bin_ms": ("allen-neuropixels", "dandi-neuropixels"),
    "window_reliability": RAW,
    "presence_ratio": ("allen-neuropixels", "dandi-neuropixels"),
    "isi_violations": ("allen-neuropixels", "dandi-neuropixels"),
    "amplitude_cutoff": ("allen-neuropixels", "dandi-neuropixels"),
    "z_score": ("session", *RAW),
    "areas": RAW,
    "min_units": RAW,
    "reliability": RAW,
    "running": RAW,
    "running_threshold": RAW,
    "running_modulation": RAW,
}


def add(commands: Any) -> None:
    """Add this command to the parser."""
    parser = commands.add_parser("record", help="write a recording, real where one is found, else simulated")
    parser.add_argument("--source", default=AUTO, help=f"{AUTO} (default), {', '.join(SOURCES)}")
    parser.add_argument(
        "--gray", action="store_const", const=True, help="keep the gray screen as a stimulus (frame -1)"
    )
    parser.add_argument(
        "--all-sites",
        action="store_const",
        const=True,
        help="--source sites: also those that inclusion.csv leaves out (VISrl layer 5: 4 cells), 21 instead of 20",
    )
    parser.add_argument(
        "--lag",
        type=int,
        help=f"presentations from stimulus to response, {LAGS[0]} or {LAGS[1]} (default 1 for session, else 0)",
    )
    parser.add_argument(
        "--session",
        nargs="+",
        metavar="ID",
        help=f"--source session: one of {', '.join(SITES)}; allen sources: ids to download",
    )
    parser.add_argument(
        "--stimuli", type=Path, metavar="stimuli.nc", help="images that the networks are shown"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the simulated V1 (default 0)")
    _add_files(parser)
    _add_responses(parser)
    _add_units(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="recording.nc")
    parser.set_defaults(handler=handle)


def _add_files(parser: Any) -> None:
    group = parser.add_argument_group("raw sessions (allen-*, dandi-*)")
    group.add_argument(
        "--nwb", nargs="+", type=Path, metavar="FILE", help="NWB files at hand; several are pooled"
    )
    group.add_argument("--cache", type=Path, metavar="DIR", help="where downloads go")
    group.add_argument(
        "--reader", choices=READERS, help="what reads the file (default h5py; the same numbers)"
    )
    group.add_argument(
        "--events", nargs="+", type=Path, metavar="NPZ", help="one file of events for each NWB file"
    )
    group.add_argument(
        "--depth-um", type=float, metavar="UM", help="imaging depth where a DANDI file lacks it"
    )


def _add_responses(parser: Any) -> None:
    group = parser.add_argument_group("what a response is")
    group.add_argument("--signal", choices=SIGNALS, help="2-photon (default dff)")
    group.add_argument(
        "--window-frames",
        nargs=2,
        type=int,
        metavar=("START", "STOP"),
        help="2-photon: imaging frames from onset (default 0 14; events 0 7)",
    )
    group.add_argument(
        "--bin-frames", type=int, metavar="N", help="2-photon: one site for every N frames of the window"
    )
    start, stop = WINDOW_MS
    group.add_argument(
        "--window-ms",
        nargs=2,
        type=float,
        metavar=("START", "STOP"),
        help=f"Neuropixels: ms from onset (default {start:g} {stop:g})",
    )
    group.add_argument(
        "--bin-ms", type=float, metavar="MS", help="Neuropixels: one site for every MS of the window"
    )
    group.add_argument(
        "--window-reliability",
        type=float,
        metavar="R",
        help="with bins: their sum over the longest run whose median split-half r is R or more, area by area (usual 0.3)",
    )
    group.add_argument("--running", choices=STATES, help="trials that count (default all)")
    group.add_argument(
        "--running-threshold",
        type=float,
        metavar="CM_S",
        help=f"running from here (default {THRESHOLD_CM_S:g} cm/s)",
    )


def _add_units(parser: Any) -> None:
    group = parser.add_argument_group("which units count")
    group.add_argument(
        "--z-score",
        action="store_const",
        const=True,
        help="every unit z-scored over stimuli before the RDM (default: not, so loud units dominate)",
    )
    usual = ", ".join(f"{name} {value:g}" for name, value in RELIABILITY.items())
    group.add_argument(
        "--areas", nargs="+", metavar="AREA", help=f"(default all of {', '.join(included('area'))})"
    )
    group.add_argument(
        "--reliability",
        metavar="R",
        help=f"least split-half r, or {NO_LIMIT} (default {usual}); usual 0.5 0.75 0.8",
    )
    group.add_argument(
        "--running-modulation", type=float, metavar="P", help="leave out units modulated by running at this p"
    )
    group.add_argument(
        "--min-units", type=int, metavar="N", help=f"sites with fewer are left out (default {MIN_UNITS})"
    )
    quality = SpikeChoices()
    for name in ("presence_ratio", "isi_violations", "amplitude_cutoff"):
        bound = "least" if name == "presence_ratio" else "largest"
        group.add_argument(
            f"--{name.replace('_', '-')}",
            type=float,
            metavar="X",
            help=f"Neuropixels: {bound} (default {getattr(quality, name):g})",
        )


def choices_of(arguments: argparse.Namespace) -> Choices:
    """Return what was chosen on the command line.

    Raises
    ------
    ValueError
        If an option was given that the source does not know, or that is no number.
    """
    source = arguments.source
    given = {name: value for name in ONLY if (value := getattr(arguments, name)) is not None}
    for name in given:
        if source in (*SOURCES, AUTO) and source not in ONLY[name]:
            raise ValueError(
                f"--{name.replace('_', '-')} means nothing to --source {source}, only to {', '.join(ONLY[name])}; "
                "leave it out, or name another source."
            )
    raw = _raw(source, given, given.get("gray", False)) if source in RAW else RawChoices()
    session = given.get("session", [ITEM])
    if source not in RAW and len(session) > 1:
        raise ValueError(f"--session was given {len(session)} names; --source {source} takes one.")
    return Choices(
        gray=given.get("gray", False),
        lag=given.get("lag", 1),
        session=session[0],
        stimuli=arguments.stimuli,
        seed=arguments.seed,
        z_score=given.get("z_score", False),
        all_sites=given.get("all_sites", False),
        raw=raw,
    )


def _raw(source: str, given: dict[str, Any], gray: bool) -> RawChoices:
    def chosen(*names: str) -> dict[str, Any]:
        values = {name: given[name] for name in names if name in given}
        return {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}

    shared = chosen("running") | {"gray": gray}
    if "running_threshold" in given:
        shared["threshold_cm_s"] = given["running_threshold"]
    method = "neuropixels" if source.endswith("neuropixels") else "2p"
    units = UnitChoices(
        areas=tuple(given.get("areas", included("area"))),
        reliability=_reliability(given.get("reliability"), method),
        running_p=given.get("running_modulation"),
        min_units=given.get("min_units", MIN_UNITS),
    )
    return RawChoices(
        nwb=tuple(given.get("nwb", ())),
        sessions=tuple(_number(text) for text in given.get("session", ())),
        cache=given.get("cache"),
        reader=given.get("reader", READERS[0]),
        events=tuple(given.get("events", ())),
        depth_um=given.get("depth_um", np.nan),
        imaging=ImagingChoices(**chosen("signal", "window_frames", "bin_frames", "lag"), **shared),
        spikes=SpikeChoices(
            **chosen("window_ms", "bin_ms", "presence_ratio", "isi_violations", "amplitude_cutoff"), **shared
        ),
        z_score=given.get("z_score", False),
        units=units,
        window_reliability=given.get("window_reliability"),
    )


def _reliability(text: str | None, method: str) -> float | None:
    if text is None:
        return RELIABILITY[method]
    if text == NO_LIMIT:
        return None
    try:
        return float(text)
    except ValueError:
        raise ValueError(
            f"--reliability is {text!r}; allowed is a number such as 0.75, or {NO_LIMIT}."
        ) from None


def _number(text: str) -> int:
    if not text.isdigit():
        raise ValueError(
            f"--session is {text!r}; the Allen Institute's ids are whole numbers such as 501940850."
        )
    return int(text)


def handle(arguments: argparse.Namespace) -> None:
    """Write the recording."""
    choices = choices_of(arguments)
    check_writable(arguments.out)
    recording = make_recording(arguments.source, choices)
    save_recording(recording, arguments.out)
    if recording.simulated:
        print(
            f"{NOTICE}.\n{'=' * len(NOTICE)}\nEvery table, figure and caption made from it says so; {how_to_get()}."
        )
    _say(recording, arguments.out)


def _say(recording: Recording, path: Path) -> None:
    facts = recording.attributes
    for name in ("response", "reliable_window", "units", "quality", "blanks", "remark"):
        if name in facts and "units" in facts:
            print(f"{name}: {facts[name]}")
    n_sites, n_stimuli, n_bins = len(recording.site), len(recording.stimulus), len(set(recording.window))
    cells = f"{recording.n_cells.sum() // n_bins} cells" + (
        f" in each of {n_bins} bins" if n_bins > 1 else ""
    )
    print(f"{facts['source']}: {n_sites} sites, {n_stimuli} stimuli, {cells}: {path}")
