"""How faithful a level is to level `exact`: spike counts, rates, RDMs and images, layer by layer."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from study.files import write_text
from study.manifest import find
from study.network import Network
from study.responses import Responses

COUNT_FLOOR = {"lif": 0.99}  # spike-count correlation that a level must reach
RATE_FLOOR = 0.1  # share by which a layer's rate may differ after gain matching
DEGRADED = 0.9  # a layer whose counts correlate by less counts as degraded
V1_RATES = "allen-unit-rates"


@dataclasses.dataclass(frozen=True)
class LayerFidelity:
    """One layer at one level against level `exact`.

    Parameters
    ----------
    model, network, level, layer : str
    matched : bool
        Whether gains were matched.
    alone : bool
        Whether the layer was given the spikes of level `exact` instead of those of the layers before it.
    n_stimuli, n_units : int
    count_correlation : float
        Pearson correlation of spike counts per stimulus, over all pairs of stimulus and unit of the layer; NaN if either is
        constant.
    unit_correlation : float
        Median over units of the same over stimuli; units that are constant in either are left out.
    rate_exact_hz, rate_hz : float
        Mean over units and stimuli.
    rate_ratio : float
    rate_ratio_weak, rate_ratio_strong : float
        The same for the half of the stimuli that drive the layer least at level `exact`, and for the others.
    rdm_correlation : float
        Spearman correlation of the RDMs, 1 - Pearson correlation of count patterns of two stimuli, over the pairs of stimuli
        that have a pattern (some variation over units) at both levels; NaN with fewer than 4 such stimuli.
    n_rdm : int
        How many stimuli have a pattern at both.
    v1_rate_hz : float
        Median rate of V1 units of the Allen Neuropixels recordings, mean over their stimuli; NaN where absent.
    image_mse, image_ssim : float
        Of a generator's images against those of level `exact`, mean over stimuli (SSIM also over channels); NaN in other
        rows, and SSIM of images that are less than 7 pixels high or wide.
    passed : bool
        Whether the floors are met.
    """

    model: str
    network: str
    level: str
    layer: str
    matched: bool
    alone: bool
    n_stimuli: int
    n_units: int
    count_correlation: float
    unit_correlation: float
    rate_exact_hz: float
    rate_hz: float
    rate_ratio: float
    rate_ratio_weak: float
    rate_ratio_strong: float
    rdm_correlation: float
    n_rdm: int
    v1_rate_hz: float
    image_mse: float
    image_ssim: float
    passed: bool


def alone(network: Network, exact: Responses, name: str) -> tuple[Network, np.ndarray]:
    """Return one layer as a network of its own, and the spikes that level `exact` gives it.

    Parameters
    ----------
    network : Network
    exact : Responses
        Of level `exact`.
    name : str
        Of a spiking layer, not the first one.

    Returns
    -------
    Network
    array of 0 and 1, (stimulus, step, *shape of the layer before)
    """
    names = [layer.name for layer in network.layers]
    layer, before = network.layers[names.index(name)], network.layers[names.index(name) - 1]
    counts = exact.counts[before.name][:, 0]
    spikes = counts.reshape(*counts.shape[:2], *before.shape).astype(np.float64)
    single = dataclasses.replace(
        network,
        role="encoder",
        input="spikes",
        input_shape=before.shape,
        layers=(layer,),
        decoder=None,
        decision=None,
    )
    return single, spikes


def compare_levels(
    exact: Responses,
    found: Responses,
    level: str,
    matched: bool,
    alone: bool = False,
    image_shape: tuple[int, ...] | None = None,
) -> list[LayerFidelity]:
    """Compare every spiking layer of `found`, and the image of a generator as a row of its own (`image`).

    Parameters
    ----------
    exact, found : Responses
        To the same stimuli, one repeat or more; repeats are averaged.
    level : str
    matched, alone : bool
        See `LayerFidelity`.
    image_shape : (channel, y, x), optional
        Of a generator's readout; gray and square when absent.
    """
    model, network = exact.attributes.get("name", ""), exact.attributes.get("network", "")
    v1 = v1_rate_hz()
    rows = []
    for layer, counts in found.counts.items():
        a, b = (_per_stimulus(r, layer) for r in (exact, found))
        seconds = (exact.bin_edges_ms[-1] - exact.bin_edges_ms[0]) * 1e-3
        ratio, order = _ratio(a, b), np.argsort(a.mean(axis=1), kind="stable")
        weak, strong = (_ratio(a[half], b[half]) for half in (order[: len(a) // 2], order[len(a) // 2 :]))
        correlation = pearson(a.ravel(), b.ravel())
        rdm, n_rdm = rdm_correlation(a, b)
        rows.append(
            LayerFidelity(
                *(model, network, level, layer, matched, alone),
                n_stimuli=len(a),
                n_units=counts.shape[-1],
                count_correlation=correlation,
                unit_correlation=_median(pearson(a[:, i], b[:, i]) for i in range(a.shape[1])),
                rate_exact_hz=float(a.mean() / seconds),
                rate_hz=float(b.mean() / seconds),
                rate_ratio=ratio,
                rate_ratio_weak=weak,
                rate_ratio_strong=strong,
                rdm_correlation=rdm,
                n_rdm=n_rdm,
                v1_rate_hz=v1,
                image_mse=float("nan"),
                image_ssim=float("nan"),
                passed=abs(ratio - 1) <= RATE_FLOOR and correlation >= COUNT_FLOOR.get(level, -1.0),
            )
        )
    if "image" in found.readout:
        rows.append(_image_row(exact, found, rows, image_shape))
    return rows


def similarity(a: np.ndarray, b: np.ndarray, shape: tuple[int, ...] | None = None) -> float:
    """Return the structural similarity (Wang et al. 2004, windows of 7 x 7) of two sets of images, mean over images and channels.

    Parameters
    ----------
    a, b : array, (image, pixel)
        In [0, 1].
    shape : (channel, y, x), optional
        Gray and square when it is absent or not of three numbers.

    Returns
    -------
    float
        NaN where images are smaller than a window, or of unknown shape.
    """
    from skimage.metrics import structural_similarity

    side = round(a.shape[1] ** 0.5)
    known = shape if shape is not None and len(shape) == 3 else (1, side, side)
    if np.prod(known) != a.shape[1] or min(known[1:]) < 7:
        return float("nan")
    pairs = zip(a.reshape(-1, *known), b.reshape(-1, *known), strict=True)
    return float(np.mean([structural_similarity(x, y, data_range=1.0, channel_axis=0) for x, y in pairs]))


def _image_row(
    exact: Responses, found: Responses, rows: list[LayerFidelity], shape: tuple[int, ...] | None
) -> LayerFidelity:
    a, b = (r.readout["image"][1].mean(axis=1) for r in (exact, found))
    rdm, n_rdm = rdm_correlation(a, b)
    nan = float("nan")
    return dataclasses.replace(
        rows[-1],
        layer="image",
        n_units=a.shape[1],
        count_correlation=pearson(a.ravel(), b.ravel()),
        unit_correlation=nan,
        rate_exact_hz=nan,
        rate_hz=nan,
        rate_ratio=nan,
        rate_ratio_weak=nan,
        rate_ratio_strong=nan,
        rdm_correlation=rdm,
        n_rdm=n_rdm,
        v1_rate_hz=nan,
        image_mse=float(((a - b) ** 2).mean()),
        image_ssim=similarity(a, b, shape),
        passed=all(row.passed for row in rows),
    )


def _ratio(exact: np.ndarray, found: np.ndarray) -> float:
    """Return the ratio of mean counts; NaN where `exact` is silent or there are no stimuli."""
    return float(found.sum() / exact.sum()) if exact.sum() else float("nan")


def _per_stimulus(responses: Responses, layer: str) -> np.ndarray:
    """Return spikes per stimulus, (stimulus, unit), mean over repeats."""
    return responses.counts[layer].sum(axis=2, dtype=np.float64).mean(axis=1)


def pearson(a: np.ndarray, b: np.ndarray) -> float:
    """Return the correlation; NaN if either is constant."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def _median(values: object) -> float:
    known = [v for v in values if not np.isnan(v)]  # type: ignore[attr-defined]
    return float(np.median(known)) if known else float("nan")


