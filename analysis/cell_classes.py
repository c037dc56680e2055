"""Sites split by the class of their cells, where a recording says it of its units."""

from __future__ import annotations

import dataclasses

import numpy as np

from analysis.recording_file import Recording
from analysis.trials import trial_recording
from analysis.unit_choice import MIN_UNITS
from study.commands import unknown

CELL_CLASSES = ("cre_line", "layer", "area", "session")
UNKNOWN = "unknown"


def split_sites(recording: Recording, cell_class: str, min_units: int = MIN_UNITS) -> Recording:
    """Return a recording with one site, and so one RDM, per site and class of its cells: `VISp_layer5/Fezf2-CreER`.

    Parameters
    ----------
    recording : Recording
        With single trials.
    cell_class : str
        One of `CELL_CLASSES`. Units of which it is not said are a class of their own, `unknown`.
    min_units : int
        Smaller classes are left out, and named in the attribute `dropped_classes`.

    Raises
    ------
    ValueError
        For an unknown class, without single trials, where no unit has the class, or where all classes are too small.
    """
    if cell_class not in CELL_CLASSES:
        raise unknown("cell class", cell_class, CELL_CLASSES)
    if recording.response is None or recording.units is None:
        raise ValueError(
            f"the recording holds ready RDMs, not single cells, so it cannot be split by {cell_class}; take a source with "
            "single trials."
        )
    classes = np.array([_name(value) for value in getattr(recording.units, cell_class)])
    if (classes == UNKNOWN).all():
        raise ValueError(
            f"the recording says the {cell_class} of none of its {len(classes)} units; split by another of "
            f"{', '.join(CELL_CLASSES)}, or not at all."
        )
    sites = np.array([f"{site}/{name}" for site, name in zip(recording.units.site, classes, strict=True)])
    names, counts = np.unique(sites, return_counts=True)
    small = {str(name): int(n) for name, n in zip(names, counts, strict=True) if n < min_units}
    keep = ~np.isin(sites, list(small))
    if not keep.any():
        raise ValueError(
            f"every class of cells has fewer than {min_units} units ({_listed(small)}); do not split the sites."
        )
    units = dataclasses.replace(recording.units, site=sites).take(keep)
    facts = {**recording.attributes, "cell_class": cell_class, "dropped_classes": _listed(small)}
    z_score = recording.attributes.get("z_score") == "true"
    return trial_recording(recording.response[:, :, keep], recording.stimulus, units, facts, z_score)


def _name(value: object) -> str:
    return UNKNOWN if str(value) in ("", "-1") else str(value)


def _listed(classes: dict[str, int]) -> str:
    return ", ".join(f"{name} ({n} units)" for name, n in classes.items())
