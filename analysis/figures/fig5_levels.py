"""Figure 5: whether the likeness with the mouse survives biophysics."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.footer import above_footer, add_footer
from analysis.figures.palette import BASELINES, variant_colours
from analysis.results import NothingToDrawError, Results, level_rank
from analysis.rows import network_layers, over_seeds, variants

CAPTION = (
    "Mean likeness over sites of every layer, from torch to the most biophysical level that was simulated; bars are "
    "95 % intervals over images and sites. Dashed: pixels and raw Gabor energy."
)
MAX_COLUMNS = 4


def draw(results: Results) -> Figure:
    """Draw one panel per layer; a line per variant."""
    levels = sorted({r.level for r in results.table if not r.is_baseline}, key=level_rank)
    if len(levels) < 2:
        raise NothingToDrawError(
            f"{results.root / 'rsa.csv'} holds the levels {levels}; at least two are needed: give the responses of "
            "`python -m bio simulate` to `python -m analysis rsa` as well."
        )
    panels = [p for p in network_layers(results) if _n_levels(results, p) > 1]
    columns = min(MAX_COLUMNS, len(panels))
    n_rows = -(-len(panels) // columns)
    height = 0.75 + 1.5 * n_rows
    figure = Figure(figsize=(7, height), layout=above_footer(height))
    grid = figure.subplots(n_rows, columns, sharey=True, squeeze=False)
    for axes, panel in zip(grid.flat, panels, strict=False):
        _panel(axes, results, panel, levels)
    for axes in list(grid.flat)[len(panels) :]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel(f"likeness ({results.table[0].metric})")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(5, max(1, len(labels))))
    add_footer(figure, results)
    return figure


def _n_levels(results: Results, panel: tuple[str, str]) -> int:
    return len({r.level for r in results.table if (r.network, r.layer) == panel and not r.is_baseline})


def _panel(axes: Axes, results: Results, panel: tuple[str, str], levels: list[str]) -> None:
    names = variants(results)
    colours = variant_colours(names)
    rows = [r for r in results.table if (r.network, r.layer, r.site) == (*panel, results.mean_site)]
    for k, name in enumerate(names):
        points = [over_seeds(r for r in rows if (r.variant, r.level) == (name, level)) for level in levels]
        x = [i + 0.1 * (k - (len(names) - 1) / 2) for i in range(len(levels))]
        axes.plot(x, [p[0] for p in points], "o-", color=colours[name], label=name)
        for x_, (_, low, high, _) in zip(x, points, strict=True):
            axes.plot([x_, x_], [low, high], color=colours[name], linewidth=0.8)
    for row in results.table:
        if row.site == results.mean_site and row.is_baseline and row.layer in ("pixels", "gabor-raw"):
            style = {"pixels": "--", "gabor-raw": "-."}[row.layer]
            colour = BASELINES[row.layer][0]
            axes.axhline(row.score, color=colour, linestyle=style, linewidth=0.8, label=row.layer)
    axes.set_title(" ".join(panel), fontsize=7)
    axes.set_xticks(range(len(levels)), levels)
