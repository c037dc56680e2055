"""Beyond RSA: how well a layer predicts recorded units, image by image, and other published protocols.

Sources: Huang et al. 2023 (AAAI, SNN against mouse and macaque): SVCCA, ridge on 40 singular vectors with one image left
out, RSA. Nayebi et al. 2023 (PLOS Comput Biol): partial least squares with 25 components on random halves of the
images, corrected for noise; RSA with Pearson. What was not to be established, and what is ours, is in docs/methods.md.
Adding a protocol is one function and one line in `PROTOCOLS`.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Iterator

import numpy as np

from analysis.canonical import svcca, truncated
from analysis.compare import compare
from analysis.presentations import trial_mean
from analysis.rdm import MIN_IMAGES, defined_images, dissimilarity
from analysis.trials import cell_reliability, halves, rdm_reliability, spearman_brown

N_COMPONENTS = 40  # of the truncated decomposition (Huang et al.)
RIDGE_PENALTY = 1.0
N_PLS, N_SPLITS = 25, 10  # components, random halves of the images (Nayebi et al.)
N_TRIAL_HALVES = 3  # per split; theirs are 100 to 900
PENALTIES = np.logspace(-2, 6, 17)


@dataclasses.dataclass(frozen=True)
class Neurons:
    """What is predicted.

    Parameters
    ----------
    response : array, (stimulus, repeat, unit)
        Single trials; NaN is a missing one.
    reliability : array, (unit,)
        Of the mean over all trials: split-half correlation over stimuli, Spearman-Brown corrected.
    n_halves : int
        Halves of the trials per split of the images, for protocols that measure the noise of predictions. 0: no correction.
    """

    response: np.ndarray
    reliability: np.ndarray
    n_halves: int = N_TRIAL_HALVES

    @property
    def mean(self) -> np.ndarray:
        """Mean over trials: (stimulus, unit)."""
        return trial_mean(self.response)


@dataclasses.dataclass(frozen=True)
class Score:
    """What a protocol found: one value per unit, or a single one for the whole population.

    Parameters
    ----------
    raw, corrected : array, (unit,) or (1,)
        `corrected` for noise; NaN where the protocol has no correction.
    """

    raw: np.ndarray
    corrected: np.ndarray


def select(response: np.ndarray, minimum: float) -> Neurons:
    """Return the units whose reliability is at least `minimum`.

    Parameters
    ----------
    response : array, (stimulus, repeat, unit)
    minimum : float
        Of the Spearman-Brown corrected split-half correlation.

    Raises
    ------
    ValueError
        If no unit is left.
    """
    half = cell_reliability(response)
    with np.errstate(divide="ignore", invalid="ignore"):
        reliability = np.asarray(spearman_brown(half))
    keep = reliability >= minimum
    if not keep.any():
        raise ValueError(
            f"no unit has a reliability of {minimum:g} or more (highest: {np.nanmax(np.append(reliability, -1)):.2f}); lower "
            "--min-reliability."
        )
    return Neurons(response[:, :, keep], reliability[keep])


# ----------------------------------------------------------------------------------------------- protocols


def huang_svcca(features: np.ndarray, neurons: Neurons, generator: np.random.Generator) -> Score:
    """Return the mean canonical correlation of 40 singular vectors of features and of the population."""
    return _single(svcca(features, neurons.mean, N_COMPONENTS))


def huang_rsa(features: np.ndarray, neurons: Neurons, generator: np.random.Generator) -> Score:
    """Return Spearman's correlation of correlation-distance RDMs (theirs broke ties arbitrarily; ours shares ranks)."""
    return _single(_rsa(features, neurons, "spearman"))


def nayebi_rsa(features: np.ndarray, neurons: Neurons, generator: np.random.Generator) -> Score:
    """Return Pearson's correlation of correlation-distance RDMs.

    Corrected: divided by the root of the reliability of the units' RDM, from halves of the trials, Spearman-Brown corrected.
    """
    raw = _rsa(features, neurons, "pearson")
    if not neurons.n_halves:
        return _single(raw)
    reliability = rdm_reliability(
        neurons.response, neurons.n_halves * N_SPLITS, int(generator.integers(1 << 31))
    )
    return Score(np.array([raw]), np.array([raw / np.sqrt(reliability) if reliability > 0 else np.nan]))


