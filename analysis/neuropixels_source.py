"""Recording sources `allen-neuropixels` and `dandi-neuropixels`: Neuropixels sessions (NWB 2), by h5py or by allensdk.

The Allen Institute's session files and those of DANDI set 000021 have the same layout. Source: Siegle et al. 2021,
doi 10.1038/s41586-020-03171-x. Both readers give the same session (tests).
"""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import numpy as np

from analysis.allen_2p_source import no_scenes
from analysis.nwb import as_numbers, open_nwb, read, read_columns, read_text, read_whole_number, text, texts
from analysis.spikes import SpikeChoices, SpikeSession
from analysis.units import Units, make_units

KIND = "a Neuropixels session in NWB 2"
CITATION = "Siegle et al. 2021, doi 10.1038/s41586-020-03171-x, (c) Allen Institute; non-commercial use."
SCENES = "intervals/natural_scenes_presentations"
ELECTRODES = "general/extracellular_ephys/electrodes"
QUALITY = ("presence_ratio", "isi_violations", "amplitude_cutoff")
INVALID = "intervals/invalid_times"
INVALID_TAG = "stimulus"
CORTEX = re.compile(r"(?P<area>VIS[a-z]*)(?P<layer>2/3|[1-6][ab]?)")  # `VISp4` is layer 4 of VISp


def read_neuropixels(path: str | Path, choices: SpikeChoices) -> SpikeSession:
    """Read a session with h5py.

    Units on channels without valid data or outside the brain, and such as are not marked good, are left out as
    allensdk does it.

    Raises
    ------
    FileNotFoundError, ValueError
        If the file is absent, cut short or something else, or the session has no natural scenes.
    """
    with open_nwb(path) as file:
        if "units" not in file or ELECTRODES not in file:
            raise ValueError(
                f"{path} has no units and electrodes, so it is not {KIND}; check the file and --source."
            )
        if SCENES not in file:
            raise ValueError(no_scenes(path, read_text(file, "general/stimulus", "unknown")))
        frame, start, stop, n_invalid = _presentations(file)
        session = read_whole_number(file, "identifier", "general/session_id")
        ids, ends = read_columns(file, "units", ("id", "spike_times_index"), KIND)
        good, area = _good_units(file, choices)
        spikes = _spikes(file, ids, ends, good)
        speed_time, speed = _running_speed(file)
    return SpikeSession(
        name=str(path),
        session=session,
        spike_times_s=spikes,
        units=_units(ids[good], area[good], session),
        n_recorded=len(ids),
        frame=frame,
        start_s=start,
        stop_s=stop,
        speed_time_s=speed_time,
        speed=speed,
        n_invalid=n_invalid,
    )


def _units(ids: np.ndarray, structure: np.ndarray, session: int) -> Units:
    found = [CORTEX.fullmatch(str(name)) for name in structure]
    area = [m["area"] if m else str(name).split("-")[0] for m, name in zip(found, structure, strict=True)]
    names = [f"layer{m['layer'].replace('/', '')}" if m else "" for m in found]
    facts = {
        "unit_id": ids.astype(np.int64),
        "area": np.array(area, str),
        "layer": np.array(names, str),
        "session": session,
    }
    return make_units(len(ids), facts)


def _spikes(file: h5py.File, ids: np.ndarray, ends: np.ndarray, good: np.ndarray) -> list[np.ndarray]:
    """Return the spike times of every good unit; all units lie one after the other, `ends` says where each ends."""
    times = read(file, "units/spike_times", KIND)
    edges = np.concatenate([[0], ends]).astype(np.int64)
    if (np.diff(edges) < 0).any() or edges[-1] != len(times):
        raise ValueError(
            f"{file.filename}: units/spike_times_index does not cut its {len(times)} spike times into {len(ids)} units "
            f"(it ends at {edges[-1]}); download it again."
        )
    spikes = [times[edges[k] : edges[k + 1]] for k in np.flatnonzero(good)]
    for unit, found in zip(ids[good], spikes, strict=True):
        if not (np.diff(found) >= 0).all():  # NaN included
            raise ValueError(
                f"{file.filename}: the spike times of unit {unit} do not ascend, or hold NaN; download it again."
            )
    return spikes


