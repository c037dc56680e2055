"""The main numbers of a study as a page of text: what `make study` prints at its end."""

from __future__ import annotations

from collections.abc import Iterable

from analysis.results import Results, level_rank
from analysis.simulated_source import NOTICE
from analysis.table import Row
from study.netcdf import read_group
from study.stimuli import HINT

SHOWN_MEASURES = ("FAD",)


def summary(results: Results) -> str:
    """Return the main numbers, one per line, with sample sizes and where the figures are.

    Parameters
    ----------
    results : Results

    Returns
    -------
    str
    """
    blocks = [
        ("Spikes, Brian2 (exact) against torch", _verified(results)),
        ("Image quality", _quality(results)),
        ("Latent inversion of the stimuli, mean squared error", _inversions(results)),
        (
            f"Representational similarity with mouse visual cortex, {_conditions(results)}",
            _alignment(results),
        ),
    ]
    lines = [NOTICE, ""] if results.simulated else []
    for title, content in blocks:
        lines += [title, *(f"  {line}" for line in content), ""]
    lines += [f"figures: {results.root / 'figures'}", f"report:  {results.root / 'report.html'}"]
    return "\n".join(lines) + "\n"


def _verified(results: Results) -> Iterable[str]:
    folder = results.root / "verify"
    for path in sorted(folder.rglob("*.txt")):
        model = path.relative_to(folder).with_suffix("")
        for line in path.read_text(encoding="utf-8").splitlines():
            if "mismatched" in line:
                yield f"{model} {line}"


def _quality(results: Results) -> list[str]:
    rows = [row for row in results.metrics if row["measure"] in SHOWN_MEASURES]
    lines = [
        f"{r['model']}: {r['measure']} {float(r['value']):.2f} (n = {r['n']}; {r['detail']})" for r in rows
    ]
    return lines or [
        "FAD not computed: the published autoencoders are not at hand (python -m study data fetch fad)"
    ]


def _inversions(results: Results) -> Iterable[str]:
    folder = results.root / "latents"
    for path in sorted(folder.rglob("*.nc")):
        dataset = read_group(path, "latents", HINT)
        if "mse" in dataset:
            found, mean, shuffled = (
                float(dataset[n].mean()) for n in ("mse", "mse_mean_image", "mse_shuffled")
            )
            model = path.relative_to(folder).with_suffix("")
            yield f"{model}: {found:.4f} (mean image {mean:.4f}, latents shuffled {shuffled:.4f})"


def _conditions(results: Results) -> str:
    row = results.table[0]
    source = "simulated V1" if results.simulated else row.recording
    sites = {r.site for r in results.table if not r.is_mean}
    return f"{row.metric}, {results.mean_site} of {len(sites)} sites ({source}), [95 % over images]"


def _alignment(results: Results) -> list[str]:
    """Return one line per model and layer; all layers, because picking the best would be optimistic."""
    rows = [row for row in results.table if row.site == results.mean_site]
    rows.sort(key=lambda r: (r.is_baseline, r.model, r.network, level_rank(r.level)))
    names = [_name(row) for row in rows]
    width = max(map(len, names), default=0)
    return [
        f"{name:<{width}}  {row.score:6.3f} [{row.ci_low:6.3f}, {row.ci_high:6.3f}]{_silent(row)}"
        for name, row in zip(names, rows, strict=True)
    ]


def _name(row: Row) -> str:
    return " ".join(filter(None, (row.model, row.network, row.level, row.layer)))


def _silent(row: Row) -> str:
    return f"  ({row.n_silent} images without a pattern left out)" if row.n_silent else ""
