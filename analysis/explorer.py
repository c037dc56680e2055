"""Data of the report's RDM explorer: every matrix and every image, small enough to travel inside the page."""

from __future__ import annotations

import base64
import io
import json
import math
from typing import Any

import matplotlib
import numpy as np
from PIL import Image

from analysis.figures.fig3_rdms import cluster_order
from analysis.model_rdms import ModelRdm
from analysis.results import Results
from study.netcdf import read_group

# Matrices travel as 16 bits per pair, 18 kB for 118 images: so many keep the page below a few MB.
MAX_MATRICES = 120
UNDEFINED = 2**16 - 1
N_COLOURS = 256


def explorer_data(results: Results) -> dict[str, Any]:
    """Return what the page's script reads: images, order, colours and matrices.

    Parameters
    ----------
    results : Results

    Returns
    -------
    dict
        `stimulus` (ids), `order` (indices, images of a kind side by side), `sprite` (PNG, base64), `columns` and `side`
        of it, `colours` (base64, RGB), `matrices` (list of name, group, low, high, pairs) and `omitted` (how many
        matrices did not fit).
    """
    ids, models = _model_matrices(results)
    recording = results.recording
    rows = _rows_of(recording.stimulus, ids, "recording")
    groups = [("recording", str(site), matrix[np.ix_(rows, rows)])
              for site, matrix in zip(recording.site, recording.dissimilarity, strict=True)]  # fmt: skip
    groups += [("baseline" if m.is_baseline else "network", _name(m), m.matrix) for m in models]
    images = results.stimuli.values[_rows_of(results.stimuli.stimulus, ids, "stimuli")]
    colours = matplotlib.colormaps["cividis"](np.linspace(0, 1, N_COLOURS))[:, :3]
    return {
        "stimulus": [int(i) for i in ids],
        "order": [int(i) for i in cluster_order(groups[0][2])],
        **_sprite(images),
        "colours": _base64((colours * 255).round().astype(np.uint8).tobytes()),
        "matrices": [_packed(*group) for group in groups[:MAX_MATRICES]],
        "omitted": max(0, len(groups) - MAX_MATRICES),
    }


def explorer_json(results: Results) -> str:
    """Return `explorer_data` as JSON that can stand inside a script element."""
    return json.dumps(explorer_data(results), separators=(",", ":")).replace("<", "\\u003c")


def _model_matrices(results: Results) -> tuple[np.ndarray, list[ModelRdm]]:
    """Return image ids and model RDMs: baselines, then the lowest seed of each network, layer by layer."""
    ids = read_group(results.root / "rdms.nc", "model RDMs", "").stimulus.values
    seen: dict[tuple[str, ...], ModelRdm] = {}
    for entry in results.rdms:
        seen.setdefault((entry.model.split("/seed-")[0], entry.network, entry.level, entry.layer), entry)
    return ids, sorted(seen.values(), key=lambda entry: not entry.is_baseline)


def _rows_of(stimulus: np.ndarray, wanted: np.ndarray, what: str) -> np.ndarray:
    place = {int(frame): row for row, frame in enumerate(stimulus)}
    missing = [int(frame) for frame in wanted if int(frame) not in place]
    if missing:
        raise ValueError(
            f"the {what} lack {len(missing)} of the images of rdms.nc (first: {missing[0]}); run `python -m analysis rsa` "
            "again on these files."
        )
    return np.array([place[int(frame)] for frame in wanted])


def _name(entry: ModelRdm) -> str:
    if entry.is_baseline:
        return entry.layer
    return f"{entry.model} {entry.network} {entry.level} {entry.layer}"


def _packed(group: str, name: str, matrix: np.ndarray) -> dict[str, Any]:
    """Return a matrix's upper triangle, row by row, as 16-bit numbers from `low` to `high`."""
    pairs = matrix[np.triu_indices(len(matrix), 1)].astype(np.float64)
    defined = pairs[np.isfinite(pairs)]
    low, high = (float(defined.min()), float(defined.max())) if len(defined) else (0.0, 1.0)
    steps = np.full(len(pairs), UNDEFINED, np.uint16)
    scaled = (pairs - low) / ((high - low) or 1.0) * (UNDEFINED - 1)
    steps[np.isfinite(pairs)] = scaled[np.isfinite(pairs)].round().astype(np.uint16)
    return {"group": group, "name": name, "low": low, "high": high,
            "pairs": _base64(steps.astype("<u2").tobytes())}  # fmt: skip


def _sprite(images: np.ndarray) -> dict[str, Any]:
    """Return all images in one PNG, `columns` beside one another, each `side` pixels wide."""
    n, side = len(images), images.shape[-1]
    columns = math.ceil(math.sqrt(n))
    sheet = np.zeros((math.ceil(n / columns) * side, columns * side), np.uint8)
    for i, image in enumerate(images):
        y, x = (i // columns) * side, (i % columns) * side
        sheet[y : y + side, x : x + side] = (image * 255).round()
    file = io.BytesIO()
    Image.fromarray(sheet).save(file, format="PNG")
    return {"sprite": _base64(file.getvalue()), "columns": columns, "side": side}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
