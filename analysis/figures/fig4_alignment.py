"""Figure 4: likeness with the mouse, layer by layer and site by site, beside baselines, twins and ceilings."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from analysis.figures.footer import add_footer
from analysis.figures.palette import BASELINES, CEILING_COLOUR, site_name, variant_colours
from analysis.results import NothingToDrawError, Results
from analysis.rows import main_level, network_layers, over_seeds, variants
from analysis.rsa import BEST_LAYER
from analysis.table import Row

CAPTION = (
    "Likeness of RDMs. Left: mean over sites for every layer and baseline; bars are 95 % intervals over images and "
    "sites, small dots single training seeds. Right: site by site, for a network the layer chosen on one half of the "
    "images and scored on the other. Gray: ceiling, by default from the mean RDM of the other sites to that of all; "
    "where it lies outside the axis, an arrow says so. Untrained twins are gray."
)
MAX_MARKERS = 8  # per site
CEILING_NAMES = {
    "sites": "ceiling (other sites)",
    "area": "ceiling (other layers of the area)",
    "pairs": "single other sites, mean to highest",
    "trials": "ceiling (trials)",
    "neurons": "ceiling (halves of the cells)",
}


def draw(results: Results) -> Figure:
    """Draw both panels and one legend."""
    if not results.table:
        raise NothingToDrawError(
            f"{results.root / 'rsa.csv'} holds no rows; run `python -m analysis rsa` again."
        )
    names, layers = variants(results), network_layers(results)
    sites = [row.site for row in results.table if row.model == results.table[0].model]
    sites = [s for s in dict.fromkeys(sites) if not s.startswith("mean-")]
    baselines = [row.layer for row in results.table if row.is_baseline and row.site == results.mean_site]
    n_rows = max(len(sites), len(baselines) + len(layers) * max(1, len(names)) * 0.45)
    height = 1.35 + 0.17 * n_rows + 0.16 * (len(names) // 3)
    figure = Figure(figsize=(7, height))
    bottom, tall = 0.95 + 0.14 * (len(names) // 3), height - 1.25 - 0.14 * (len(names) // 3)
    left = figure.add_axes((0.175, bottom / height, 0.36, tall / height))
    right = figure.add_axes((0.645, bottom / height, 0.345, tall / height))
    _layers(left, results, names, layers, baselines)
    _sites(right, results, names, sites)
    _legend(figure, results, names)
    add_footer(figure, results)
    return figure


def _select(results: Results, **wanted: str) -> list[Row]:
    return [r for r in results.table if all(getattr(r, name) == value for name, value in wanted.items())]


def _layers(
    axes: Axes,
    results: Results,
    names: list[str],
    layers: list[tuple[str, str]],
    baselines: list[str],
) -> None:
    """Draw the mean over sites: baselines first, then the layers; variants share a row."""
    colours, level = variant_colours(names), main_level(results)
    labels = [*baselines, *(f"{network} {layer}" for network, layer in layers)]
    for y, name in enumerate(baselines):
        marker = BASELINES.get(name, ("black", "o"))[1]
        rows = _select(results, experiment="baseline", layer=name, site=results.mean_site)
        _point(axes, y, rows, "black", marker)
    offsets = np.linspace(-0.32, 0.32, len(names)) if len(names) > 1 else np.zeros(len(names))
    for y, (network, layer) in enumerate(layers, start=len(baselines)):
        for name, offset in zip(names, offsets, strict=True):
            rows = _select(
                results, variant=name, network=network, layer=layer, level=level, site=results.mean_site
            )
            _point(axes, y + offset, [r for r in rows if not r.is_baseline], colours[name], "o")
    for edge in np.arange(len(baselines), len(labels)) - 0.5:
        axes.axhline(edge, color="0.9", linewidth=0.5, zorder=0)
    axes.set(yticks=range(len(labels)), yticklabels=labels, ylim=(len(labels) - 0.4, -0.6))
    axes.set_title(f"mean over sites ({_site_words(results)})", loc="left")
    _axis(axes, results)
    _mean_ceiling(axes, results)


def _site_words(results: Results) -> str:
    n = len({row.site for row in results.table if not row.is_mean})
    return "good ones" if results.mean_site.startswith("mean-good") else f"all {n}"


def _point(axes: Axes, y: float, rows: list[Row], colour: str, marker: str) -> None:
    score, low, high, single = over_seeds(rows)
    if np.isnan(score):
        return
    if len(single) > 1:
        axes.plot(single, [y] * len(single), ".", markersize=2.5, color=colour, alpha=0.6, zorder=2)
    if np.isfinite(low):
        axes.plot([low, high], [y, y], color=colour, linewidth=1)
    axes.plot(score, y, marker, color=colour, markersize=3.8, zorder=3)


def _axis(axes: Axes, results: Results) -> None:
    axes.axvline(0, color="0.4", linewidth=0.6, zorder=0)
    axes.set_xlabel(
        f"likeness with the {'simulated V1' if results.simulated else 'mouse'} ({results.table[0].metric})"
    )
    axes.tick_params(axis="y", length=0)


def _mean_ceiling(axes: Axes, results: Results) -> None:
    """Shade the ceiling of the mean where it is in sight, else point to it."""
    row = _select(results, site=results.mean_site)[0]
    limit = axes.get_xlim()[1]
    if np.isnan(row.ceiling_lower):
        return
    if row.ceiling_lower < 1.5 * limit:
        axes.axvspan(row.ceiling_lower, row.ceiling_upper, color=CEILING_COLOUR, linewidth=0, zorder=-1)
        axes.set_xlim(right=max(limit, min(row.ceiling_upper, 1.25 * row.ceiling_lower)))
        return
    text = f"ceiling {row.ceiling_lower:.2f} to {row.ceiling_upper:.2f} →"
    axes.text(1, 1.005, text, transform=axes.transAxes, ha="right", va="bottom", fontsize=6, color="0.35")


def _sites(axes: Axes, results: Results, names: list[str], sites: list[str]) -> None:
    """Draw one row per site: ceiling band, baselines, and each variant's best layer, chosen on other images."""
    colours, level = variant_colours(names), main_level(results)
    networks = _networks_by_site(results, names)
    shown = [(network, name) for network in networks for name in names]
    for y, site in enumerate(sites):
        row = _select(results, site=site)[0]
        if np.isfinite(row.ceiling_lower):
            axes.barh(
                y,
                row.ceiling_upper - row.ceiling_lower,
                left=row.ceiling_lower,
                height=0.8,
                color=CEILING_COLOUR,
            )
        for name, (colour, marker) in BASELINES.items():
            for found in _select(results, experiment="baseline", layer=name, site=site):
                axes.plot(
                    found.score,
                    y,
                    marker,
                    color=colour,
                    markersize=3,
                    markerfacecolor="none",
                    markeredgewidth=0.8,
                )
        for k, (network, name) in enumerate(shown):
            rows = _select(results, variant=name, network=network, level=level, layer=BEST_LAYER, site=site)
            marker = "o" if network == "critic" else "P"
            offset = 0.3 * (2 * k + 1 - len(shown)) / max(len(shown), 1)
            axes.plot(
                over_seeds(rows)[0],
                y + offset,
                marker,
                color=colours[name],
                markersize=3.4,
                markeredgewidth=0,
            )
    axes.set(yticks=range(len(sites)), yticklabels=map(site_name, sites), ylim=(len(sites) - 0.4, -0.6))
    axes.set_title(
        f"site by site, held-out best layer{' of the ' + networks[0] if len(networks) == 1 else ''}",
        loc="left",
    )
    _axis(axes, results)


