"""The ready RDMs beside the reference table: reliability, baselines and agreement of all 21 sites."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from analysis.baselines import baseline_patterns
from analysis.compare import compare_many
from analysis.rdm import dissimilarity
from analysis.recordings import Choices, make_recording
from analysis.sanity import Check

# Site: cells, trial reliability of the RDM, Spearman's correlation with pixels and with Gabor energy of the whole scenes.
REFERENCE = {
    "VISp_layer23": (1099, 0.921, 0.104, 0.158), "VISp_layer4": (2083, 0.916, 0.104, 0.161), "VISp_layer5": (787, 0.910, 0.067, 0.143),
    "VISp_layer6": (18, 0.508, 0.010, 0.118), "VISl_layer23": (675, 0.931, 0.108, 0.206), "VISl_layer4": (953, 0.870, 0.164, 0.137),
    "VISl_layer5": (726, 0.916, 0.096, 0.175), "VISl_layer6": (45, 0.604, 0.069, 0.078), "VISal_layer23": (271, 0.874, 0.110, 0.132),
    "VISal_layer4": (561, 0.890, 0.115, 0.210), "VISal_layer5": (124, 0.743, 0.073, 0.135), "VISpm_layer23": (278, 0.888, 0.112, 0.195),
    "VISpm_layer4": (147, 0.737, 0.189, 0.109), "VISpm_layer5": (104, 0.690, 0.100, 0.126), "VISpm_layer6": (42, 0.503, 0.087, 0.071),
    "VISam_layer23": (109, 0.815, 0.055, 0.147), "VISam_layer4": (87, 0.802, 0.113, 0.141), "VISam_layer5": (25, 0.613, 0.031, 0.123),
    "VISrl_layer23": (47, 0.732, 0.064, 0.084), "VISrl_layer4": (29, 0.457, 0.018, 0.031), "VISrl_layer5": (4, 0.127, 0.069, 0.014),
}  # fmt: skip
# Two sites, Spearman's correlation of their RDMs, rounding of the reference.
AGREEMENT = (
    ("VISp_layer23", "VISp_layer4", 0.63, 0.005),
    ("VISp_layer4", "VISl_layer23", 0.48, 0.005),
    ("VISp_layer6", "VISpm_layer6", 0.1, 0.05),
)
# What, its column of the reference, and how near the two have to be (other filters than the reference's for Gabor energy).
COLUMNS = (("cells", 0, 0.0), ("trial reliability", 1, 0.0006), ("pixels", 2, 0.0011), ("gabor", 3, 0.01))


@dataclasses.dataclass(frozen=True)
class SiteLine:
    """What was measured of one site, one check per column of the table."""

    site: str
    checks: tuple[Check, ...]

    def __str__(self) -> str:
        cells, *numbers = self.checks
        told = "  ".join(f"{c.value:7.3f} ({c.reference:.3f}){'!' if c.failed else ' '}" for c in numbers)
        return f"{self.site:14}{cells.value:6.0f} ({cells.reference:.0f})".ljust(30) + told


def site_lines(scenes: np.ndarray) -> Iterator[SiteLine]:
    """Yield every site's numbers beside the reference: cells, trial reliability, pixels, Gabor energy.

    Parameters
    ----------
    scenes : array, (118, y, x), in [0, 1]
    """
    sites = make_recording("sites", Choices(all_sites=True))
    models = [
        dissimilarity(baseline_patterns(name, scenes)) for name in ("pixels-reference", "gabor-reference")
    ]
    scores = compare_many(np.stack(models), sites.dissimilarity, "spearman")
    for site, values in zip(
        map(str, sites.site), zip(sites.n_cells, sites.ceiling, *scores, strict=True), strict=True
    ):
        checks = [
            Check(f"{site}, {what}", float(values[k]), REFERENCE[site][k], tolerance)
            for what, k, tolerance in COLUMNS
        ]
        yield SiteLine(site, tuple(checks))


def agreement_checks() -> Iterator[Check]:
    """Yield how alike pairs of sites are."""
    sites = make_recording("sites", Choices(all_sites=True))
    row = {str(site): k for k, site in enumerate(sites.site)}
    for first, second, reference, tolerance in AGREEMENT:
        pair = sites.dissimilarity[[row[first], row[second]]]
        value = float(compare_many(pair[:1], pair[1:], "spearman")[0, 0])
        yield Check(f"Spearman of the RDMs of {first} and {second}", value, reference, tolerance)
