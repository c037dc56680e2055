"""Figure 2: spikes of the same units to the same stimulus in torch and in Brian2."""

from __future__ import annotations

import itertools

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.footer import above_footer, add_footer
from analysis.figures.palette import COLOURS
from analysis.model_rdms import CONTROL
from analysis.results import NothingToDrawError, ResponseFile, Results
from study.netcdf import read_group
from study.responses import HINT, layer_names, load_layer

CAPTION = (
    "Spikes to one stimulus, layer by layer, in torch and in Brian2 (units that spike, evenly picked; the same ones in "
    "each column). Titles compare all units and all stimuli with the left column."
)
N_UNITS, MAX_LAYERS, MAX_LEVELS = 40, 5, 4


def draw(results: Results) -> Figure:
    """Draw a grid of rasters: layers by levels."""
    files = _network(results)
    layers = layer_names(files[0].path)[:MAX_LAYERS]
    height = 0.5 + 1.15 * len(layers) + 0.35
    figure = Figure(figsize=(7, height), layout=above_footer(height))
    grid = figure.subplots(len(layers), len(files), sharex=True, squeeze=False)
    stimulus = int(load_layer(files[0].path, layers[0])[0].sum(axis=(1, 2, 3)).argmax())
    for row, layer in enumerate(layers):
        reference, _ = load_layer(files[0].path, layer)
        units = _units(reference[stimulus, 0])
        for column, file in enumerate(files):
            counts, _ = load_layer(file.path, layer)
            axes = grid[row, column]
            raster(axes, counts[stimulus, 0][:, units], bin_edges(file, layer), COLOURS[column])
            comparison = "" if column == 0 else _comparison(counts, reference)
            axes.set_title((f"{file.level}\n" if row == 0 else "") + comparison, fontsize=7)
        grid[row, 0].set_ylabel(f"{layer}\n{reference.shape[-1]} units", fontsize=7)
    for axes in grid[-1]:
        axes.set_xlabel("time (ms)")
    figure.suptitle(f"{files[0].model}, {files[0].network}", fontsize=8, weight="bold")
    add_footer(figure, results)
    return figure


def _network(results: Results) -> list[ResponseFile]:
    """Return the levels of the network that has the most of them; critics before generators."""
    grouped = itertools.groupby(results.responses, key=lambda f: (f.model, f.network))
    networks = [list(group)[:MAX_LEVELS] for _, group in grouped]
    if not networks:
        raise NothingToDrawError(f"{results.root / 'responses'} holds no responses; {HINT}.")
    return max(
        networks, key=lambda files: (len(files), files[0].network == "critic", CONTROL not in files[0].model)
    )


def bin_edges(file: ResponseFile, layer: str) -> np.ndarray:
    """Return the edges of a layer's time bins in ms."""
    return read_group(file.path, "responses", HINT, group=layer)["bin_edges_ms"].values


def _units(counts: np.ndarray) -> np.ndarray:
    """Return up to 40 units, evenly picked from those that spike (from all where none does)."""
    active = np.flatnonzero(counts.sum(axis=0))
    pool = active if len(active) else np.arange(counts.shape[1])
    return pool[np.unique(np.linspace(0, len(pool) - 1, min(N_UNITS, len(pool))).astype(int))]


def raster(axes: Axes, counts: np.ndarray, edges_ms: np.ndarray, colour: str) -> None:
    """Draw one mark per unit and time bin with a spike.

    Parameters
    ----------
    axes : Axes
    counts : array, (time_bin, unit)
    edges_ms : array, (time_bin + 1,)
    colour : str
    """
    bins, units = np.nonzero(counts)
    centre = (edges_ms[:-1] + edges_ms[1:]) / 2
    axes.plot(
        centre[bins], units, linestyle="", marker="|", markersize=2.2, markeredgewidth=0.9, color=colour
    )
    axes.set(xlim=(edges_ms[0], edges_ms[-1]), ylim=(-1, counts.shape[1]), yticks=[])


def _comparison(counts: np.ndarray, reference: np.ndarray) -> str:
    """Say how two sets of counts differ: place by place where bins agree, else by their totals."""
    if counts.shape == reference.shape:
        different = int((counts != reference).sum())
        if different == 0:
            return "0 mismatches"
        return f"{different:,} of {counts.size:,} bins differ"
    total, other = int(reference.sum()), int(counts.sum())
    return f"{other:,} spikes ({total:,} left)"
