"""Recording source `dandi-2p`: 2-photon sessions converted to NWB 2 (DANDI set 000728), by h5py alone.

Source: the layout that github.com/catalystneuro/visual-coding-to-nwb-v2 writes.

Its image numbers are unsigned, though blanks are -1. Read by way of HDF5, a negative number becomes 0, and by way of
numpy 4294967295: both occur depending on versions. The second is undone here. After the first, blanks cannot be told
from image 0, so image 0 is dropped, and the recording says so.
"""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import numpy as np

from analysis.allen_2p_source import driver, no_scenes
from analysis.imaging import ImagingSession
from analysis.nwb import open_nwb, read, read_columns, read_text
from analysis.presentations import BLANK

KIND = "a processed NWB 2 file of DANDI 000728"
OPHYS = "processing/ophys"
SCENES = "stimulus/presentation/natural_scenes_stimulus"
FLUORESCENCE = f"{OPHYS}/Fluorescence"
TIMES = f"{FLUORESCENCE}/Corrected/timestamps"
SERIES = {"dff": f"{OPHYS}/DfOverF/DfOverF/data", "events": f"{OPHYS}/DfOverF/DfOverFEvents/data"}
WRAPPED_BLANK = 2**32 - 1
LOST_BLANKS = "blanks are stored as image 0, so image 0 is left out"


def read_dandi_2p(path: str | Path, signal: str, depth_um: float = np.nan) -> ImagingSession:
    """Read a session with h5py.

    Parameters
    ----------
    path : path
    signal : "dff", "events" or "mean_sweep_response"
    depth_um : float
        Imaging depth where the file does not say it.

    Raises
    ------
    FileNotFoundError, ValueError
        If the file is absent, cut short or something else, or the session has no natural scenes.
    """
    with open_nwb(path) as file:
        if OPHYS not in file:
            raise ValueError(f"{path} has no {OPHYS}, so it is not {KIND}; check the file and --source.")
        name, _, stimuli = read_text(file, "general/session_id").partition("-Stim")
        if SCENES not in file:
            raise ValueError(no_scenes(path, f"three_session_{stimuli}" if stimuli else "unknown"))
        times = read(file, TIMES, KIND)
        if len(times) < 2:
            raise ValueError(
                f"{path}: {TIMES} holds {len(times)} times, not those of a session; download it again."
            )
        frame, start, without = _stimulus_table(file, times)
        ids = read(file, f"{OPHYS}/ImageSegmentation/PlaneSegmentation/global_roi_id", KIND)
        said = read_text(file, "general/optophysiology/ImagingPlane/description")
        return ImagingSession(
            name=str(path),
            session=int(name) if name.isdigit() else -1,
            traces=_traces(file, signal, (len(ids), len(times))),
            cell_id=ids.astype(np.int64),
            frame=frame,
            start=start,
            speed=_running_speed(file, times),
            area=read_text(file, "general/optophysiology/ImagingPlane/location"),
            cre_line=driver(read_text(file, "general/subject/genotype")),
            depth_um=_depth(said, depth_um),
            without=without,
            note=LOST_BLANKS if without else "",
        )


def _stimulus_table(file: h5py.File, times: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
    """Return frame and first imaging frame of every presentation in the order of time, and frames left out."""
    frame, onset = read_columns(file, SCENES, ("data", "timestamps"), KIND)
    frame = frame.astype(np.float64)
    start = _nearest(times, onset)
    frame[frame == WRAPPED_BLANK] = BLANK
    without: tuple[int, ...] = ()
    if not (frame == BLANK).any() and (frame == 0).any():
        others = np.unique(frame[frame != 0], return_counts=True)[1]
        if len(others) and (frame == 0).sum() > 1.5 * np.median(others):
            start, frame, without = start[frame != 0], frame[frame != 0], (0,)
    order = np.argsort(start, kind="stable")
    return frame[order], start[order], without


def _nearest(times: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the index of the time nearest to each wanted one; times ascend."""
    right = np.clip(np.searchsorted(times, wanted), 1, len(times) - 1)
    return np.where(wanted - times[right - 1] <= times[right] - wanted, right - 1, right)


def _traces(file: h5py.File, signal: str, shape: tuple[int, int]) -> np.ndarray:
    """Return dF/F, events, or neuropil-corrected fluorescence: (cell, time).

    The series that is called Corrected is the raw fluorescence of the NWB 1 file, so the correction is made here.
    """
    if signal in SERIES:
        if SERIES[signal] not in file:
            raise ValueError(f"{file.filename} has no {SERIES[signal]}; take another --signal.")
        return _cells_first(file, SERIES[signal], shape)
    if f"{FLUORESCENCE}/Demixed/data" not in file:
        raise ValueError(
            f"{file.filename} has no {FLUORESCENCE}/Demixed (a few sessions lack it), so its fluorescence cannot be "
            "corrected; take --signal dff."
        )
    demixed, neuropil = (
        _cells_first(file, f"{FLUORESCENCE}/{name}/data", shape) for name in ("Demixed", "Neuropil")
    )
    ratio = read(file, f"{OPHYS}/ContaminationRatios/ratios", KIND)
    if len(ratio) != shape[0]:
        raise ValueError(
            f"{file.filename} holds {len(ratio)} contamination ratios for {shape[0]} cells; download it again."
        )
    corrected: np.ndarray = demixed - neuropil * ratio[:, None]
    return corrected


def _cells_first(file: h5py.File, name: str, shape: tuple[int, int]) -> np.ndarray:
    values = read(file, name, KIND, axes=2)
    if values.shape == shape:
        return values
    if values.shape == shape[::-1]:
        return values.T
    raise ValueError(f"{file.filename}: {name} has the shape {values.shape}; {shape[::-1]} is needed.")


def _running_speed(file: h5py.File, times: np.ndarray) -> np.ndarray:
    """Return the running speed at every imaging frame in cm/s; NaN where it was not recorded."""
    group = "processing/behavior/BehavioralTimeSeries/running_speed"
    speed = np.full(len(times), np.nan)
    if group in file:
        values = read(file, f"{group}/data", KIND, axes=None).reshape(-1)
        known = read(file, f"{group}/timestamps", KIND)
        first = int(np.searchsorted(times, known[0])) if len(known) else len(times)
        values = values[: len(times) - first]
        speed[first : first + len(values)] = values
    return speed


def _depth(said: str, given: float) -> float:
    """Return the depth of a text such as `... at a depth of 175 µm.`, else the given one.

    Some versions of the files have `{depth}` in the place of the number.
    """
    found = re.search(r"depth of (\d+(?:\.\d+)?)", said)
    return float(found[1]) if found else given
