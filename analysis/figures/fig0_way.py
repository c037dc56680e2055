"""Figure 0: the whole way in one picture, from an image to the likeness with the mouse."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from analysis.figures.fig2_rasters import bin_edges, raster
from analysis.figures.fig3_rdms import cluster_order, rdm_panels, show_rdm
from analysis.figures.footer import add_footer
from analysis.figures.palette import variant_colours
from analysis.model_rdms import CONTROL
from analysis.results import NothingToDrawError, ResponseFile, Results
from analysis.rows import best_layer_rows, best_row, over_seeds, shown_network, variants
from analysis.table import Row
from study.responses import HINT, load_layer

CAPTION = (
    "The whole way: an image that the mice saw, the spikes of a network's layer, the dissimilarity of its responses to "
    "all pairs of images, the same for the most reliable site, and how alike they are. The layer is the one with the "
    "highest mean score of its network, as an example. Bars: of each variant the layer chosen on one half of the images "
    "and scored on the other, mean over sites (no interval; dots are seeds); baselines with 95 % intervals."
)
HEIGHT, N_UNITS = 2.1, 60
BASELINE_BARS = ("pixels", "gabor-raw")


def draw(results: Results) -> Figure:
    """Draw five panels with arrows between them."""
    network = shown_network(results) if results.table else ""
    best = best_row(results, lambda row: CONTROL not in row.variant and row.network == network)
    if best is None:
        raise NothingToDrawError(
            f"{results.root / 'rsa.csv'} holds no trained network; give its responses to `python -m analysis rsa`."
        )
    figure = Figure(figsize=(7, HEIGHT))
    side, bottom = 0.165, 0.25
    height = side * 7 / HEIGHT
    left = [0.01, 0.21, 0.41, 0.6, 0.85]
    places = [(x, bottom, side, height) for x in left]
    axes = [figure.add_axes(place) for place in (*places[:4], (left[4], bottom, 0.13, height))]
    stimulus = _raster(axes[1], results, best)
    _image(axes[0], results, stimulus)
    _matrices(axes[2], axes[3], results, network)
    _bars(axes[4], results, network)
    for start, end, text in ((0.177, 0.206, ""), (0.377, 0.406, ""), (0.575, 0.6, "ρ")):
        _arrow(figure, start, end, bottom + height / 2, text)
    add_footer(figure, results)
    return figure


def _file(results: Results, row: Row) -> ResponseFile:
    """Return the responses file of a row of the table."""
    wanted = (row.model, row.network, row.level)
    for file in results.responses:
        if (file.model, file.network, file.level) == wanted:
            return file
    raise NothingToDrawError(f"{results.root / 'responses'} has no file {'--'.join(wanted)}.nc; {HINT}.")


def _raster(axes: Axes, results: Results, best: Row) -> int:
    """Draw the spikes of the best layer to the image that evokes most of them; return the image's id."""
    file = _file(results, best)
    counts, ids = load_layer(file.path, best.layer)
    row = int(counts.sum(axis=(1, 2, 3)).argmax())
    one = counts[row, 0]
    active = np.flatnonzero(one.sum(axis=0))
    chosen = active[np.unique(np.linspace(0, max(len(active) - 1, 0), min(N_UNITS, len(active))).astype(int))]
    colour = variant_colours(variants(results))[best.variant]
    raster(axes, one[:, chosen], bin_edges(file, best.layer), colour)
    axes.set_title(f"{best.variant}\n{best.network} {best.layer}", fontsize=7)
    axes.set_xlabel("time (ms)", labelpad=1, fontsize=7)
    return int(ids[row])


def _image(axes: Axes, results: Results, stimulus: int) -> None:
    index = int(np.flatnonzero(results.stimuli.stimulus == stimulus)[0])
    axes.imshow(results.stimuli.values[index], cmap="gray", vmin=0, vmax=1)
    axes.set_title(f"image {stimulus}", fontsize=7)
    axes.axis("off")


def _matrices(model_axes: Axes, site_axes: Axes, results: Results, network: str) -> None:
    panels = rdm_panels(results, network)
    order = cluster_order(panels[0][1])
    show_rdm(model_axes, panels[1][1], order)
    show_rdm(site_axes, panels[0][1], order)
    model_axes.set_title("network\nall pairs of images", fontsize=7)
    site_axes.set_title(panels[0][0], fontsize=7)
    score = panels[1][2]
    if score is not None:
        site_axes.set_xlabel(f"ρ = {score:.2f}", fontsize=7)


def _bars(axes: Axes, results: Results, network: str) -> None:
    """Draw the mean over sites of every variant's best layer, chosen on other images, and of baselines."""
    names = sorted(variants(results), key=lambda name: CONTROL in name)
    colours = variant_colours(names)
    bars = [(name, over_seeds(best_layer_rows(results, name, network)), colours[name]) for name in names]
    for name in BASELINE_BARS:
        found = [r for r in results.table if r.is_baseline and (r.layer, r.site) == (name, results.mean_site)]
        bars += [(name, over_seeds([row]), "black") for row in found]
    for x, (_, (score, low, high, single), colour) in enumerate(bars):
        axes.bar(x, score, color=colour, width=0.7)
        axes.plot([x, x], [low, high], color="0.55", linewidth=1)
        if len(single) > 1:
            axes.plot([x] * len(single), single, ".", markersize=2.5, color="0.2")
    axes.axhline(0, color="0.4", linewidth=0.6)
    axes.set_xticks(
        range(len(bars)),
        [name for name, _, _ in bars],
        rotation=35,
        ha="right",
        rotation_mode="anchor",
        fontsize=6,
    )
    axes.tick_params(axis="x", length=0, pad=1)
    axes.set_title(f"likeness ({results.table[0].metric}),\n{network}, held-out layer", fontsize=6)


def _arrow(figure: Figure, start: float, end: float, y: float, text: str) -> None:
    style = "<|-|>" if text else "-|>"
    figure.add_artist(
        FancyArrowPatch(
            (start, y),
            (end, y),
            transform=figure.transFigure,
            arrowstyle=style,
            mutation_scale=7,
            color="0.3",
        )
    )
    if text:
        figure.text((start + end) / 2, y + 0.06, text, ha="center", fontsize=7)