def _networks_by_site(results: Results, names: list[str]) -> list[str]:
    """Return the networks of the right panel, critics last; only these where both would crowd it."""
    networks = sorted({network for network, _ in network_layers(results)}, key=lambda n: n == "critic")
    return networks if len(names) * len(networks) <= MAX_MARKERS else networks[-1:]


def _legend(figure: Figure, results: Results, names: list[str]) -> None:
    colours = variant_colours(names)
    networks = _networks_by_site(results, names)
    handles: list[Line2D | Patch] = [
        Line2D([], [], color=colours[n], marker="o", linestyle="-", linewidth=1, label=n) for n in names
    ]
    if len(networks) > 1:
        handles += [
            Line2D(
                [],
                [],
                color="0.3",
                marker=m,
                linestyle="",
                label=f"{n} (right)",
                markersize=3.6,
                markeredgewidth=0,
            )
            for n, m in (("critic", "o"), ("generator", "P"))
        ]
    shown = {row.layer for row in results.table if row.is_baseline}
    handles += [
        Line2D([], [], color=c, marker=m, linestyle="", markerfacecolor="none", markersize=3.5, label=n)
        for n, (c, m) in BASELINES.items()
        if n in shown
    ]
    handles.append(Patch(color=CEILING_COLOUR, label=CEILING_NAMES[results.table[0].ceiling]))
    figure.legend(
        handles=handles,
        loc="lower center",
        bbox_to_anchor=(0.5, 0.2 / figure.get_figheight()),
        ncols=5,
        columnspacing=1.2,
    )
