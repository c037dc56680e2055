"""How alike two RDMs are: named measures over pairs of images.

Sources: Schütt et al. 2023, doi 10.7554/eLife.82566 (rho-a and its advantage under ties); Kendall 1938 (tau-a);
Kornblith et al. 2019, arXiv 1905.00414 (linear CKA); others where they are used. rsatoolbox 0.3.2 is the oracle of the
tests.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import stats

from analysis.rdm import MIN_IMAGES, defined_images, pair_values
from study.commands import unknown

# ------------------------------------------------------- measures that are a dot product of transformed values


def centred_unit(values: np.ndarray) -> np.ndarray:
    """Return values minus their mean, at length 1 (NaN where all are equal). Axes (..., pair)."""
    return unit(values - values.mean(axis=-1, keepdims=True))


def unit(values: np.ndarray) -> np.ndarray:
    """Return values at length 1 (NaN where all are zero or as good as zero). Axes (..., pair)."""
    length = np.linalg.norm(values, axis=-1, keepdims=True)
    flat = length <= 1e-12 * np.sqrt(values.shape[-1])
    return np.divide(values, length, out=np.full(values.shape, np.nan), where=~flat)


def spearman_form(values: np.ndarray) -> np.ndarray:
    """Return ranks (ties share their mean rank), centred, at length 1."""
    return centred_unit(stats.rankdata(values, axis=-1))


def rho_a_form(values: np.ndarray) -> np.ndarray:
    """Return centred ranks scaled so that the dot product is Spearman's rho expected under random tie breaking."""
    n = values.shape[-1]
    ranks = stats.rankdata(values, axis=-1)
    return (ranks - ranks.mean(axis=-1, keepdims=True)) * np.sqrt(12 / (n**3 - n))


# score = form(a) · form(b); that form is the same for every order of the pairs, which permutation tests use
DOT_FORMS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "spearman": spearman_form,
    "rho-a": rho_a_form,
    "pearson": centred_unit,
    "cosine": unit,
}


# ------------------------------------------------------------------------------------------ other measures


def kendall_tau_a(a: np.ndarray, b: np.ndarray) -> float:
    """Return (concordant - discordant) / all pairs of pairs; ties count as neither. O(n log n).

    Parameters
    ----------
    a, b : array, (pair,)
    """
    tau_b = stats.kendalltau(a, b, variant="b").statistic
    total = len(a) * (len(a) - 1) / 2
    # scipy gives tau-b = (c - d) / sqrt((total - ties_a)(total - ties_b)); undo its denominator
    return float(tau_b * np.sqrt(total - _tied(a)) * np.sqrt(total - _tied(b)) / total)


def _tied(values: np.ndarray) -> float:
    counts = np.unique(values, return_counts=True)[1].astype(float)
    return float((counts * (counts - 1) / 2).sum())


# ---------------------------------------------------------- measures that are a dot product of centred matrices


def doubly_centred(matrices: np.ndarray) -> np.ndarray:
    """Return matrices minus the means of their columns and rows; -1/2 of it is the Gram matrix of squared distances."""
    rows = matrices - matrices.mean(axis=-2, keepdims=True)
    return np.asarray(rows - rows.mean(axis=-1, keepdims=True))


def doubly_centred_pairs(matrices: np.ndarray) -> np.ndarray:
    """Return doubly centred matrices of dissimilarities from which the mean over pairs was taken away before."""
    n = matrices.shape[-1]
    mean = matrices.sum(axis=(-2, -1), keepdims=True) / (n * (n - 1))
    return doubly_centred((matrices - mean) * ~np.eye(n, dtype=bool))