def _good_units(file: h5py.File, choices: SpikeChoices) -> tuple[np.ndarray, np.ndarray]:
    """Return which units pass, and the structure of every unit: (unit,), (unit,)."""
    channel, location, valid = read_columns(
        file, ELECTRODES, ("id", "location", "valid_data"), KIND, words=("location",)
    )
    columns = ("id", "peak_channel_id", "quality", *QUALITY)
    _, peak, quality, presence, violations, cutoff = read_columns(
        file, "units", columns, KIND, words=("quality",)
    )
    place = {int(id_): row for row, id_ in enumerate(channel)}
    rows = np.array([place.get(int(id_), -1) for id_ in peak], np.int64)
    if not len(channel):
        raise ValueError(f"{file.filename}: {ELECTRODES} has no rows; download it again.")
    structure = np.where(rows >= 0, texts(location)[rows], "")
    inside = ~np.isin(structure, ("", "None"))
    good = (texts(quality) == "good") & inside & valid.astype(bool)[rows] & (rows >= 0)
    good &= presence >= choices.presence_ratio
    good &= violations <= choices.isi_violations
    good &= cutoff <= choices.amplitude_cutoff
    return good, structure


def _presentations(file: h5py.File) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Return frame, start and stop of every valid presentation in the order of time, and how many were invalid."""
    name = "frame" if "frame" in file[SCENES] else "Image"  # its name before allensdk renames columns
    frame, start, stop = read_columns(file, SCENES, (name, "start_time", "stop_time"), KIND, words=(name,))
    frame = as_numbers(file, f"{SCENES}/{name}", frame)
    valid = np.ones(len(frame), bool)
    for first, last in _invalid_times(file):
        valid &= (stop < first) | (start > last)
    order = np.argsort(start, kind="stable")
    order = order[valid[order]]
    return frame[order], start[order], stop[order], int((~valid).sum())


def _invalid_times(file: h5py.File) -> list[tuple[float, float]]:
    """Return the times at which stimuli are marked invalid."""
    if INVALID not in file:
        return []
    ends, starts, stops = read_columns(file, INVALID, ("tags_index", "start_time", "stop_time"), KIND)
    if not len(ends):
        return []
    said = read(file, f"{INVALID}/tags", KIND, words=True)
    tags = [[text(tag) for tag in part] for part in np.split(said, ends.astype(np.int64)[:-1])]
    edges = zip(starts, stops, strict=True)
    return [edge for edge, names in zip(edges, tags, strict=True) if INVALID_TAG in names]


def _running_speed(file: h5py.File) -> tuple[np.ndarray, np.ndarray]:
    group = "processing/running/running_speed"
    if group not in file:
        return np.empty(0), np.empty(0)
    times, speed = read_columns(file, group, ("timestamps", "data"), KIND)
    return times, speed.astype(np.float64)


def read_with_allensdk(path: str | Path, choices: SpikeChoices) -> SpikeSession:
    """Read the same session through allensdk's `EcephysSession`."""
    from analysis.allensdk_cache import require_allensdk

    with open_nwb(path) as file:  # allensdk's own messages about damaged files are tracebacks
        if SCENES not in file:
            raise ValueError(no_scenes(path, read_text(file, "general/stimulus", "unknown")))
        n_recorded = len(read(file, "units/id", KIND))
        n_presentations = len(read(file, f"{SCENES}/start_time", KIND))
    limits = {
        "presence_ratio_minimum": choices.presence_ratio,
        "isi_violations_maximum": choices.isi_violations,
        "amplitude_cutoff_maximum": choices.amplitude_cutoff,
    }
    module = require_allensdk("brain_observatory.ecephys.ecephys_session")
    session = module.EcephysSession.from_nwb_path(str(path), api_kwargs=limits)
    table = session.get_stimulus_table("natural_scenes")
    units = session.units
    column = "ecephys_structure_acronym" if "ecephys_structure_acronym" in units else "structure_acronym"
    running = session.running_speed
    return SpikeSession(
        name=str(path),
        session=session.ecephys_session_id,
        spike_times_s=[session.spike_times[unit] for unit in units.index],
        units=_units(units.index.to_numpy(), units[column].to_numpy(str), session.ecephys_session_id),
        n_recorded=n_recorded,
        frame=table["frame"].to_numpy().astype(np.float64),
        start_s=table["start_time"].to_numpy(np.float64),
        stop_s=table["stop_time"].to_numpy(np.float64),
        speed_time_s=running["start_time"].to_numpy(),
        speed=running["velocity"].to_numpy(),
        n_invalid=n_presentations - len(table),
    )
