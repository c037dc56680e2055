"""Which rows of the table a figure shows."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable

import numpy as np

from analysis.model_rdms import CONTROL, IMAGE_LAYER
from analysis.results import Results, level_rank
from analysis.rsa import BEST_LAYER
from analysis.table import Row


def main_level(results: Results) -> str:
    """Return the level at which most networks were compared, of several the one nearest to training.

    "" where there is no network. A level that only one network was simulated at would leave its twins out.
    """
    networks = {(row.model, row.network, row.level) for row in results.table if not row.is_baseline}
    counts = collections.Counter(level for _, _, level in networks)
    return min(counts, key=lambda level: (-counts[level], level_rank(level)), default="")


def best_row(results: Results, wanted: Callable[[Row], bool]) -> Row | None:
    """Return the row with the highest mean score over sites among networks' layers, at the main level."""
    level = main_level(results)
    rows = [
        row
        for row in results.table
        if not row.is_baseline
        and row.site == results.mean_site
        and row.level == level
        and row.layer not in (BEST_LAYER, IMAGE_LAYER)
        and np.isfinite(row.score)
        and wanted(row)
    ]
    return max(rows, key=lambda row: row.score, default=None)


def shown_network(results: Results) -> str:
    """Return the network for figures with room for one: the critic, whose input is the image, where it was compared."""
    networks = {row.network for row in results.table if not row.is_baseline}
    return "critic" if "critic" in networks else next(iter(sorted(networks)), "")


def best_layer_rows(results: Results, variant: str, network: str) -> list[Row]:
    """Return the seeds' mean scores over sites of the layer chosen on other images, at the main level.

    A network with a single layer has no choice: the rows of that layer.
    """
    level = main_level(results)
    rows = [
        row
        for row in results.table
        if (row.variant, row.network, row.level, row.site) == (variant, network, level, results.mean_site)
        and row.layer != IMAGE_LAYER
        and not row.is_baseline
    ]
    single = len({row.layer for row in rows}) == 1
    return [row for row in rows if single or row.layer == BEST_LAYER]


def network_layers(results: Results) -> list[tuple[str, str]]:
    """Return (network, layer) of all networks in the order of the table, generators before critics."""
    seen = dict.fromkeys(
        (row.network, row.layer) for row in results.table if not row.is_baseline and row.layer != BEST_LAYER
    )
    return sorted(seen, key=lambda pair: pair[0] == "critic")


def variants(results: Results) -> list[str]:
    """Return the variants of the networks in the table, sorted, untrained twins last."""
    names = {row.variant for row in results.table if not row.is_baseline}
    return sorted(names, key=lambda name: (CONTROL in name, name))


def over_seeds(rows: Iterable[Row]) -> tuple[float, float, float, list[float]]:
    """Return mean score, mean lower and upper limit of the interval, and the single scores of rows that differ in seed.

    The interval says how sure a score is given the images and sites; the spread of the single scores says how much
    training matters.
    """
    scores = np.array([(row.score, row.ci_low, row.ci_high) for row in rows], np.float64).reshape(-1, 3)
    scores = scores[np.isfinite(scores[:, 0])]
    if not len(scores):
        return np.nan, np.nan, np.nan, []
    score, low, high = scores.mean(axis=0)
    return float(score), float(low), float(high), scores[:, 0].tolist()
