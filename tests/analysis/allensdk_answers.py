"""What allensdk itself makes of the made-up sessions and of the monitor.

    python -m tests.analysis.allensdk_answers tests/analysis/expected_allensdk.npz

writes it (in an environment with allensdk 2.16.2), for the tests to compare with where allensdk is absent.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from tests.analysis import nwb_fixtures as fixtures

EXPECTED = Path(__file__).with_name("expected_allensdk.npz")
STRIDE = 40  # every 40th pixel of the monitor is kept


def ask_allensdk(folder: Path) -> dict[str, np.ndarray]:
    """Return what allensdk itself makes of the made-up sessions."""
    return {**_ask_imaging(folder), **_ask_ecephys(folder), **_ask_monitor()}


def _ask_imaging(folder: Path) -> dict[str, np.ndarray]:
    from allensdk.brain_observatory.natural_scenes import NaturalScenes
    from allensdk.core.brain_observatory_nwb_data_set import BrainObservatoryNwbDataSet

    data_set = BrainObservatoryNwbDataSet(str(fixtures.write_nwb1(folder / "session.nwb")))
    old = BrainObservatoryNwbDataSet(str(fixtures.write_nwb1(folder / "old.nwb", pipeline="1.0")))
    scenes = NaturalScenes(data_set)
    table, facts = data_set.get_stimulus_table("natural_scenes"), data_set.get_metadata()
    response = scenes.mean_sweep_response.astype(float)
    return {
        "frame": table["frame"].to_numpy(np.int16),
        "start": table["start"].to_numpy(np.int32),
        "cell_id": np.asarray(data_set.get_cell_specimen_ids()),
        "dff": data_set.get_dff_traces()[1][:, :300],
        "fluorescence": data_set.get_corrected_fluorescence_traces()[1][:, -300:].astype(np.float32),
        "old_fluorescence": old.get_corrected_fluorescence_traces()[1][:, :300].astype(np.float32),
        "speed": data_set.get_running_speed()[0][:300].astype(np.float32),
        "mean_sweep_response": response.iloc[:, : fixtures.N_CELLS].to_numpy(np.float32),
        "sweep_speed": response["dx"].to_numpy(np.float32),
        "running_p": scenes.peak["p_run_ns"].to_numpy(np.float64),
        "area": np.array(facts["targeted_structure"]),
        "depth_um": np.array(facts["imaging_depth_um"]),
        "cre_line": np.array(facts["cre_line"]),
        "session": np.array(facts["ophys_experiment_id"]),
    }


def _ask_ecephys(folder: Path) -> dict[str, np.ndarray]:
    from allensdk.brain_observatory.ecephys.ecephys_session import EcephysSession

    session = EcephysSession.from_nwb_path(str(fixtures.write_ecephys(folder / "ecephys.nwb")))
    table = session.get_stimulus_table("natural_scenes")
    edges = np.array([0, 0.25])
    counts = session.presentationwise_spike_counts(
        edges, table.index.to_numpy(), session.units.index.to_numpy()
    )
    return {
        "ecephys_frame": table["frame"].to_numpy(np.float64).astype(np.int16),
        "ecephys_start": table["start_time"].to_numpy(np.float64),
        "ecephys_unit": session.units.index.to_numpy(),
        "ecephys_area": session.units["structure_acronym"].to_numpy(str),
        "ecephys_counts": counts.to_numpy()[:, 0].astype(np.uint8),
    }


def _ask_monitor() -> dict[str, np.ndarray]:
    from allensdk.brain_observatory.stimulus_info import BrainObservatoryMonitor, make_display_mask

    monitor = BrainObservatoryMonitor()
    coordinates = monitor.experiment_geometry.warp_coordinates.T.reshape(2, 1200, 1920)
    return {
        "warp_coordinates": coordinates[:, ::STRIDE, ::STRIDE],
        "on_monitor": make_display_mask().T.astype(bool)[::STRIDE, ::STRIDE],
        "warped_rows": monitor.warp_image(
            monitor.natural_scene_image_to_screen(smooth_scene(), origin="upper")
        )[::100],
    }


def smooth_scene() -> np.ndarray:
    """A scene (918, 1174) of smooth bumps, uint8."""
    down, right = np.mgrid[:918, :1174]
    return (127 + 60 * np.sin(down / 37) * np.cos(right / 53) + 50 * np.sin((down + right) / 91)).astype(
        np.uint8
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        np.savez_compressed(sys.argv[1], **ask_allensdk(Path(made)))
