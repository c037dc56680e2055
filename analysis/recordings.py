"""Where recordings come from: one registry of sources, and the rule that picks one.

Adding a source is one file that returns a `Recording` and one line in `SOURCES`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from analysis import session_source, simulated_source, site_source
from analysis.recording_file import Recording
from study.commands import unknown

AUTO = "auto"
HOW_TO_GET = (
    "for the real one put the file of item allen-site-similarity (data_manifest.yaml says where it comes from) "
    "into the folder named by STUDY_DATA and run the same command again"
)


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
    """

    gray: bool = False
    lag: int = 1
    session: str = session_source.ITEM
    stimuli: Path | None = None
    seed: int = 0


def _sites(choices: Choices) -> Recording:
    from study.manifest import locate

    return site_source.load_sites(locate(site_source.ITEM), choices.gray)


def _session(choices: Choices) -> Recording:
    from study.manifest import locate

    if choices.session not in session_source.SITES:
        raise unknown("session", choices.session, session_source.SITES)
    site = session_source.SITES[choices.session]
    return session_source.load_session(locate(choices.session), site, choices.lag, choices.gray)


def _simulated(choices: Choices) -> Recording:
    if choices.stimuli is None:
        raise ValueError(
            "the simulated V1 needs images; give them with --stimuli, made by `python -m analysis stimuli`."
        )
    return simulated_source.load_simulated(choices.stimuli, choices.seed)


SOURCES: dict[str, Callable[[Choices], Recording]] = {
    "sites": _sites,
    "session": _session,
    "simulated": _simulated,
}


def make_recording(source: str, choices: Choices) -> Recording:
    """Return the recording of a source.

    Parameters
    ----------
    source : str
        One of `SOURCES`, or "auto": the real sites where the data manifest finds them, else the simulated V1.
    choices : Choices
    """
    if source == AUTO:
        from study.manifest import find

        source = "sites" if find(site_source.ITEM) is not None else "simulated"
    if source not in SOURCES:
        raise unknown("recording source", source, (*SOURCES, AUTO))
    return SOURCES[source](choices)
