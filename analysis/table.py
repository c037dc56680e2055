"""The table of results, rsa.csv: one row per (model, network, level, layer, site, metric)."""

from __future__ import annotations

import csv
import dataclasses
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from analysis.baselines import CONTROLS
from analysis.units import AT
from study.files import replacing, require_file

HINT = "make it with `python -m analysis rsa`"
NAN = float("nan")


@dataclasses.dataclass(frozen=True)
class Row:
    """One comparison of a layer with a site.

    `site` is a site of the recording, or `mean-all` (mean score over all sites) or `mean-good` (over sites with
    enough cells and a high enough trial reliability); of a recording that is cut in time one for each bin,
    `mean-all@50-100ms`. `layer` is a layer, a baseline, or `best-layer` (chosen on one half of
    the images, scored on the other).
    """

    model: str  # as it was named: experiment/variant/seed-n
    experiment: str
    variant: str
    seed: str
    network: str  # generator, critic
    level: str  # torch, exact, lif, ...
    layer: str
    site: str
    metric: str
    score: float  # NaN: nothing could be compared (too few images with a pattern, or a constant RDM)
    ci_low: float = NAN  # 95 % interval, lower limit
    ci_high: float = NAN
    p: float = NAN  # one-sided, permutation of image labels
    q: float = NAN  # false discovery rate over layers x sites
    twin: str = ""  # what `difference` is taken from: the untrained twin, or what --against named
    difference: float = NAN  # score minus the twin's, over the images that are defined in both
    difference_low: float = NAN  # 95 % interval
    difference_high: float = NAN
    difference_p: float = NAN  # two-sided
    difference_q: float = NAN
    ceiling_lower: float = NAN
    ceiling_upper: float = NAN
    ceiling_lower_low: float = NAN  # 95 % interval of the lower bound of a mean over sites, where asked for
    ceiling_lower_high: float = NAN
    ceiling_upper_low: float = NAN
    ceiling_upper_high: float = NAN
    ceiling: str = ""  # its name: sites, area, pairs, trials
    ceiling_trials: float = NAN  # trial reliability of the site's RDM (split half, Spearman-Brown); no bound
    n_images: int = 0  # images with a defined pattern, which enter the score
    n_silent: int = 0  # images to which all units answer alike
    n_units: int = 0
    n_cells: int = 0
    simulated: str = "false"  # "true": no animal was recorded
    distance: str = ""
    site_distance: str = ""  # how the site's RDM was made
    silent: str = ""  # the rule: exclude, one
    window: str = ""
    interval: str = ""  # how intervals were made: corrected, percentile
    ceiling_interval: str = ""  # how intervals of ceilings were made: none, dual
    best_layer: str = ""  # what chose the layer of a `best-layer` row: images, other-sites
    good_cells: int = 0  # what makes a site one of `mean-good`: cells, trial reliability
    good_ceiling: float = NAN
    n_bootstrap: int = 0
    n_permutations: int = 0
    rsa_seed: int = 0
    recording: str = ""  # source

    @property
    def is_baseline(self) -> bool:
        """Whether no network is involved."""
        return self.experiment == "baseline"

    @property
    def is_control(self) -> bool:
        """Whether the row checks the analysis: a baseline that must fail, or the same brain, which must not."""
        return self.is_baseline and self.layer in CONTROLS

    @property
    def mean(self) -> str:
        """Name of the mean without the bin of time, `mean-all` or `mean-good`; "" for a single site."""
        return self.site.partition(AT)[0] if self.site.startswith("mean-") else ""

    @property
    def is_mean(self) -> bool:
        """Whether the row is a mean over sites."""
        return bool(self.mean)


COLUMNS = tuple(field.name for field in dataclasses.fields(Row))
_NUMBERS = {
    field.name: {"float": float, "int": int}.get(str(field.type), str) for field in dataclasses.fields(Row)
}


def shown_mean(rows: Iterable[Row]) -> str:
    """Return the mean over sites that is shown: of the good ones where there are some."""
    return "mean-good" if any(row.mean == "mean-good" for row in rows) else "mean-all"


def save_table(rows: Iterable[Any], path: str | Path, kind: type = Row) -> None:
    """Write rows of one dataclass as tidy CSV; numbers with 6 significant digits, NaN as an empty field."""
    columns = [field.name for field in dataclasses.fields(kind)]
    with replacing(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow([_text(getattr(row, name)) for name in columns])


def _text(value: object) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    return str(value)


def load_table(path: str | Path) -> list[Row]:
    """Read rows that `save_table` wrote.

    Raises
    ------
    FileNotFoundError, ValueError
        If the file is absent, has other columns, or a number does not read as one.
    """
    path = require_file(path, "results table", HINT)
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise ValueError(f"{path} lacks the columns {', '.join(missing)}; {HINT}.")
        try:
            return [Row(**{name: _value(name, entry[name]) for name in COLUMNS}) for entry in reader]
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path} line {reader.line_num}: {error}; {HINT}.") from error


def _value(name: str, text: str) -> Any:
    kind = _NUMBERS[name]
    return NAN if kind is float and not text else kind(text)
