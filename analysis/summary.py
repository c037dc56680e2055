"""The summary: what a study found, as text that fits on a screen."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator

from analysis.figures.footer import footer_text
from analysis.model_rdms import CONTROL
from analysis.results import Results, level_rank
from analysis.rows import main_level, over_seeds, variants
from analysis.rsa import BEST_LAYER
from analysis.table import Row

QUALITY = ("FAD",)


def summary(results: Results) -> str:
    """Return the summary: source, baselines, networks, differences from untrained twins, levels, image quality, checks against torch."""
    parts = (_head, _baselines, _networks, _differences, _levels, _metrics, _inversions, _checks, _places)
    blocks = ["\n".join(part(results)) for part in parts]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _head(results: Results) -> Iterator[str]:
    text, warning = footer_text(results)
    yield f"{'!' * 3} {text} {'!' * 3}" if warning else text
    if results.table:
        row = results.table[0]
        yield (
            f"Likeness of RDMs: {row.metric}, {len(results.recording.stimulus)} images, {results.mean_site} sites, "
            f"95 % intervals; ceiling ({row.ceiling}) {_ceiling(results)}."
        )


def _ceiling(results: Results) -> str:
    row = next(r for r in results.table if r.site == results.mean_site)
    return f"{row.ceiling_lower:.2f} to {row.ceiling_upper:.2f}"


def _mean_rows(results: Results) -> list[Row]:
    return [row for row in results.table if row.site == results.mean_site]


def _line(rows: list[Row], name: str) -> str:
    score, low, high, single = over_seeds(rows)
    interval = f"[{low:6.3f}, {high:6.3f}]" if low == low else " " * 16
    seeds = f" ({len(single)} seeds)" if len(single) > 1 else ""
    silent = max((row.n_silent for row in rows), default=0)
    return f"  {score:6.3f} {interval}  {name}{seeds}" + (f", up to {silent} silent images" if silent else "")


def _baselines(results: Results) -> Iterator[str]:
    rows = [row for row in _mean_rows(results) if row.is_baseline]
    if rows:
        yield "Baselines"
    for row in sorted(rows, key=lambda row: -row.score):
        yield _line([row], row.layer)


def _networks(results: Results) -> Iterator[str]:
    """Yield the layers of each variant at the main level, and the best one chosen on other images."""
    level = main_level(results)
    if level:
        yield f"Networks ({level}; best-layer is chosen on one half of the images and scored on the other)"
    for variant in variants(results):
        rows = [
            r for r in _mean_rows(results) if (r.variant, r.level) == (variant, level) and not r.is_baseline
        ]
        for network, layer in dict.fromkeys((r.network, r.layer) for r in rows):
            same = [r for r in rows if (r.network, r.layer) == (network, layer)]
            yield _line(same, f"{variant} {network} {layer}")


def _differences(results: Results) -> Iterator[str]:
    """Yield how much more alike the mouse layers are than what they were compared with: untrained twins by default."""
    level = main_level(results)
    rows = [r for r in _mean_rows(results) if r.level == level and math.isfinite(r.difference)]
    if rows:
        others = sorted({r.twin for r in rows if r.twin and CONTROL not in r.twin})
        what = f"Minus {', '.join(others)}" if others else "Trained minus untrained"
        yield f"{what} ({level}; 95 % intervals of the difference; p is two-sided)"
    for variant, network, layer in dict.fromkeys((r.variant, r.network, r.layer) for r in rows):
        same = [r for r in rows if (r.variant, r.network, r.layer) == (variant, network, layer)]
        as_scores = [
            dataclasses.replace(r, score=r.difference, ci_low=r.difference_low, ci_high=r.difference_high)
            for r in same
        ]
        p = sorted(r.difference_p for r in same if math.isfinite(r.difference_p))
        told = f", p {_p_text(p[0])}" + (f" to {_p_text(p[-1])}" if len(p) > 1 else "") if p else ""
        yield _line(as_scores, f"{variant} {network} {layer}") + told


def _p_text(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _levels(results: Results) -> Iterator[str]:
    """Yield how the best layer's likeness changes from level to level."""
    rows = [r for r in _mean_rows(results) if r.layer == BEST_LAYER]
    levels = sorted({r.level for r in rows}, key=level_rank)
    if len(levels) < 2:
        return
    yield f"Best layer by level: {', '.join(levels)}"
    for variant in variants(results):
        for network in dict.fromkeys(r.network for r in rows if r.variant == variant):
            scores = [
                over_seeds(r for r in rows if (r.variant, r.network, r.level) == (variant, network, level))[0]
                for level in levels
            ]
            yield f"  {'  '.join(f'{score:6.3f}' for score in scores)}  {variant} {network}"


def _metrics(results: Results) -> Iterator[str]:
    """Yield image quality; the other measures of metrics.csv are in the report."""
    rows = [row for row in results.metrics if row.get("measure") in QUALITY]
    if rows:
        yield "Image quality"
    for row in rows:
        yield f"  {float(row['value']):6.1f}  {row['measure']} {row['model']} (n = {row['n']}; {row['detail']})"


def _inversions(results: Results) -> Iterator[str]:
    """Yield how near generators come to the images they were asked for, beside two controls."""
    if results.inversions:
        yield "Latent inversion of the images, mean squared error (mean image as a guess; another image's latents)"
    for model, dataset in results.inversions.items():
        mse, mean, shuffled = (float(dataset[n].mean()) for n in ("mse", "mse_mean_image", "mse_shuffled"))
        yield f"  {mse:6.4f} ({mean:6.4f}; {shuffled:6.4f})  {model}"


def _checks(results: Results) -> Iterator[str]:
    """Yield mismatches of Brian2 (exact) against torch, network by network."""
    if results.checks:
        yield "Spikes of Brian2 (exact) that differ from torch's"
    for model, text in results.checks.items():
        totals: dict[str, list[int]] = {}
        for network, mismatches, spikes in re.findall(r"(\w+)/\w+: mismatched spikes: (\d+) of (\d+)", text):
            total = totals.setdefault(network, [0, 0])
            total[0] += int(mismatches)
            total[1] += int(spikes)
        for network, (mismatches, spikes) in totals.items():
            yield f"  {mismatches} of {spikes:,}  {model} {network}"


def _places(results: Results) -> Iterator[str]:
    yield f"Figures: {results.root / 'figures'}"
    yield f"Report:  {results.root / 'report.html'}"
