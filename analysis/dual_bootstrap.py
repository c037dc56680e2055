"""Dual bootstrap of scores and ceilings over images and sites, as rsatoolbox's `eval_dual_bootstrap`, without its loops.

Every sample draws images and sites; scores and ceilings are taken with both resampled, with sites alone and with images
alone (the three variances of Schütt et al. 2023, doi 10.7554/eLife.82566). All is ranked anew in every sample. The same
draws give rsatoolbox's numbers (tests, benchmarks/inference.py).
"""

from __future__ import annotations

import dataclasses

import numpy as np

from analysis.compare import DOT_FORMS
from analysis.rdm import pair_values, pairs
from analysis.resampling import BLOCK, RANKED, WeightedForm, image_counts, pair_weights
from study.commands import unknown


@dataclasses.dataclass(frozen=True)
class DualSamples:
    """Means over sites in every sample; last axis: both factors resampled, sites alone, images alone.

    Parameters
    ----------
    score : array, (sample, model, 3)
    ceiling : array, (sample, 2, 3)
        Lower and upper bound: score of the mean RDM of the other drawn sites, of all drawn sites.
    """

    score: np.ndarray
    ceiling: np.ndarray


def dual_bootstrap(
    models: np.ndarray,
    data: np.ndarray,
    metric: str,
    images: np.ndarray,
    sites: np.ndarray,
    members: np.ndarray | None = None,
) -> DualSamples:
    """Return scores and ceilings in samples of images and sites that were drawn beforehand.

    Parameters
    ----------
    models : array, (model, image, image)
        None are needed for ceilings.
    data : array, (site, image, image)
        Both wholly defined.
    metric : str
        One of `compare.DOT_FORMS`.
    images : int array, (sample, draw)
        Indices of images, with replacement.
    sites : int array, (sample, draw)
        Indices of sites, with replacement.
    members : bool array, (site,), optional
        Sites over which means are taken; the others only help to make the ceilings. All by default. Every sample has to
        hold some.

    Raises
    ------
    ValueError
        For another metric.
    """
    if metric not in DOT_FORMS:
        raise unknown("metric of the dual bootstrap", metric, DOT_FORMS)
    n = models.shape[-1]
    rows, columns = pairs(n)
    blocks = [
        (slice(k, k + BLOCK), WeightedForm(pair_values(models[k : k + BLOCK]), metric))
        for k in range(0, len(models), BLOCK)
    ]
    of_data = WeightedForm(pair_values(data), metric)
    everything = np.arange(len(rows)), np.ones(len(rows))
    whole = of_data(*everything)
    inside = np.ones(len(data), bool) if members is None else members
    parts = [_scores(form, *everything, *whole) for _, form in blocks]
    alone = np.concatenate([np.empty((0, len(data))), *parts])
    score, ceiling = np.empty((len(images), len(models), 3)), np.empty((len(images), 2, 3))
    of_sites: dict[bytes, tuple[float, float]] = {}  # with few sites the same ones are drawn again and again
    for k, (count, drawn) in enumerate(zip(image_counts(images, n), sites, strict=True)):
        kept, weight = pair_weights(count, rows, columns)
        resampled = of_data(kept, weight)
        chosen = drawn[inside[drawn]]
        score[k, :, 1] = alone[:, chosen].mean(axis=1)
        for part, form in blocks:
            scores = _scores(form, kept, weight, *resampled)
            score[k, part, 0], score[k, part, 2] = (
                scores[:, chosen].mean(axis=1),
                scores[:, inside].mean(axis=1),
            )
        times = np.bincount(drawn, minlength=len(data))
        if times.tobytes() not in of_sites:
            of_sites[times.tobytes()] = bounds(*whole, everything[1], times, metric, inside)
        ceiling[k, :, 0] = bounds(*resampled, weight, times, metric, inside)
        ceiling[k, :, 1] = of_sites[times.tobytes()]
        ceiling[k, :, 2] = bounds(*resampled, weight, np.ones_like(times), metric, inside)
    return DualSamples(score, ceiling)


def _scores(
    form: WeightedForm, kept: np.ndarray, weight: np.ndarray, data: np.ndarray, data_length: np.ndarray
) -> np.ndarray:
    """Return scores (model, site) of models with sites in their form."""
    values, length = form(kept, weight)
    return np.asarray((values * weight) @ data.T / length[:, None] / data_length)


def bounds(
    values: np.ndarray,
    length: np.ndarray,
    weight: np.ndarray,
    times: np.ndarray,
    metric: str,
    inside: np.ndarray,
) -> tuple[float, float]:
    """Return the mean lower and upper bound of drawn sites; all copies of a site are left out together.

    A site that is drawn alone is its own mean: both bounds are its score with itself, 1.

    Parameters
    ----------
    values : array, (site, pair)
        Site RDMs in the measure's form, with their lengths (site,); see `WeightedForm`.
    weight : array, (pair,)
        Above zero.
    times : int array, (site,)
        How often each site was drawn.
    metric : str
    inside : bool array, (site,)
        Sites over which the mean is taken.
    """
    drawn = np.flatnonzero(times)
    ranks = metric in RANKED
    alike = (
        values[drawn] if ranks else values[drawn] / length[drawn, None]
    )  # sums of ranks are exact, so ties stay ties
    copies = times[drawn][:, None] * alike
    means = copies.sum(axis=0) - (copies if len(drawn) > 1 else 0)
    means = np.vstack([means, copies.sum(axis=0)])
    if ranks:
        halves = np.rint(2 * (means - means.min())).astype(np.uint32)
        means = sorted_ranks(halves, weight) - weight.sum() / 2
    elif metric == "pearson":
        means -= (means @ weight / weight.sum())[:, None]
    of_means = length[:1] if metric == "rho-a" else np.sqrt(means**2 @ weight)
    scores = (means * weight) @ values[drawn].T / np.reshape(of_means, (-1, 1)) / length[drawn]
    counted = inside[drawn]
    return float(np.diagonal(scores)[counted].mean()), float(scores[-1][counted].mean())


def sorted_ranks(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return what `weighted_ranks` does, for numbers that are too large to count weights per number.

    Parameters
    ----------
    values : uint32 array, (row, pair)
    weight : array, (pair,)
    """
    ranks = np.empty(values.shape)
    for row, rank in zip(values, ranks, strict=True) if values.size else ():
        order = _order(row)
        ordered, total = row.take(order), weight.take(order).cumsum()
        last = np.flatnonzero(np.concatenate([ordered[1:] != ordered[:-1], [True]]))  # of each run of equals
        above = total.take(last)
        middle = (above + np.concatenate([[0.0], above[:-1]])) / 2
        rank[order] = middle.repeat(last - np.concatenate([[-1], last[:-1]]))
    return ranks


def _order(numbers: np.ndarray) -> np.ndarray:
    """Return what sorts integers below 2^32; numpy sorts 16 bits by their digits, not by comparing."""
    order = numbers.astype(np.uint16).argsort(kind="stable")
    if numbers.max() < 1 << 16:
        return order
    return order[(numbers >> 16).astype(np.uint16)[order].argsort(kind="stable")]
