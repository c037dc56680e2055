"""The report: figures, tables, choices and provenance on one page that needs no network."""

from __future__ import annotations

import base64
import dataclasses
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from analysis.explorer import explorer_json
from analysis.figures.catalogue import FIGURES
from analysis.figures.footer import SIMULATED, footer_text
from analysis.inclusion import excluded, reasons
from analysis.model_rdms import CONTROL
from analysis.results import Results
from analysis.rsa import BEST_LAYER
from analysis.sidecar import load_sidecar
from analysis.table import Row, shown_mean
from study.files import write_text
from study.netcdf import read_group
from study.responses import HINT

TEMPLATE = Path(__file__).with_name("report.html.j2")
# What a reader compares; the rest of a row is the same everywhere and stands under "choices".
SHOWN = (
    "variant", "seed", "network", "level", "layer", "site", "score", "ci_low", "ci_high", "p", "q",
    "ceiling_lower", "ceiling_upper", "ceiling_trials", "n_images", "n_silent", "n_units",
)  # fmt: skip
CHOICES = (
    "metric",
    "silent",
    "window",
    "ceiling",
    "interval",
    "ceiling_interval",
    "best_layer",
    "site_distance",
    "good_cells",
    "good_ceiling",
    "n_bootstrap",
    "n_permutations",
    "rsa_seed",
    "recording",
    "simulated",
)
CONTRAST = (
    "variant", "seed", "network", "level", "layer", "site", "difference", "difference_low", "difference_high",
    "difference_p", "difference_q", "twin",
)  # fmt: skip
# What a recording's attributes say of how it was made and what was left out.
RECORDED = (
    "citation", "response", "gray", "lag", "z_score", "units", "quality", "blanks", "remark", "sessions",
    "median_cell_reliability", "choices",
)  # fmt: skip
HEADINGS = {"ceiling_trials": "trial reliability"}
FACTS = ("git_commit", "git_dirty", "python", "versions", "config", "seconds")


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of the page.

    Parameters
    ----------
    title : str
    columns : sequence of str
    rows : sequence of sequences of text
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def write_report(results: Results, figures: Path, path: Path) -> None:
    """Write the report.

    Parameters
    ----------
    results : Results
    figures : Path
        Folder of the drawn figures; what is missing there is named in the report.
    path : Path
    """
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    page = template.render(
        title="Spiking generators and mouse visual cortex",
        simulated=results.simulated,
        notice=SIMULATED,
        source=footer_text(results)[0],
        figures=[_figure(name, figures) for name in FIGURES],
        choices=choices(results),
        tables=[t for t in (part(results) for part in TABLES) if t.rows],
        checks=results.checks,
        explorer=explorer_json(results),
        provenance=provenance_tables(results),
    )
    write_text(path, page)


def _figure(name: str, folder: Path) -> dict[str, str]:
    path = folder / f"{name}.png"
    data = base64.b64encode(path.read_bytes()).decode() if path.exists() else ""
    return {"name": name, "caption": FIGURES[name].caption, "data": data}


def choices(results: Results) -> dict[str, str]:
    """Return what was chosen, the same for all rows of the table, with several values where rows differ."""
    found = {name: dict.fromkeys(str(getattr(row, name)) for row in results.table) for name in CHOICES}
    found["distance"] = dict.fromkeys(row.distance for row in results.table if not row.is_baseline)
    recording = results.recording.attributes
    kept = {f"recording: {name}": _pretty(recording[name]) for name in RECORDED if recording.get(name)}
    images = {
        f"images: {k}": v
        for k, v in results.stimuli.attributes.items()
        if k in ("source", "size", "view", "fit", "luminance", "simulated")
    }
    return {**{name: ", ".join(filter(None, values)) for name, values in found.items()}, **kept, **images}


def _summary(results: Results) -> Table:
    """Return means over sites: what to read first."""
    mean = shown_mean(results.table)
    return _rows(f"Mean over sites ({mean})", [r for r in results.table if r.mean == mean])


def _contrasts(results: Results) -> Table:
    """Return trained minus untrained: what the study asks."""
    rows = [r for r in results.table if math.isfinite(r.difference)]
    ordered = sorted(rows, key=lambda r: (r.site != results.mean_site, not r.is_mean))
    others = any(r.twin and CONTROL not in r.twin for r in rows)
    title = "Models minus others (column twin)" if others else "Trained minus untrained"
    return _table(title, CONTRAST, ordered)


def _all_rows(results: Results) -> Table:
    return _rows("All layers and sites", [r for r in results.table if not r.is_mean])


def _rows(title: str, rows: Iterable[Row]) -> Table:
    # baselines first, then networks with the best layer (chosen on other images) ahead of the single ones
    ordered = sorted(rows, key=lambda r: (not r.is_baseline, r.variant, r.network, r.layer != BEST_LAYER))
    return _table(title, SHOWN, ordered)


def _table(title: str, names: Sequence[str], rows: Iterable[Row]) -> Table:
    headings = [HEADINGS.get(name, name) for name in names]
    return Table(title, headings, [[_text(getattr(row, name)) for name in names] for row in rows])


def _metrics(results: Results) -> Table:
    rows = results.metrics
    columns = list(rows[0]) if rows else []
    return Table("Image quality", columns, [[row[name] for name in columns] for row in rows])


def _text(value: Any) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.3f}"
    return str(value)


def _sites(results: Results) -> Table:
    """Return what was recorded, site by site, and why sites of the list are in or out."""
    recording = results.recording
    facts = zip(recording.site, recording.n_cells, recording.ceiling, strict=True)
    rows = [[str(site), str(n), _text(float(r)), reasons("site").get(str(site), "")] for site, n, r in facts]
    if recording.attributes.get("source") == "sites":
        there = set(map(str, recording.site))
        rows += [
            [site, "", "", f"left out: {why}"] for site, why in excluded("site").items() if site not in there
        ]
    return Table("Recorded sites", ("site", "cells", "trial reliability", "inclusion"), rows)


TABLES = (_summary, _contrasts, _metrics, _all_rows, _sites)


def provenance_tables(results: Results) -> dict[str, dict[str, str]]:
    """Return what every file of the results says about how it was made."""
    files = [results.root / name for name in ("stimuli.nc", "recording.nc", "rdms.nc")]
    files += [f.path for f in results.responses]
    of_table = load_sidecar(results.root / "rsa.csv")
    told = {"rsa.csv": _shown(of_table)} if of_table else {}
    for path in files:
        if path.exists():
            attributes = {str(k): v for k, v in read_group(path, "results", HINT).attrs.items()}
            told[path.relative_to(results.root).as_posix()] = _shown(attributes)
    return told


def _shown(facts: Mapping[str, Any]) -> dict[str, str]:
    hashes = sorted(k for k in facts if k.startswith("sha256_") or k.endswith("_sha256"))
    wanted = (*FACTS, *hashes, "backend", "seed")
    return {k: _pretty(str(facts[k])) for k in wanted if k in facts}


def _pretty(text: str) -> str:
    """Return JSON objects as `name value, name value`; other text as it is."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return ", ".join(_named(value)) if isinstance(value, dict) else text


def _named(values: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Yield `name value`, names of nested objects joined by a dot."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _named(value, f"{above}{name}.")
        else:
            yield f"{above}{name} {value}"