def rdm_correlation(a: np.ndarray, b: np.ndarray) -> tuple[float, int]:
    """Return (Spearman correlation of the correlation-distance RDMs of two (stimulus, unit) arrays, n stimuli)."""
    from scipy.stats import spearmanr

    known = (np.ptp(a, axis=1) > 0) & (np.ptp(b, axis=1) > 0)
    n = int(known.sum())
    if n < 4:
        return float("nan"), n
    above = np.triu_indices(n, 1)
    return float(spearmanr(*(1 - np.corrcoef(x[known])[above] for x in (a, b)))[0]), n


def v1_rate_hz() -> float:
    """Return the median rate of the V1 units of the Allen Neuropixels recordings; NaN where they are not at hand."""
    path = find(V1_RATES)
    if path is None:
        return float("nan")
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter=" "))
    rates = [float(row["Ave_Rate(Hz)"]) for row in rows if row["Ave_Rate(Hz)"]]
    return float(np.median(rates))


def first_degraded(rows: Sequence[LayerFidelity]) -> str | None:
    """Return the first layer, from the input on, whose counts correlate by less than 0.9 with level `exact`."""
    return next(
        (r.layer for r in rows if r.layer != "image" and not r.alone and not r.count_correlation >= DEGRADED),
        None,
    )


def save_fidelity(rows: Sequence[LayerFidelity], path: str | Path) -> None:
    """Write one line per layer and level; numbers have 6 significant digits, what is undefined is empty."""
    text = io.StringIO()
    names = [field.name for field in dataclasses.fields(LayerFidelity)]
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow([_cell(getattr(row, name)) for name in names])
    write_text(path, text.getvalue())


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:.6g}"
    return str(value)
