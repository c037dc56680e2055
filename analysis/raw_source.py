"""Recordings from raw sessions: read, cut into trials, pooled, chosen, once exported to a small file."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from analysis import allen_2p_source, dandi_2p_source, neuropixels_source
from analysis.allensdk_cache import default_cache, fetch_2p, fetch_neuropixels
from analysis.imaging import ImagingChoices, imaging_population
from analysis.population import Population, pool
from analysis.recording_file import Recording
from analysis.reliable_window import in_reliable_window
from analysis.spikes import SpikeChoices, spike_population
from analysis.trials import trial_recording
from analysis.unit_choice import UnitChoices, choose_units
from study.commands import unknown
from study.provenance import provenance

READERS = ("h5py", "allensdk")
# Nayebi et al. 2023: 0.75 for 2-photon cells, 0.5 for Neuropixels units
RELIABILITY = {"2p": 0.75, "neuropixels": 0.5}


@dataclasses.dataclass(frozen=True)
class RawChoices:
    """Where raw sessions are and what is made of them.

    Parameters
    ----------
    nwb : tuple of path
        NWB files; several are pooled.
    sessions : tuple of int
        Ids to download through allensdk where no file is given.
    cache : path, optional
        Folder for downloads.
    reader : "h5py" or "allensdk"
    events : tuple of path
        Events of 2-photon sessions, one file for each of `nwb`.
    depth_um : float
        Imaging depth where a file does not say it.
    imaging : ImagingChoices
    spikes : SpikeChoices
    z_score : bool
        Z-score every unit over stimuli before RDMs are made.
    units : UnitChoices, optional
        By default all areas and the usual reliability of the method.
    window_reliability : float, optional
        Add up the longest run of bins whose median reliability is at least this, area by area; see `reliable_window`.
    """

    nwb: tuple[Path, ...] = ()
    sessions: tuple[int, ...] = ()
    cache: Path | None = None
    reader: str = "h5py"
    events: tuple[Path, ...] = ()
    depth_um: float = np.nan
    imaging: ImagingChoices = dataclasses.field(default_factory=ImagingChoices)
    spikes: SpikeChoices = dataclasses.field(default_factory=SpikeChoices)
    z_score: bool = False
    units: UnitChoices | None = None
    window_reliability: float | None = None

    def __post_init__(self) -> None:
        if self.reader not in READERS:
            raise unknown("reader", self.reader, READERS)
        self._check_window()
        given = (*self.nwb, *self.sessions)
        twice = [name for k, name in enumerate(given) if name in given[:k]]
        if twice:
            raise ValueError(f"{twice[0]} is given twice, and its units would count twice; give it once.")
        if self.nwb and self.sessions:
            raise ValueError(
                "files (--nwb) and ids to download (--session) are given; give one or the other."
            )
        if self.events and self.imaging.signal != "events":
            raise ValueError(
                f"files of events are given, but the signal is {self.imaging.signal}; take --signal events."
            )
        if self.events and len(self.events) != len(self.nwb):
            raise ValueError(
                f"{len(self.events)} files of events for {len(self.nwb)} NWB files; give one for each."
            )

    def _check_window(self) -> None:
        least = self.window_reliability
        if least is None:
            return
        if not -1 <= least <= 1:
            raise ValueError(f"the least reliability of a bin is {least:g}; allowed is -1 to 1, usual 0.3.")
        if self.imaging.bin_frames is None and self.spikes.bin_ms is None:
            raise ValueError(
                f"a window of reliable bins (--window-reliability {least:g}) needs bins; give --bin-ms (Neuropixels, "
                "usual 10) or --bin-frames (2-photon)."
            )


def load_allen_2p(choices: RawChoices) -> Recording:
    """Return the recording of Allen 2-photon sessions."""
    pairs = _with_events(choices) if choices.nwb else _fetched_2p(choices)
    reader = {"h5py": allen_2p_source.read_nwb1, "allensdk": allen_2p_source.read_with_allensdk}[
        choices.reader
    ]
    populations = (
        imaging_population(reader(path, choices.imaging.signal, events), choices.imaging)
        for path, events in pairs
    )
    return _recording("allen-2p", [path for path, _ in pairs], populations, choices, allen_2p_source.CITATION)


def load_dandi_2p(choices: RawChoices) -> Recording:
    """Return the recording of 2-photon sessions of DANDI 000728."""
    _require_files("dandi-2p", choices)
    populations = (
        imaging_population(
            dandi_2p_source.read_dandi_2p(path, choices.imaging.signal, choices.depth_um), choices.imaging
        )
        for path in choices.nwb
    )
    return _recording("dandi-2p", choices.nwb, populations, choices, allen_2p_source.CITATION)


def load_allen_neuropixels(choices: RawChoices) -> Recording:
    """Return the recording of Allen Neuropixels sessions."""
    return _neuropixels("allen-neuropixels", choices.nwb or _fetched_neuropixels(choices), choices)


def load_dandi_neuropixels(choices: RawChoices) -> Recording:
    """Return the recording of Neuropixels sessions of DANDI 000021, whose layout is the Allen Institute's."""
    _require_files("dandi-neuropixels", choices)
    return _neuropixels("dandi-neuropixels", choices.nwb, choices)


