"""Recording source `allen-2p`: 2-photon sessions of the Allen Brain Observatory (NWB 1), by h5py alone or by allensdk.

Source: de Vries et al. 2020, doi 10.1038/s41593-019-0550-9. Both readers give the same session (tests); h5py needs no
allensdk and less time. allensdk downloads (`allensdk_cache`).
"""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from analysis.imaging import ImagingSession
from analysis.inclusion import excluded_session
from analysis.nwb import open_nwb, read, read_text, read_whole_number
from study.files import require_file

KIND = "an NWB 1 file of the Allen Brain Observatory"
CITATION = "de Vries et al. 2020, doi 10.1038/s41593-019-0550-9, (c) Allen Institute; non-commercial use."
PIPELINE = "processing/brain_observatory_pipeline"
FLUORESCENCE = f"{PIPELINE}/Fluorescence/imaging_plane_1"
SCENES = "stimulus/presentation/natural_scenes_stimulus"
DEMIXED_SINCE = 2  # pipeline version from which neuropil is subtracted from demixed traces


def read_nwb1(path: str | Path, signal: str, events: str | Path | None = None) -> ImagingSession:
    """Read a session with h5py.

    Parameters
    ----------
    path : path
    signal : "dff", "events" or "mean_sweep_response"
    events : path, optional
        npz file with `ev` (cell, time), which the Allen Institute keeps beside the NWB file. Needed for "events".

    Raises
    ------
    FileNotFoundError, ValueError
        If a file is absent, cut short or something else, or the session has no natural scenes.
    """
    with open_nwb(path) as file:
        if PIPELINE not in file:
            raise ValueError(f"{path} has no {PIPELINE}, so it is not {KIND}; check the file and --source.")
        if SCENES not in file:
            raise ValueError(no_scenes(path, read_text(file, "general/session_type", "unknown")))
        frame, start = _stimulus_table(file)
        ids = read(file, f"{PIPELINE}/ImageSegmentation/cell_specimen_ids", KIND)
        n_times = len(read(file, f"{FLUORESCENCE}/timestamps", KIND))
        traces = (
            load_events(path, events, (len(ids), n_times)) if signal == "events" else _traces(file, signal)
        )
        return ImagingSession(
            name=str(path),
            session=read_whole_number(file, "general/session_id"),
            traces=traces,
            cell_id=ids.astype(np.int64),
            frame=frame,
            start=start,
            speed=_running_speed(file),
            area=read_text(file, "general/optophysiology/imaging_plane_1/location"),
            cre_line=driver(read_text(file, "general/subject/genotype")),
            depth_um=_depth(read_text(file, "general/optophysiology/imaging_plane_1/imaging depth")),
        )


def no_scenes(path: str | Path, session_type: str) -> str:
    """Return the sentence about a session in which no natural scenes were shown."""
    reason = excluded_session(session_type) or "it holds other stimuli"
    return (
        f"{path} has no natural scenes: its session type is {session_type} ({reason}); take a session of the type "
        "three_session_B (2-photon) or brain_observatory_1.1 (Neuropixels)."
    )


def driver(genotype: str) -> str:
    """Return the Cre line of a genotype: the first gene, without its wild-type allele."""
    return genotype.split(";")[0].split("/")[0].strip()


def _depth(said: str) -> float:
    """Return the imaging depth in micrometres of a text such as `175 microns`."""
    number = said.split()[0] if said.split() else ""
    return float(number) if number.replace(".", "", 1).isdigit() else np.nan


def _stimulus_table(file: h5py.File) -> tuple[np.ndarray, np.ndarray]:
    """Return frame and first imaging frame of every presentation, in the order of time."""
    frame = read(file, f"{SCENES}/data", KIND).astype(np.float64)
    bounds = read(file, f"{SCENES}/frame_duration", KIND, axes=2).astype(np.int64)
    if len(frame) != len(bounds):
        raise ValueError(
            f"{file.filename} holds {len(frame)} scene numbers and {len(bounds)} durations; download it again."
        )
    order = np.lexsort((bounds[:, 1], bounds[:, 0]))
    return frame[order], bounds[order, 0]


