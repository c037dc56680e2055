"""How sure the ceiling from other sites is, for new images and new sites: the dual bootstrap of its bounds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import stats

from analysis.ceiling import same_window
from analysis.dual_bootstrap import dual_bootstrap
from analysis.intervals import TAIL, two_factor_variance
from analysis.recording_file import Recording

CEILING_INTERVALS = ("none", "dual")
MIN_SITES = 5  # of fewer, samples too often hold copies of a single site, whose bounds are 1


def ceiling_reach(
    recording: Recording,
    groups: Mapping[str, np.ndarray],
    metric: str,
    n_samples: int,
    generator: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Return how far the 95 % intervals of the mean lower and upper bound reach to either side.

    Every sample draws images, and sites: as many of the group, and as many of those that only help to make its bounds, as
    there are. Standard error: `two_factor_variance`. Student's t, min(sites, images) - 1 degrees of freedom.

    Parameters
    ----------
    recording : Recording
    groups : mapping of name to site indices
        Of sites of the same bin of time.
    metric : str
        One of `compare.DOT_FORMS`.
    n_samples : int
    generator : Generator

    Returns
    -------
    dict of name to array, (2,)
        NaN for single sites, with fewer than 5 sites in all, or fewer than 2 samples.
    """
    together = same_window(recording)
    n_images = len(recording.stimulus)
    found = {}
    for name, chosen in groups.items():
        pool = np.flatnonzero(together[chosen[0]])
        found[name] = np.full(2, np.nan)
        if len(pool) < MIN_SITES or len(chosen) < 2 or n_samples < 2:
            continue
        inside = np.isin(pool, chosen)
        images = generator.integers(0, n_images, size=(n_samples, n_images))
        parts = [
            generator.choice(np.flatnonzero(p), (n_samples, p.sum())) for p in (inside, ~inside) if p.any()
        ]
        data = recording.dissimilarity[pool]
        samples = dual_bootstrap(data[:0], data, metric, images, np.hstack(parts), inside)
        both, sites, alone = np.moveaxis(samples.ceiling.var(axis=0, ddof=1), -1, 0)
        error = np.sqrt(two_factor_variance(both, sites, alone, len(chosen), n_images))
        found[name] = stats.t.ppf(TAIL, min(len(chosen), n_images) - 1) * error
    return found
