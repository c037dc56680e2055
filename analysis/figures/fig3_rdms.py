"""Figure 3: the RDM of a layer beside those of the mouse, of the pixels and of Gabor energy."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

from analysis.figures.footer import add_footer
from analysis.figures.palette import site_name
from analysis.model_rdms import CONTROL, ModelRdm
from analysis.rdm import defined_images
from analysis.results import NothingToDrawError, Results
from analysis.rows import best_row

CAPTION = (
    "Representational dissimilarity of all pairs of images: the recorded site with the highest reliability, the layer "
    "with the highest mean score of all that were compared, and baselines. Ranks within each matrix, one colour scale; images are in the order "
    "of a hierarchical clustering of the recorded site. Images without any spike are left white."
)
BASELINES = ("pixels", "gabor-raw")
HEIGHT = 2.15


def draw(results: Results) -> Figure:
    """Draw the matrices in one row."""
    panels = rdm_panels(results)
    figure = Figure(figsize=(7, HEIGHT))
    order = cluster_order(panels[0][1])
    width, gap = 0.215, 0.012
    for column, (title, matrix, score) in enumerate(panels):
        axes = figure.add_axes((0.035 + column * (width + gap), 0.13, width, width * 7 / HEIGHT))
        image = show_rdm(axes, matrix, order)
        axes.set_title(title if score is None else f"{title}\nρ = {score:.2f}", fontsize=7)
    figure.text(
        0.012, 0.13 + width * 7 / HEIGHT / 2, "image", rotation=90, va="center", ha="left", fontsize=7
    )
    bar_axes = figure.add_axes((0.042 + len(panels) * (width + gap), 0.2, 0.012, 0.45))
    bar = figure.colorbar(image, cax=bar_axes, ticks=[0, 1])
    bar.ax.set_yticklabels(["alike", "unlike"], rotation=90, va="center")
    add_footer(figure, results)
    return figure


def rdm_panels(results: Results, network: str = "") -> list[tuple[str, np.ndarray, float | None]]:
    """Return (title, matrix, score with the site) of the site, the best layer (of `network`) and the baselines."""
    recording = results.recording
    site = int(np.nanargmax(np.where(np.isnan(recording.ceiling), -1, recording.ceiling)))
    name = str(recording.site[site])
    label = "simulated V1" if results.simulated else "mouse"
    panels: list[tuple[str, np.ndarray, float | None]] = [
        (f"{label}\n{site_name(name)}", recording.dissimilarity[site], None)
    ]
    for title, entry in _models(results, network):
        panels.append((title, entry.matrix, _score(results, entry, name)))
    return panels


def _models(results: Results, network: str) -> list[tuple[str, ModelRdm]]:
    by_label = {entry.label: entry for entry in results.rdms}
    chosen = []
    best = best_row(results, lambda row: CONTROL not in row.variant and network in ("", row.network))
    if best is not None:
        entry = by_label["|".join((best.model, best.network, best.level, best.layer))]
        chosen.append((f"{best.variant} {best.network}, {best.layer}", entry))
    for name in BASELINES:
        label = f"baseline/{name}|||{name}"
        if label in by_label:
            chosen.append((name, by_label[label]))
    if not chosen:
        raise NothingToDrawError(
            f"{results.root / 'rdms.nc'} holds neither a network's layer nor a baseline."
        )
    return chosen


def _score(results: Results, entry: ModelRdm, site: str) -> float | None:
    for row in results.table:
        if (row.model, row.network, row.level, row.layer, row.site) == (
            entry.model,
            entry.network,
            entry.level,
            entry.layer,
            site,
        ):
            return row.score
    return None


def cluster_order(matrix: np.ndarray) -> np.ndarray:
    """Return the order of images in an average-linkage clustering of an RDM."""
    return leaves_list(linkage(squareform(matrix, checks=False), "average", optimal_ordering=True))


def ranked(matrix: np.ndarray) -> np.ndarray:
    """Return ranks of the pairs from 0 to 1; NaN for undefined images and on the diagonal."""
    defined = defined_images(matrix)
    rows, columns = np.nonzero(np.triu(np.outer(defined, defined), 1))
    ranks = rankdata(matrix[rows, columns])
    result = np.full(matrix.shape, np.nan)
    result[rows, columns] = result[columns, rows] = (ranks - 1) / max(len(ranks) - 1, 1)
    return result


def show_rdm(axes: Axes, matrix: np.ndarray, order: np.ndarray) -> AxesImage:
    """Draw one rank-transformed RDM with images in `order`."""
    values = ranked(matrix)[np.ix_(order, order)]
    image = axes.imshow(values, vmin=0, vmax=1, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    return image