def _traces(file: h5py.File, signal: str) -> np.ndarray:
    """Return dF/F, or neuropil-corrected fluorescence F - r · N: (cell, time)."""
    if signal == "dff":
        return read(file, f"{PIPELINE}/DfOverF/imaging_plane_1/data", KIND, axes=2)
    generated_by = file["general/generated_by"][()] if "general/generated_by" in file else [b"0.9"]
    version = int(generated_by[-1].decode().split(".")[0])
    if version < DEMIXED_SINCE:
        raw, neuropil, ratio = f"{FLUORESCENCE}/data", f"{FLUORESCENCE}/neuropil_traces", f"{FLUORESCENCE}/r"
    else:
        raw, neuropil = f"{FLUORESCENCE}_demixed_signal/data", f"{FLUORESCENCE}_neuropil_response/data"
        ratio = f"{FLUORESCENCE}_neuropil_response/r"
    if raw not in file:
        raise ValueError(
            f"{file.filename} has no {raw} (a few sessions lack it), so its fluorescence cannot be corrected; take "
            "--signal dff."
        )
    found, around = (read(file, name, KIND, axes=2) for name in (raw, neuropil))
    share = read(file, ratio, KIND)
    if found.shape != around.shape or len(share) != len(found):
        raise ValueError(
            f"{file.filename}: {raw} has the shape {found.shape}, {neuropil} {around.shape} and {ratio} {share.shape}, "
            "though cells and times are the same; download it again."
        )
    corrected: np.ndarray = found - around * share[:, None]
    return corrected


def _running_speed(file: h5py.File) -> np.ndarray:
    """Return the running speed at every imaging frame in cm/s; NaN where it was not recorded."""
    times = read(file, f"{FLUORESCENCE}/timestamps", KIND)
    speed = np.full(len(times), np.nan)
    group = f"{PIPELINE}/BehavioralTimeSeries/running_speed"
    if group in file:
        values = read(file, f"{group}/data", KIND, axes=None).reshape(-1)
        known = read(file, f"{group}/timestamps", KIND)
        first = int(np.searchsorted(times, known[0])) if len(known) else len(times)
        values = values[: len(times) - first]
        speed[first : first + len(values)] = values
    return speed


def load_events(path: str | Path, events: str | Path | None, shape: tuple[int, int]) -> np.ndarray:
    """Return deconvolved events (cell, time) of an npz file."""
    if events is None:
        raise ValueError(
            f"{path} holds no events: the Allen Institute keeps them in a file of their own; give it with --events "
            "(<id>_events.npz), or take --session ID, which downloads it, or --signal dff."
        )
    events = require_file(events, "events", "download it with --session ID, or take --signal dff")
    try:
        with open(events, "rb") as handle, np.load(handle, allow_pickle=False) as file:
            values: np.ndarray = file["ev"]
    except (OSError, EOFError, KeyError, ValueError) as error:
        raise ValueError(f"{events} does not hold the array ev ({error}); download it again.") from error
    if values.shape != shape:
        raise ValueError(f"{events}: ev has the shape {values.shape}; {shape} is needed for {path}.")
    return values


def read_with_allensdk(path: str | Path, signal: str, events: str | Path | None = None) -> ImagingSession:
    """Read the same session through allensdk's `BrainObservatoryNwbDataSet`."""
    from analysis.allensdk_cache import require_allensdk

    with open_nwb(path) as file:  # allensdk's own messages about damaged files are tracebacks
        if SCENES not in file:
            raise ValueError(no_scenes(path, read_text(file, "general/session_type", "unknown")))
    data_set = require_allensdk("core.brain_observatory_nwb_data_set").BrainObservatoryNwbDataSet(str(path))
    table = data_set.get_stimulus_table("natural_scenes")
    facts = data_set.get_metadata()
    ids = data_set.get_cell_specimen_ids()
    if signal == "events":
        traces = load_events(path, events, (len(ids), len(data_set.get_fluorescence_timestamps())))
    elif signal == "dff":
        traces = data_set.get_dff_traces()[1]
    else:
        traces = data_set.get_corrected_fluorescence_traces()[1]
    return ImagingSession(
        name=str(path),
        session=facts["ophys_experiment_id"],
        traces=traces,
        cell_id=np.asarray(ids, np.int64),
        frame=table["frame"].to_numpy().astype(np.float64),
        start=table["start"].to_numpy(),
        speed=data_set.get_running_speed()[0],
        area=facts["targeted_structure"],
        cre_line=driver(facts["genotype"] or ""),
        depth_um=float(facts["imaging_depth_um"]),
    )