def _neuropixels(source: str, paths: Sequence[Path], choices: RawChoices) -> Recording:
    readers = {"h5py": neuropixels_source.read_neuropixels, "allensdk": neuropixels_source.read_with_allensdk}
    populations = (
        spike_population(readers[choices.reader](path, choices.spikes), choices.spikes) for path in paths
    )
    return _recording(source, paths, populations, choices, neuropixels_source.CITATION)


def _require_files(source: str, choices: RawChoices) -> None:
    if not choices.nwb:
        raise ValueError(f"--source {source} reads files at hand: give them with --nwb FILE ....")
    if choices.reader != "h5py":
        raise ValueError(f"--source {source} is read with h5py alone; leave out --reader {choices.reader}.")


def _require_sessions(source: str, choices: RawChoices) -> None:
    if not choices.sessions:
        raise ValueError(
            f"--source {source} needs files (--nwb FILE ...) or ids to download (--session ID ...); neither was given."
        )


def _with_events(choices: RawChoices) -> list[tuple[Path, Path | None]]:
    events = choices.events or (None,) * len(choices.nwb)
    return list(zip(choices.nwb, events, strict=True))


def _fetched_2p(choices: RawChoices) -> list[tuple[Path, Path | None]]:
    _require_sessions("allen-2p", choices)
    folder = choices.cache or default_cache()
    return [fetch_2p(number, folder, choices.imaging.signal == "events") for number in choices.sessions]


def _fetched_neuropixels(choices: RawChoices) -> list[Path]:
    _require_sessions("allen-neuropixels", choices)
    return [fetch_neuropixels(number, choices.cache or default_cache()) for number in choices.sessions]


def _recording(
    source: str, paths: Sequence[Path], populations: Any, choices: RawChoices, citation: str
) -> Recording:
    """Return the recording of all sessions; each is read, cut and let go before the next."""
    parts: list[Population] = list(tqdm(populations, total=len(paths), desc=source, disable=None))
    method = "neuropixels" if source.endswith("neuropixels") else "2p"
    chosen = choices.units or UnitChoices(reliability=RELIABILITY[method])
    population, said = choose_units(pool(parts), chosen)  # by the whole window: all bins have the same units
    windows = ""
    if choices.window_reliability is None:
        population = population.in_bins()
    else:
        population, windows = in_reliable_window(population, choices.window_reliability)
    made: Any = choices.spikes if method == "neuropixels" else choices.imaging
    config = {
        "source": source,
        "reader": choices.reader,
        "response": dataclasses.asdict(made),
        "units": dataclasses.asdict(chosen),
        "z_score": choices.z_score,
        "window_reliability": choices.window_reliability,
    }
    facts = provenance(config, {f"recording_{k}": path for k, path in enumerate(paths)})
    facts.update(source=source, simulated="false", citation=citation, distance="correlation")
    facts.update(population.notes, units=said, gray=str(made.gray).lower(), response=_said(method, choices))
    if windows:
        facts["reliable_window"] = f"median r of {choices.window_reliability:g} or more: {windows}"
    facts["choices"] = json.dumps(config)
    response = population.response.astype(np.float32)
    return trial_recording(response, population.stimulus, population.units, facts, choices.z_score)


def _said(method: str, choices: RawChoices) -> str:
    """Return in words what a response is."""
    if method == "neuropixels":
        start, stop = choices.spikes.window_ms
        width, unit = choices.spikes.bin_ms, "ms"
        what, running = f"Neuropixels, spikes from {start:g} to {stop:g} ms", choices.spikes.running
    else:
        first, last = choices.imaging.window
        width, unit = choices.imaging.bin_frames, "frames"
        what, running = (
            f"2-photon, {choices.imaging.signal}, imaging frames {first} to {last}",
            choices.imaging.running,
        )
    cut = "" if width is None else f", in bins of {width:g} {unit}"
    return f"{what} after onset{cut}, trials: {running}"