def u_centred(matrices: np.ndarray) -> np.ndarray:
    """Return U-centred matrices, zero on the diagonal, whose dot product has no bias from few images.

    A_ij - sum_k A_ik / (n - 2) - sum_k A_kj / (n - 2) + sum_kl A_kl / ((n - 1)(n - 2)) for i ≠ j. Source: Székely &
    Rizzo 2014, doi 10.1214/14-AOS1255. NaN for fewer than 4 images.
    """
    n = matrices.shape[-1]
    if n < MIN_IMAGES:
        return np.full(matrices.shape, np.nan)
    off = ~np.eye(n, dtype=bool)
    values = matrices * off
    rows = values.sum(axis=-1, keepdims=True) / (n - 2)
    columns = values.sum(axis=-2, keepdims=True) / (n - 2)
    whole = values.sum(axis=(-2, -1), keepdims=True) / ((n - 1) * (n - 2))
    return np.asarray((values - rows - columns + whole) * off)


# score = <centred(a), centred(b)> / (|centred(a)| |centred(b)|), over all entries of the matrices.
# K = -H D H / 2, H = 1 - 1/n, is the centred Gram matrix of the patterns whose squared Euclidean distances are D, and the score
# of doubly centred matrices the linear centred kernel alignment <K, L> / (|K| |L|) of Kornblith et al. (correlation distances
# are squared Euclidean distances of patterns standardised over units). Diedrichsen et al.
# 2021 (arXiv 2007.02789) derive the same number as the cosine of RDMs whitened by the covariance that noise gives to
# distances, and the whitened correlation, where the mean dissimilarity is taken away first. The debiased one is that of
# Nguyen et al. 2021 (arXiv 2010.15327): unbiased HSIC (Song et al. 2012), which U-centred matrices give.
CENTRINGS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "linear-cka": doubly_centred,
    "whitened-cosine": doubly_centred,
    "whitened-correlation": doubly_centred_pairs,
    "debiased-cka": u_centred,
}

PAIR_MEASURES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {"kendall-tau-a": kendall_tau_a}
METRICS = (*DOT_FORMS, *PAIR_MEASURES, *CENTRINGS)


def flat_form(matrices: np.ndarray, metric: str) -> np.ndarray:
    """Return centred matrices at length 1, as vectors: (rdm, image, image) to (rdm, image · image)."""
    return unit(CENTRINGS[metric](matrices).reshape(len(matrices), -1))


def require_metric(metric: str) -> None:
    """Raise ValueError, with the nearest allowed name, unless `metric` is known."""
    if metric not in METRICS:
        raise unknown("metric", metric, METRICS)


def compare_many(models: np.ndarray, data: np.ndarray, metric: str = "spearman") -> np.ndarray:
    """Return the likeness of every model RDM with every data RDM.

    Parameters
    ----------
    models : array, (model, image, image)
    data : array, (site, image, image)
        Wholly defined: leave images without a defined dissimilarity out beforehand.
    metric : str
        One of `METRICS`.

    Returns
    -------
    array, (model, site)
        In [-1, 1]; NaN where an RDM is constant.
    """
    require_metric(metric)
    if metric in CENTRINGS:
        return flat_form(models, metric) @ flat_form(data, metric).T
    model_pairs, data_pairs = pair_values(models), pair_values(data)
    if metric in PAIR_MEASURES:
        return np.array([[PAIR_MEASURES[metric](m, d) for d in data_pairs] for m in model_pairs])
    form = DOT_FORMS[metric]
    return form(model_pairs) @ form(data_pairs).T


def compare(model: np.ndarray, data: np.ndarray, metric: str = "spearman") -> float:
    """Return the likeness of two RDMs over the images that are defined in both.

    Parameters
    ----------
    model, data : array, (image, image)
    metric : str

    Raises
    ------
    ValueError
        For an unknown metric, RDMs of different size, fewer than 4 common images.
    """
    if model.shape != data.shape:
        raise ValueError(f"RDMs of the shapes {model.shape} and {data.shape}; both need the same images.")
    both = defined_images(model) & defined_images(data)
    if both.sum() < MIN_IMAGES:
        raise ValueError(
            f"two RDMs have {int(both.sum())} images in common; at least {MIN_IMAGES} are needed: "
            "show more images."
        )
    keep = np.ix_(both, both)
    return float(compare_many(model[keep][None], data[keep][None], metric)[0, 0])
