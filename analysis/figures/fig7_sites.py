"""Figure 7: the recorded sites among themselves, without any model: the RDM of their RDMs, and their ceilings."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.ceiling import ceiling
from analysis.compare import compare_many
from analysis.figures.footer import add_footer
from analysis.figures.palette import COLOURS, site_name
from analysis.inclusion import excluded
from analysis.recording_file import Recording
from analysis.results import NothingToDrawError, Results

METRIC = "spearman"
CAPTION = (
    "The recorded sites among themselves. Left: how unlike their dissimilarities are (1 - Spearman's correlation of two sites' "
    "RDMs), sites by area and depth. Right: how well a model of a site could do: from the mean RDM of the other sites to that of "
    "all (bars), and from half of the trials to a model without noise (lines; Pearson, within the recorded cells). Sites agree "
    "with each other far less than trials do. An asterisk marks a site that the inclusion list keeps out of comparisons with models."
)
MIN_SITES = 3


def draw(results: Results) -> Figure:
    """Draw the matrix and the ceilings, one row of sites for both."""
    recording = results.recording
    n = len(recording.site)
    if n < MIN_SITES:
        raise NothingToDrawError(
            f"{results.root / 'recording.nc'} holds {n} sites; at least {MIN_SITES} are needed to compare them."
        )
    side = max(1.6, 0.165 * n)
    height = side + 1.05
    figure = Figure(figsize=(7, height))
    left, bottom = 0.85, 0.72
    axes = figure.add_axes((left / 7, bottom / height, side / 7, side / height))
    _matrix(axes, recording)
    bar = figure.add_axes(((left + side + 0.08) / 7, bottom / height, 0.1 / 7, side / height))
    figure.colorbar(axes.images[0], cax=bar).ax.tick_params(labelsize=6)
    start = left + side + 0.7
    right = figure.add_axes((start / 7, bottom / height, (6.85 - start) / 7, side / height))
    _ceilings(right, recording)
    add_footer(figure, results)
    return figure


def second_order(recording: Recording) -> np.ndarray:
    """Return 1 - Spearman's correlation between the RDMs of all sites: (site, site), zero on the diagonal."""
    likeness = compare_many(recording.dissimilarity, recording.dissimilarity, METRIC)
    matrix = 1 - (likeness + likeness.T) / 2
    np.fill_diagonal(matrix, 0)
    return matrix


def _matrix(axes: Axes, recording: Recording) -> None:
    matrix = second_order(recording)
    shown = np.where(np.eye(len(matrix), dtype=bool), np.nan, matrix)
    lowest = np.floor(10 * np.nanmin(shown)) / 10
    axes.imshow(shown, vmin=lowest, vmax=1, interpolation="nearest")
    left_out = excluded("site")
    names = [site_name(str(site)) + " *" * (str(site) in left_out) for site in recording.site]
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=6)
    axes.set_yticks(range(len(names)), names, fontsize=6)
    axes.tick_params(length=0)
    for edge in np.flatnonzero(recording.area[1:] != recording.area[:-1]) + 0.5:
        axes.axhline(edge, color="white", linewidth=0.8)
        axes.axvline(edge, color="white", linewidth=0.8)
    axes.set_title("1 - ρ between the RDMs of sites", loc="left", fontsize=7)


def _ceilings(axes: Axes, recording: Recording) -> None:
    """Draw per site the bounds from other sites and those from trials."""
    rows = np.arange(len(recording.site))
    for name, colour, offset, width, label in (
        ("sites", COLOURS[0], -0.14, 4.0, "other sites, to all (Spearman)"),
        ("trials", COLOURS[1], 0.2, 1.2, "half of the trials, to no noise (Pearson)"),
    ):
        lower, upper = ceiling(recording, name, METRIC)
        axes.hlines(rows + offset, lower, upper, color=colour, linewidth=width, label=label)
    axes.set(xlim=(0, 1), ylim=(len(rows) - 0.5, -0.5), yticks=rows, xlabel="ceiling of a score")
    axes.set_yticklabels([f"{n}" for n in recording.n_cells], fontsize=6)
    axes.tick_params(axis="y", length=0)
    axes.text(-0.02, 1.005, "cells", transform=axes.transAxes, fontsize=6, ha="right", va="bottom")
    axes.grid(axis="x", color="0.9", linewidth=0.5)
    axes.set_axisbelow(True)
    axes.legend(fontsize=6, loc="lower left", bbox_to_anchor=(0, 1), frameon=False, borderaxespad=0.2)
