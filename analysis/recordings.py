"""Where recordings come from: one registry of sources, and the rule that picks one.

Adding a source is one file that returns a `Recording` and one line in `SOURCES`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from analysis import raw_source, session_source, simulated_source, site_source
from analysis.raw_source import RawChoices
from analysis.recording_file import Recording
from analysis.scenes import ITEM as SCENES
from study.commands import unknown
from study.stimuli import load_stimuli

AUTO = "auto"
NEEDED = (site_source.ITEM, SCENES)  # without the scenes a network cannot be shown what the mice saw


@dataclasses.dataclass(frozen=True)
class Choices:
    """What a source may be told.

    Parameters
    ----------
    gray : bool
        Keep the gray screen (real sources).
    lag : 0 or 1
        Presentations between a stimulus and its response (`session`).
    session : str
        Item of the data manifest (`session`).
    stimuli : path, optional
        Images (`simulated`).
    seed : int
        (`simulated`).
    z_score : bool
        Z-score every unit over stimuli before RDMs are made (`session`; raw sources have it in `raw`).
    all_sites : bool
        Keep the sites that `inclusion.csv` leaves out (`sites`).
    raw : RawChoices
        (`allen-2p`, `allen-neuropixels`, `dandi-2p`, `dandi-neuropixels`).
    """

    gray: bool = False
    lag: int = 1
    session: str = session_source.ITEM
    stimuli: Path | None = None
    seed: int = 0
    z_score: bool = False
    all_sites: bool = False
    raw: RawChoices = dataclasses.field(default_factory=RawChoices)


def _sites(choices: Choices) -> Recording:
    from study.manifest import locate

    return site_source.load_sites(locate(site_source.ITEM), choices.gray, choices.all_sites)


def _session(choices: Choices) -> Recording:
    from study.manifest import locate

    if choices.session not in session_source.SITES:
        raise unknown("session", choices.session, session_source.SITES)
    site = session_source.SITES[choices.session]
    return session_source.load_session(
        locate(choices.session), site, choices.lag, choices.gray, choices.z_score
    )


def _simulated(choices: Choices) -> Recording:
    if choices.stimuli is None:
        raise ValueError(
            "the simulated V1 needs images; give them with --stimuli, made by `python -m analysis stimuli`."
        )
    return simulated_source.load_simulated(choices.stimuli, choices.seed)


def how_to_get() -> str:
    """Return what to do for a real recording, as the data manifest has it."""
    from study.manifest import COMMAND, load_manifest

    items = [load_manifest()[name] for name in NEEDED]
    files = " and ".join(item.file for item in items)
    if all(source["kind"] == "local" for item in items for source in item.sources):
        how = f"put {files} by hand below the folder that STUDY_DATA names (they cannot be downloaded yet; "
        how += "data_manifest.yaml says what they hold)"
    else:
        how = f"get {files} with `{COMMAND} {' '.join(NEEDED)}`"
    return f"for the real one {how}, then run `python -m analysis stimuli` and the same command again"


def automatic(stimuli: Path | None) -> str:
    """Return the source that "auto" stands for: never real sites beside stand-in images, which nothing could compare.

    Parameters
    ----------
    stimuli : path, optional
        Images that the networks are shown. Without them it counts whether the scenes are at hand.
    """
    from study.manifest import find

    if find(site_source.ITEM) is None:
        return "simulated"
    if stimuli is None:
        return "simulated" if find(SCENES) is None else "sites"
    return "simulated" if load_stimuli(stimuli).attributes.get("simulated") == "true" else "sites"


SOURCES: dict[str, Callable[[Choices], Recording]] = {
    "sites": _sites,
    "session": _session,
    "simulated": _simulated,
    "allen-2p": lambda choices: raw_source.load_allen_2p(choices.raw),
    "allen-neuropixels": lambda choices: raw_source.load_allen_neuropixels(choices.raw),
    "dandi-2p": lambda choices: raw_source.load_dandi_2p(choices.raw),
    "dandi-neuropixels": lambda choices: raw_source.load_dandi_neuropixels(choices.raw),
}


def make_recording(source: str, choices: Choices) -> Recording:
    """Return the recording of a source.

    Parameters
    ----------
    source : str
        One of `SOURCES`, or "auto": the real sites where the data manifest finds them and the images are no stand-ins,
        else the simulated V1.
    choices : Choices
    """
    if source == AUTO:
        source = automatic(choices.stimuli)
    if source not in SOURCES:
        raise unknown("recording source", source, (*SOURCES, AUTO))
    return SOURCES[source](choices)
