"""The summary: what a study found, as text that fits on a screen."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.figures.footer import footer_text
from analysis.results import Results, level_rank
from analysis.rows import main_level, over_seeds, variants
from analysis.rsa import BEST_LAYER
from analysis.table import Row


def summary(results: Results) -> str:
    """Return the summary: source, baselines, networks, levels, image quality, checks against torch."""
    parts = (_head(results), _baselines(results), _networks(results), _levels(results), _metrics(results))
    blocks = ["\n".join(part) for part in (*parts, _checks(results))]
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
    if results.metrics:
        yield "Image quality"
    for row in results.metrics:
        yield "  " + ", ".join(f"{name} {value}" for name, value in row.items() if value)


def _checks(results: Results) -> Iterator[str]:
    if results.checks:
        yield "Checks against torch"
    for model, text in results.checks.items():
        yield f"  {model}: {text.strip().splitlines()[-1] if text.strip() else 'empty'}"
