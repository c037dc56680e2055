"""Small NWB files of made-up sessions, written with h5py in the layouts that allensdk and DANDI have."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import h5py
import numpy as np

N_CELLS, N_REPEATS, N_SCENES = 5, 12, 118
CELL_IDS = np.array([662099026, 662099317, 662099364, 662099400, 662099555])
EXPERIMENT, SESSION = 501940850, 715093703


def presentations(seed: int, n_repeats: int = N_REPEATS) -> np.ndarray:
    """Frame of every presentation: blanks (-1) and 118 scenes, shuffled."""
    return np.random.default_rng(seed).permutation(np.repeat(np.arange(-1, N_SCENES), n_repeats))


def imaging_arrays(seed: int = 0) -> dict[str, np.ndarray]:
    """What a made-up 2-photon session holds."""
    generator = np.random.default_rng(seed)
    frame = presentations(seed)
    start = 100 + np.floor(7.5 * np.arange(len(frame))).astype(np.int64)
    times = 9.5 + np.arange(start[-1] + 60) / 30
    drive = generator.random((N_CELLS, N_SCENES + 1))
    signal = np.zeros((N_CELLS, len(times)))
    for onset, scene in zip(start, frame, strict=True):
        signal[:, onset + 3 : onset + 10] += drive[:, scene, None]
    neuropil = 100 + 10 * generator.standard_normal((N_CELLS, len(times)))
    ratio = generator.random(N_CELLS)
    fluorescence = 200 + 80 * signal + 20 * generator.standard_normal(signal.shape)
    dff = 0.4 * signal + 0.1 * generator.standard_normal(signal.shape)
    speed = np.maximum(20 * np.sin(times * 1.7), 0)
    return {
        "frame": frame,
        "start": start,
        "times": times,
        "demixed": (fluorescence + ratio[:, None] * neuropil).astype(np.float32),
        "neuropil": neuropil.astype(np.float32),
        "ratio": ratio,
        "dff": dff.astype(np.float32),
        "events": np.maximum(signal + 0.1 * generator.standard_normal(signal.shape), 0).astype(np.float32),
        "speed": speed,
    }


def write_nwb1(path: Path, seed: int = 0, pipeline: str = "3.0", scenes: bool = True, **changes: Any) -> Path:
    """Write a 2-photon session as the Allen Brain Observatory does (NWB 1)."""
    arrays = {**imaging_arrays(seed), **changes}
    texts = {
        "general/session_type": "three_session_B" if scenes else "three_session_A",
        "general/session_id": str(EXPERIMENT),
        "general/experiment_container_id": "511510650",
        "general/subject/genotype": "Cux2-CreERT2/wt;Camk2a-tTA/wt;Ai93(TITL-GCaMP6f)/Ai93(TITL-GCaMP6f)",
        "general/subject/age": "108 days",
        "general/optophysiology/imaging_plane_1/location": "VISp",
        "general/optophysiology/imaging_plane_1/imaging depth": "275 microns",
    }
    with h5py.File(path, "w") as file:
        file["nwb_version"] = np.bytes_("NWB-1.0.6")
        for name, text in texts.items():
            file[name] = np.bytes_(text)
        file["general/generated_by"] = np.array([b"pipeline", b"version", pipeline.encode()])
        _write_traces(file["/"].create_group("processing/brain_observatory_pipeline"), arrays, pipeline)
        group = file.create_group("stimulus/presentation")
        shuffled = np.random.default_rng(1).permutation(len(arrays["frame"]))  # rows need not be in order
        if scenes:
            group["natural_scenes_stimulus/data"] = arrays["frame"][shuffled]
            bounds = np.column_stack([arrays["start"], arrays["start"] + 7])
            group["natural_scenes_stimulus/frame_duration"] = bounds[shuffled]
        else:
            group.create_group("drifting_gratings_stimulus")
    return path


def _write_traces(group: h5py.Group, arrays: dict[str, np.ndarray], pipeline: str) -> None:
    plane = "Fluorescence/imaging_plane_1"
    group[f"{plane}/timestamps"] = arrays["times"]
    if pipeline >= "2.0":
        group[f"{plane}/data"] = arrays["demixed"] + 1  # traces before demixing
        group[f"{plane}_demixed_signal/data"] = arrays["demixed"]
        group[f"{plane}_neuropil_response/data"] = arrays["neuropil"]
        group[f"{plane}_neuropil_response/r"] = arrays["ratio"]
    else:
        group[f"{plane}/data"] = arrays["demixed"]
        group[f"{plane}/neuropil_traces"] = arrays["neuropil"]
        group[f"{plane}/r"] = arrays["ratio"]
    group["DfOverF/imaging_plane_1/data"] = arrays["dff"]
    group["DfOverF/imaging_plane_1/timestamps"] = arrays["times"]
    group["ImageSegmentation/cell_specimen_ids"] = CELL_IDS
    group["ImageSegmentation/roi_ids"] = CELL_IDS - 600000000
    running = group.create_group("BehavioralTimeSeries/running_speed")
    running["data"] = arrays["speed"][3:-2]  # the wheel was recorded a little shorter than the cells
    running["timestamps"] = arrays["times"][3:-2]


def write_dandi_2p(
    path: Path, seed: int = 0, blank: int = 2**32 - 1, depth: str = "275", scenes: bool = True
) -> Path:
    """Write the same session in the layout of DANDI 000728 (NWB 2)."""
    arrays = imaging_arrays(seed)
    with h5py.File(path, "w") as file:
        file.attrs["nwb_version"] = "2.7.0"
        file["general/session_id"] = f"{EXPERIMENT}-Stim{'B' if scenes else 'A'}"
        file["general/subject/genotype"] = "Cux2-CreERT2/wt;Camk2a-tTA/wt"
        file["general/optophysiology/ImagingPlane/location"] = "VISp"
        said = f"The imaging plane sampled by the two-photon calcium imaging at a depth of {depth} µm."
        file["general/optophysiology/ImagingPlane/description"] = said
        ophys = file.create_group("processing/ophys")
        ophys["Fluorescence/Corrected/timestamps"] = arrays["times"]
        for name, key in {"Demixed": "demixed", "Neuropil": "neuropil"}.items():
            ophys[f"Fluorescence/{name}/data"] = arrays[key].T
        ophys["ContaminationRatios/ratios"] = arrays["ratio"]
        ophys["DfOverF/DfOverF/data"] = arrays["dff"].T
        ophys["DfOverF/DfOverFEvents/data"] = arrays["events"]  # as the converter stores it: not transposed
        ophys["ImageSegmentation/PlaneSegmentation/global_roi_id"] = CELL_IDS
        behavior = file.create_group("processing/behavior/BehavioralTimeSeries/running_speed")
        behavior["data"], behavior["timestamps"] = arrays["speed"][3:-2], arrays["times"][3:-2]
        group = file.create_group("stimulus/presentation")
        if scenes:
            stored = np.where(arrays["frame"] < 0, blank, arrays["frame"]).astype(np.uint32)
            group["natural_scenes_stimulus/data"] = stored
            group["natural_scenes_stimulus/timestamps"] = arrays["times"][arrays["start"]]
    return path


# --------------------------------------------------------------------------------------------- Neuropixels

STRUCTURES = ["VISp", "VISp", "VISl", "LP", "None", "CA1"]
# unit: peak channel (row of STRUCTURES), quality, presence ratio, ISI violations, amplitude cutoff
GOOD_UNITS = [(channel, "good", 0.96, 0.4, 0.09) for channel in (0, 0, 1, 1, 2, 2, 2, 3, 3, 3, 5)]
UNITS = [
    *GOOD_UNITS,
    (0, "noise", 0.99, 0.1, 0.01),
    (1, "good", 0.90, 0.1, 0.01),
    (2, "good", 0.99, 0.6, 0.01),
    (3, "good", 0.99, 0.1, 0.20),
    (4, "good", 0.99, 0.1, 0.01),
]
N_SPIKE_REPEATS = 12


def spike_arrays(seed: int = 0) -> dict[str, Any]:
    """What a made-up Neuropixels session holds."""
    generator = np.random.default_rng(seed)
    frame = presentations(seed + 1, N_SPIKE_REPEATS)
    start = 20 + 0.2502 * np.arange(len(frame))
    tuning = generator.gamma(1, 15, (len(UNITS), N_SCENES + 1))
    spikes = []
    for unit in range(len(UNITS)):
        counts = generator.poisson(0.25 * tuning[unit, frame])
        times = [onset + 0.25 * generator.random(n) for onset, n in zip(start, counts, strict=True)]
        spikes.append(np.sort(np.concatenate(times)))
    speed_time = np.arange(15, start[-1] + 5, 1 / 60)
    return {
        "frame": frame,
        "start": start,
        "spikes": spikes,
        "speed_time": speed_time,
        "speed": np.maximum(12 * np.sin(speed_time * 1.7), 0),
    }


def write_ecephys(
    path: Path, seed: int = 0, scenes: bool = True, invalid: bool = True, **changes: Any
) -> Path:
    """Write a Neuropixels session as the Allen Institute does (NWB 2)."""
    arrays = {**spike_arrays(seed), **changes}
    with h5py.File(path, "w") as file:
        _typed(file, "NWBFile", nwb_version="2.7.0")
        for name in ("acquisition", "analysis", "processing", "stimulus/presentation", "stimulus/templates"):
            file.create_group(name)
        when = "2019-01-19T00:00:00-08:00"
        for name in ("session_start_time", "timestamps_reference_time"):
            file[name] = when
        file.create_dataset("file_create_date", data=np.array([when], object), dtype=h5py.string_dtype())
        file["identifier"], file["session_description"] = str(SESSION), "made up"
        file["general/session_id"] = str(SESSION)
        file["general/stimulus"] = "brain_observatory_1.1" if scenes else "functional_connectivity"
        _write_probe(file)
        _write_units(file, arrays["spikes"])
        _write_intervals(file, arrays, scenes, invalid)
        _write_running(file, arrays)
    return path


def _typed(node: Any, kind: str, namespace: str = "core", **attributes: Any) -> None:
    identity = uuid.uuid5(uuid.NAMESPACE_URL, node.name)
    node.attrs.update(
        {"namespace": namespace, "neurodata_type": kind, "object_id": str(identity), **attributes}
    )


def _table(
    file: h5py.File, name: str, kind: str, columns: dict[str, Any], ids: np.ndarray, ragged: tuple = ()
) -> None:
    """Write an HDMF dynamic table; `ragged` columns are lists of arrays with an index beside them."""
    group = file.create_group(name)
    namespace = "hdmf-common" if kind == "DynamicTable" else "core"
    _typed(group, kind, namespace, description="made up", colnames=np.array(list(columns), object))
    group["id"] = ids
    _typed(group["id"], "ElementIdentifiers", "hdmf-common")
    for column, values in columns.items():
        if column in ragged:
            group[column] = np.concatenate(values)
            group[f"{column}_index"] = np.cumsum([len(v) for v in values])
            target = group[column].ref
            _typed(group[f"{column}_index"], "VectorIndex", "hdmf-common", description="index", target=target)
        else:
            group[column] = values
        _typed(group[column], "VectorData", "hdmf-common", description=column)


def _write_probe(file: h5py.File) -> None:
    extension = "ndx-aibs-ecephys"
    device = file.create_group("general/devices/probeA")
    _typed(
        device,
        "EcephysProbe",
        extension,
        description="made up",
        manufacturer="imec",
        probe_id=7,
        sampling_rate=3e4,
    )
    group = file.create_group("general/extracellular_ephys/probeA")
    facts = {
        "location": "See electrode locations",
        "probe_id": 7,
        "lfp_sampling_rate": 1250.0,
        "has_lfp_data": False,
    }
    _typed(group, "EcephysElectrodeGroup", extension, description="made up", **facts)
    group["device"] = h5py.SoftLink("/general/devices/probeA")
    n = len(STRUCTURES)
    columns = {
        "location": np.array(STRUCTURES, object),
        "group": np.array([group.ref] * n, h5py.ref_dtype),
        "group_name": np.array(["probeA"] * n, object),
        "local_index": np.arange(n),
        "probe_horizontal_position": np.arange(n),
        "probe_vertical_position": 20 * np.arange(n),
        "probe_id": np.full(n, 7),
        "valid_data": np.ones(n, bool),
        **{axis: np.zeros(n) for axis in ("x", "y", "z", "imp")},
        "filtering": np.array(["none"] * n, object),
    }
    _table(file, "general/extracellular_ephys/electrodes", "DynamicTable", columns, 850000 + np.arange(n))


def _write_units(file: h5py.File, spikes: list[np.ndarray]) -> None:
    channel, quality, presence, isi, cutoff = (np.array(x) for x in zip(*UNITS, strict=True))
    n = len(UNITS)
    columns = {
        "peak_channel_id": 850000 + channel,
        "local_index": np.arange(n),
        "cluster_id": np.arange(n),
        "quality": quality.astype(object),
        "firing_rate": np.array([len(s) for s in spikes]) / 100,
        "isi_violations": isi,
        "presence_ratio": presence,
        "amplitude_cutoff": cutoff,
        "spike_times": spikes,
        "spike_amplitudes": [np.ones(len(s)) for s in spikes],
        "waveform_mean": np.zeros((n, 2, 2)),
    }
    _table(file, "units", "Units", columns, 950900000 + np.arange(n), ("spike_times", "spike_amplitudes"))


def _write_intervals(file: h5py.File, arrays: dict[str, Any], scenes: bool, invalid: bool) -> None:
    n = len(arrays["frame"])
    name = "natural_scenes" if scenes else "dot_motion"
    columns = {
        "start_time": arrays["start"],
        "stop_time": arrays["start"] + 0.2502,
        "stimulus_name": np.array([name] * n, object),
        "stimulus_block": np.full(n, 9.0),
        "frame": arrays["frame"].astype(np.float64),
        "stimulus_index": np.zeros(n),
    }
    _table(file, f"intervals/{name}_presentations", "TimeIntervals", columns, np.arange(n))
    if invalid:  # one presentation at a time when the screen failed, one when only a probe did
        at = arrays["start"][[40, 90]] + 0.1
        tags = [np.array(["EcephysSession", "715093703", "stimulus"], object), np.array(["probeA"], object)]
        columns = {"start_time": at, "stop_time": at + 0.01, "tags": tags}
        _table(file, "intervals/invalid_times", "TimeIntervals", columns, np.arange(2), ("tags",))


def _write_running(file: h5py.File, arrays: dict[str, Any]) -> None:
    module = file.create_group("processing/running")
    _typed(module, "ProcessingModule", description="made up")
    step = np.diff(arrays["speed_time"]).mean()
    for name, shift in {"running_speed": 0.0, "running_speed_end_times": step}.items():
        series = module.create_group(name)
        _typed(series, "TimeSeries", description="made up", comments="none")
        series["data"] = arrays["speed"]
        series["data"].attrs.update({"unit": "cm/s", "conversion": 1.0, "resolution": -1.0})
        series["timestamps"] = arrays["speed_time"] + shift
        series["timestamps"].attrs.update({"interval": 1, "unit": "seconds"})