def debiased_cka(features: np.ndarray, neurons: Neurons, generator: np.random.Generator) -> Score:
    """Return the debiased linear CKA of features and population."""
    x, y = (dissimilarity(patterns, "euclidean") for patterns in (features, neurons.mean))
    return _single(compare(x, y, "debiased-cka"))


def huang_ridge(features: np.ndarray, neurons: Neurons, generator: np.random.Generator) -> Score:
    """Return each unit's correlation with ridge predictions (penalty 1) from 40 singular vectors, one image left out."""
    predicted = leave_one_out(truncated(features, N_COMPONENTS), neurons.mean, RIDGE_PENALTY)
    return _corrected(unit_correlation(predicted, neurons.mean), neurons)


def ridge(features: np.ndarray, neurons: Neurons, generator: np.random.Generator) -> Score:
    """Return each unit's correlation with ridge predictions on the other half of the images, mean over 10 splits.

    The penalty is one for all units, that with the smallest leave-one-out error on the half that is fitted. Correlations
    are taken within a half: over folds together, the means of the folds alone would make them negative.
    """
    x, y = rotated(features), neurons.mean
    raw = []
    for train, test in image_splits(len(x), generator):
        errors = [((leave_one_out(x[train], y[train], p) - y[train]) ** 2).sum() for p in PENALTIES]
        predicted = ridge_predictions(x[train], y[train], x[test], PENALTIES[int(np.argmin(errors))])
        raw.append(unit_correlation(predicted, y[test]))
    return _corrected(mean_of_defined(np.stack(raw)), neurons)


def nayebi_pls(features: np.ndarray, neurons: Neurons, generator: np.random.Generator) -> Score:
    """Return each unit's correlation with partial least squares on the other half of the images, mean over 10 splits.

    Corrected: divided by the root of the reliability of the unit times that of its prediction, both from halves of the
    trials, Spearman-Brown corrected, over the images that are predicted.
    """
    x, y = rotated(features), neurons.mean
    raw, corrected = [], []
    for train, test in image_splits(len(x), generator):
        correlation = unit_correlation(pls_predictions(x[train], y[train], x[test]), y[test])
        raw.append(correlation)
        noise = []
        for a, b in halves(neurons.response, neurons.n_halves, int(generator.integers(1 << 31))):
            first, second = (pls_predictions(x[train], half[train], x[test]) for half in (a, b))
            noise.append(_whole(unit_correlation(first, second)) * _whole(unit_correlation(a[test], b[test])))
        mean = mean_of_defined(np.array(noise).reshape(-1, y.shape[1]))
        corrected.append(
            np.divide(
                correlation, np.sqrt(np.maximum(mean, 0)), out=np.full(mean.shape, np.nan), where=mean > 0
            )
        )
    return Score(*(mean_of_defined(np.stack(values)) for values in (raw, corrected)))


PROTOCOLS: dict[str, Callable[[np.ndarray, Neurons, np.random.Generator], Score]] = {
    "huang-svcca": huang_svcca,
    "huang-ridge": huang_ridge,
    "huang-rsa": huang_rsa,
    "nayebi-pls": nayebi_pls,
    "nayebi-rsa": nayebi_rsa,
    "ridge": ridge,
    "debiased-cka": debiased_cka,
}


def chance(
    protocol: str, features: np.ndarray, neurons: Neurons, n_shuffles: int, generator: np.random.Generator
) -> np.ndarray:
    """Return raw scores, means over units, after the images of the features were shuffled: (shuffle,)."""
    scores = []
    for _ in range(n_shuffles):
        shuffled = features[generator.permutation(len(features))]
        raw = PROTOCOLS[protocol](shuffled, dataclasses.replace(neurons, n_halves=0), generator).raw
        scores.append(float(mean_of_defined(raw)))
    return np.array(scores)


# ----------------------------------------------------------------------------------------------- predictions


