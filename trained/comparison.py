"""Variants side by side: what `evaluate` measured, mean and spread over seeds, and what one variant gains on another."""

from __future__ import annotations

import csv
import dataclasses
import math
import re
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path

from study.commands import unknown

PREVIOUS = "previous"
FIELDS = ("model", "measure", "value", "detail")
Seeds = dict[int, float]


@dataclasses.dataclass(frozen=True)
class Measure:
    """One column: rows of this measure whose detail begins so, with whole words.

    Parameters
    ----------
    name : str
    detail : str
        "" takes all; needed where a run has several rows of the measure.
    """

    name: str
    detail: str = ""

    @classmethod
    def parse(cls, text: str) -> Measure:
        """Return the measure that `NAME` or `NAME: DETAIL` stands for."""
        name, _, detail = text.partition(":")
        return cls(name.strip(), detail.strip())

    def __str__(self) -> str:
        return f"{self.name} ({self.detail})" if self.detail else self.name


def table(files: Iterable[str | Path], measures: Sequence[Measure], against: str | None = None) -> list[str]:
    """Return the lines of a Markdown table, one row per variant in the order of the files.

    Values are means ± standard deviation over seeds; changes are differences of runs of the same seed.

    Parameters
    ----------
    files : paths
        CSVs that `evaluate --out` wrote.
    measures : sequence of Measure
    against : str, optional
        A variant, `<experiment>/<variant>`, with which all others are compared; "previous" is the row above.

    Raises
    ------
    ValueError
        For files of other columns, an unknown measure or variant, or a measure of which a run has several rows.
    """
    rows = [row for path in files for row in _read(path)]
    columns = [_values(rows, measure) for measure in measures]
    variants = list(dict.fromkeys(row["model"].rpartition("/seed-")[0] for row in rows))
    if against not in (None, PREVIOUS, *variants):
        raise unknown("--against", against, (PREVIOUS, *variants))
    heads = [head for measure in measures for head in (str(measure), *(["change"] if against else []))]
    lines = ["| variant | seeds | " + " | ".join(heads) + " |", "|---|---|" + "---|" * len(heads)]
    for place, variant in enumerate(variants):
        above = variants[place - 1] if place else ""
        partner = above if against == PREVIOUS else (against or "")
        cells = []
        for column in columns:
            seeds = column.get(variant, {})
            others = column.get(partner, {}) if partner != variant else {}
            cells += [spread(list(seeds.values())), *([_change(seeds, others)] if against else [])]
        n = max(len(column.get(variant, {})) for column in columns)
        lines.append(f"| {variant} | {n} | " + " | ".join(cells) + " |")
    return lines


def spread(values: Sequence[float], sign: bool = False) -> str:
    """Return mean and, of several values, standard deviation, to two digits of the latter; "" of none."""
    if not values:
        return ""
    mean, plus = statistics.fmean(values), "+" if sign else ""
    if len(values) < 2:
        return f"{mean:{plus},.{_decimals(mean, 4)}f}"
    deviation = statistics.stdev(values)
    decimals = _decimals(deviation or mean, 2 if deviation else 4)
    return f"{mean:{plus},.{decimals}f} ± {deviation:,.{decimals}f}"


def _decimals(value: float, digits: int) -> int:
    """Return the decimals that show so many significant digits of a value, none of a large one."""
    return max(0, digits - 1 - math.floor(math.log10(abs(value)))) if value else 0


def _change(seeds: Seeds, partner: Seeds) -> str:
    shared = sorted(seeds.keys() & partner.keys())
    return spread([seeds[seed] - partner[seed] for seed in shared], sign=True)


def _read(path: str | Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        reader = csv.DictReader(file)
        missing = [name for name in FIELDS if name not in (reader.fieldnames or ())]
        if missing:
            raise ValueError(
                f"{path} has no column {missing[0]!r}; give tables that `python -m trained evaluate --out` wrote."
            )
        return list(reader)


def _values(rows: list[dict[str, str]], measure: Measure) -> dict[str, Seeds]:
    """Return one value per seed of every variant."""
    named = [row for row in rows if row["measure"] == measure.name]
    if not named:
        raise unknown("measure", measure.name, {row["measure"] for row in rows})
    found: dict[str, Seeds] = {}
    for row in named:
        if measure.detail and not re.match(rf"{re.escape(measure.detail)}(?!\w)", row["detail"]):
            continue
        variant, _, seed = row["model"].rpartition("/seed-")
        seeds = found.setdefault(variant, {})
        if int(seed) in seeds:
            details = sorted({r["detail"] for r in named if r["model"] == row["model"]})
            raise ValueError(
                f"{row['model']} has several rows of {measure}: {'; '.join(details)}; "
                f"say which by the beginning of its detail, for example --measure '{measure.name}: {details[0]}', "
                "and give every run once."
            )
        seeds[int(seed)] = float(row["value"])
    return found
