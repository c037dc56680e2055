"""Figure 6: what every level of description keeps of the network as it was trained."""

from __future__ import annotations

import csv
from collections import defaultdict

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import t as student

from analysis.figures.footer import above_footer, add_footer
from analysis.figures.palette import COLOURS
from analysis.results import NothingToDrawError, Results, level_rank
from study.files import require_file

CAPTION = (
    "Fidelity of every level to level exact, layer by layer, on inputs that were kept from matching; points are means over "
    "networks, bars 95 % intervals over networks (Student), where there are at least two. Left: correlation of spike counts. "
    "Middle: rate, with the floor of 10 % in gray. Right: correlation of RDMs. Hollow: below a floor."
)
MEASURES = (
    ("count_correlation", "spike-count correlation"),
    ("rate_ratio", "rate / rate of exact"),
    ("rdm_correlation", "RDM correlation"),
)
Key = tuple[str, str, str]  # network, layer, level


def draw(results: Results) -> Figure:
    """Draw one column per measure and one row per kind of network."""
    rows = load_fidelity(results)
    networks = sorted({key[0] for key in rows})
    height = 0.75 + 1.7 * len(networks)
    figure = Figure(figsize=(7, height), layout=above_footer(height))
    grid = figure.subplots(len(networks), len(MEASURES), squeeze=False)
    for axes_row, network in zip(grid, networks, strict=True):
        for axes, (measure, label) in zip(axes_row, MEASURES, strict=True):
            _panel(axes, rows, network, measure)
            axes.set_ylabel(label)
        axes_row[0].set_title(f"{network}: {_n_networks(rows, network)} network(s)", fontsize=7)
        axes_row[-1].legend(loc="lower left", handlelength=1.2)
    add_footer(figure, results)
    return figure


def load_fidelity(results: Results) -> dict[Key, list[dict[str, str]]]:
    """Return the rows of all `fidelity/*.csv` by network, layer and level; one row per model in each.

    Raises
    ------
    NothingToDrawError
        If there are none.
    """
    found: dict[Key, list[dict[str, str]]] = defaultdict(list)
    for path in sorted((results.root / "fidelity").glob("*.csv")):
        with open(require_file(path, "fidelity", ""), newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if row["layer"] != "image" and row.get("alone") != "true":
                    found[row["network"], row["layer"], row["level"]].append(row)
    if not found:
        raise NothingToDrawError(
            f"{results.root / 'fidelity'} holds no tables; make them with `python -m bio fidelity`."
        )
    return dict(found)


def interval(values: list[float]) -> tuple[float, float, float]:
    """Return (mean, low, high), the 95 % interval of the mean by Student's t; the mean alone for one value."""
    x = np.array(values)
    mean = float(x.mean())
    if len(x) < 2:
        return mean, mean, mean
    half = float(student.ppf(0.975, len(x) - 1) * x.std(ddof=1) / np.sqrt(len(x)))
    return mean, mean - half, mean + half


def _n_networks(rows: dict[Key, list[dict[str, str]]], network: str) -> int:
    return max(len(found) for key, found in rows.items() if key[0] == network)


def _panel(axes: Axes, rows: dict[Key, list[dict[str, str]]], network: str, measure: str) -> None:
    levels = sorted({key[2] for key in rows if key[0] == network}, key=level_rank)
    layers = list(dict.fromkeys(key[1] for key in rows if key[0] == network))
    if measure == "rate_ratio":
        axes.axhspan(0.9, 1.1, color="0.9", linewidth=0)
    for k, layer in enumerate(layers):
        colour = COLOURS[k % len(COLOURS)]
        x, means = [], []
        for i, level in enumerate(levels):
            found = rows.get((network, layer, level), [])
            values = [float(row[measure]) for row in found if row[measure]]
            if not values:
                continue
            mean, low, high = interval(values)
            x.append(i + 0.1 * (k - (len(layers) - 1) / 2))
            means.append(mean)
            axes.plot([x[-1], x[-1]], [low, high], color=colour, linewidth=0.8)
            passed = all(row["passed"] == "true" for row in found)
            axes.plot(x[-1], mean, "o", color=colour, markerfacecolor=colour if passed else "white")
        axes.plot(x, means, "-", color=colour, linewidth=0.8, label=layer)
    axes.set_xticks(range(len(levels)), levels)