def rotated(features: np.ndarray) -> np.ndarray:
    """Return the same patterns in at most as many coordinates as stimuli: inner products, and so predictions, stay."""
    return truncated(features, len(features)) if features.shape[1] > len(features) else features


def image_splits(n_images: int, generator: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (train, test) of random halves of the images."""
    for _ in range(N_SPLITS):
        order = generator.permutation(n_images)
        yield order[: n_images // 2], order[n_images // 2 :]


def ridge_predictions(x: np.ndarray, y: np.ndarray, new: np.ndarray, penalty: float) -> np.ndarray:
    """Return ridge predictions for new stimuli, with an intercept that is not penalised."""
    centre = x - x.mean(axis=0)
    inner = centre @ centre.T + penalty * np.eye(len(x))
    return np.asarray(
        (new - x.mean(axis=0)) @ centre.T @ np.linalg.solve(inner, y - y.mean(axis=0)) + y.mean(axis=0)
    )


def leave_one_out(x: np.ndarray, y: np.ndarray, penalty: float) -> np.ndarray:
    """Return the ridge prediction of every stimulus from all others: y - residual / (1 - leverage).

    Parameters
    ----------
    x : array, (stimulus, feature)
    y : array, (stimulus, unit)
    penalty : float
        Above zero.
    """
    n = len(x)
    centre = x - x.mean(axis=0)
    kernel = centre @ centre.T
    hat = 1 / n + np.linalg.solve(kernel + penalty * np.eye(n), kernel)
    return np.asarray(y - (y - hat @ y) / (1 - np.diag(hat))[:, None])


def pls_predictions(x: np.ndarray, y: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Return predictions of partial least squares with 25 components (scikit-learn, not scaled); means without features.

    Late components of few stimuli do not always converge in scikit-learn's 500 iterations; they are used as they are.
    """
    from sklearn.cross_decomposition import PLSRegression  # slow to import
    from sklearn.exceptions import ConvergenceWarning

    rank = int(np.linalg.matrix_rank(x - x.mean(axis=0)))
    if rank == 0:
        return np.broadcast_to(y.mean(axis=0), (len(new), y.shape[1]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = PLSRegression(n_components=min(N_PLS, rank), scale=False).fit(x, y)
    return np.reshape(model.predict(new), (len(new), y.shape[1]))


def unit_correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return every unit's Pearson correlation over stimuli: (stimulus, unit), twice, to (unit,); NaN where constant."""
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    size = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    return np.divide((a * b).sum(axis=0), size, out=np.full(size.shape, np.nan), where=size > 1e-12)


def _rsa(features: np.ndarray, neurons: Neurons, metric: str) -> float:
    """Return the correlation of the RDMs over the images that evoke a pattern in both; NaN where fewer than 4 do."""
    first, second = dissimilarity(features), dissimilarity(neurons.mean)
    if (defined_images(first) & defined_images(second)).sum() < MIN_IMAGES:
        return np.nan
    return compare(first, second, metric)


def _single(value: float) -> Score:
    return Score(np.array([value]), np.array([np.nan]))


def _corrected(raw: np.ndarray, neurons: Neurons) -> Score:
    """Divide by the root of the units' reliability (Spearman 1904): what a prediction without noise can reach."""
    root = np.sqrt(np.maximum(neurons.reliability, 0))
    return Score(raw, np.divide(raw, root, out=np.full(raw.shape, np.nan), where=root > 0))


def _whole(half: np.ndarray) -> np.ndarray:
    """Return Spearman-Brown corrected correlations; NaN at or below zero, where the formula says nothing."""
    return np.where(half > 0, spearman_brown(np.maximum(half, 0)), np.nan)


def mean_of_defined(values: np.ndarray) -> np.ndarray:
    """Return the mean over the first axis of what is not NaN; NaN where all is."""
    there = np.isfinite(values)
    total, n = np.where(there, values, 0).sum(axis=0), there.sum(axis=0)
    return np.asarray(np.divide(total, n, out=np.full(np.shape(total), np.nan), where=n > 0))
