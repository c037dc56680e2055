"""The best layer, honestly: chosen on one half of the images, scored on the other."""

from __future__ import annotations

import numpy as np

from analysis.compare import compare_many
from analysis.rdm import MIN_IMAGES
from study.commands import unknown

N_SPLITS = 50
CHOOSERS = ("images", "other-sites")


def require_chooser(name: str, n_sites: int = 2) -> None:
    """Raise ValueError unless `name` is a way to choose the best layer, and possible with so many sites."""
    if name not in CHOOSERS:
        raise unknown("way to choose the best layer", name, CHOOSERS)
    if name == "other-sites" and n_sites < 2:
        raise ValueError(
            f"the recording has {n_sites} site, so no other site can choose its best layer; take the chooser images."
        )


def best_layer_scores(
    layers: np.ndarray,
    data: np.ndarray,
    metric: str,
    generator: np.random.Generator,
    n_splits: int = N_SPLITS,
    chooser: str = "images",
    together: np.ndarray | None = None,
) -> np.ndarray:
    """Return the held-out score of the layer that fits best, per site.

    The maximum over layers on the same images is optimistic; here each half of the images chooses the layer that the
    other half scores, mean over random halves and both directions.

    Parameters
    ----------
    layers : array, (layer, image, image)
    data : array, (site, image, image)
        Both wholly defined.
    metric : str
    generator : Generator
    n_splits : int
    chooser : str
        What chooses a site's layer on the one half of the images: "images", the site itself; "other-sites", the mean score
        of all other sites, so that the layer is of other images and other neurons.
    together : bool array, (site, site), optional
        Which other sites choose; all by default.

    Returns
    -------
    array, (site,)
        NaN with fewer than 8 images (4 in each half) or a constant RDM.

    Raises
    ------
    ValueError
        For an unknown chooser, or "other-sites" with one site.
    """
    require_chooser(chooser, len(data))
    n, sites = layers.shape[-1], np.arange(len(data))
    if n < 2 * MIN_IMAGES:
        return np.full(len(data), np.nan)
    others = ~np.eye(len(data), dtype=bool) & (True if together is None else together)
    held_out = []
    for _ in range(n_splits):
        order = generator.permutation(n)
        halves = [_scores(layers, data, metric, part) for part in (order[: n // 2], order[n // 2 :])]
        for choosing, scoring in (halves, halves[::-1]):
            if chooser == "other-sites":
                choosing = choosing @ others.T / others.sum(axis=1)
            best = np.where(np.isnan(choosing), -np.inf, choosing).argmax(axis=0)
            held_out.append(scoring[best, sites])
    return np.mean(held_out, axis=0)


def _scores(layers: np.ndarray, data: np.ndarray, metric: str, images: np.ndarray) -> np.ndarray:
    keep = np.ix_(images, images)
    return compare_many(np.stack([m[keep] for m in layers]), np.stack([d[keep] for d in data]), metric)
