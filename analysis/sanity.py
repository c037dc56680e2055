"""What is known of the real recordings, made again and set beside the reference values.

The reference numbers were made from the same files by other code, before this package (docs/methods.md).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np

from analysis.baselines import gabor_raw, pixels
from analysis.compare import compare_many
from analysis.rdm import dissimilarity
from analysis.recording_file import Recording
from analysis.recordings import Choices, make_recording
from analysis.rsa_choices import RsaChoices, site_groups
from analysis.scenes import FITS, LUMINANCE, SceneChoices, show
from analysis.screen import VIEWS
from analysis.trials import cell_reliability

REFERENCE_LAYERS = {"VISp_layer5": 0.235, "VISp_layer23": 0.166, "VISp_layer4": 0.140, "VISp_layer6": 0.063}
# Baselines that show what a way of showing does. The correlation of pixels takes no notice of an image's mean and contrast.
EFFECTS = {
    "pixels, correlation": (pixels, "correlation"),
    "pixels, Euclidean": (pixels, "euclidean"),
    "gabor-raw": (gabor_raw, "correlation"),
}


@dataclasses.dataclass(frozen=True)
class Check:
    """One number beside its reference.

    Parameters
    ----------
    what : str
    value : float
    reference : float
    tolerance : float
        Within which the two agree: rounding of the reference, or how random splits scatter.
    same_choices : bool
        Whether it is made as the reference was, so that it has to agree.
    """

    what: str
    value: float
    reference: float
    tolerance: float
    same_choices: bool = True

    @property
    def failed(self) -> bool:
        """Whether it had to agree and does not."""
        return self.same_choices and not abs(self.value - self.reference) <= self.tolerance

    def __str__(self) -> str:
        verdict = "other choices" if not self.same_choices else "DIFFERS" if self.failed else "agrees"
        return f"{self.value:9.4f} {self.reference:10.3f}  {verdict:14}{self.what}"


def nearest_mean(response: np.ndarray) -> float:
    """Return how often a single trial is nearest (Euclidean) to the mean of its own stimulus.

    Means are over every second trial, and the other trials are told; then the two change places.

    Parameters
    ----------
    response : array, (stimulus, repeat, unit)
        Without missing trials.

    Returns
    -------
    float, in [0, 1]
        Chance is one over the number of stimuli.
    """
    n_even = response.shape[1] // 2 * 2
    halves = response[:, 0:n_even:2], response[:, 1:n_even:2]
    return float(np.mean([_told(*pair) for pair in (halves, halves[::-1])]))


def _told(learnt: np.ndarray, told: np.ndarray) -> float:
    means = learnt.mean(axis=1)
    trials = told.reshape(-1, told.shape[2])
    distance = (means**2).sum(
        axis=1
    ) - 2 * trials @ means.T  # the trial's own length is the same for all means
    own = np.repeat(np.arange(len(means)), told.shape[1])
    return float((distance.argmin(axis=1) == own).mean())


def standardised_trials(response: np.ndarray) -> np.ndarray:
    """Return trials (stimulus, repeat, unit) with mean 0 and variance 1 over all trials of a unit."""
    return np.asarray((response - response.mean(axis=(0, 1))) / response.std(axis=(0, 1)))


def session_checks() -> Iterator[Check]:
    """Yield what is known of the single-trial session 636930038 (VISp layer 5, 54 cells)."""
    now, later, z = (
        make_recording("session", Choices(lag=lag, z_score=z))
        for lag, z in ((0, False), (1, False), (1, True))
    )
    for recording, lag, reference in ((later, 1, 0.68), (now, 0, 0.54)):
        value = float(np.median(cell_reliability(_trials(recording))))
        yield Check(f"median split-half r of 54 cells, lag {lag}", value, reference, 0.005)
    trials = _trials(later)
    chance = f"chance {1 / len(trials):.4f}"
    value = nearest_mean(standardised_trials(trials))
    yield Check(f"118-way decoding of single trials, cells z-scored ({chance})", value, 0.140, 0.005)
    yield Check(f"the same, cells as they are ({chance})", nearest_mean(trials), 0.140, 0.005, False)
    sites = make_recording("sites", Choices())
    scores = _scores(z, sites)
    for site, reference in REFERENCE_LAYERS.items():
        yield Check(f"Spearman of its RDM with {site}, --z-score", scores[site], reference, 0.003)
    best = max(scores, key=lambda site: scores[site])
    yield Check(f"highest of 20 sites, --z-score: {best}", scores[best], 0.235, 0.003)
    raw = _scores(later, sites)
    for site, reference in REFERENCE_LAYERS.items():
        yield Check(
            f"Spearman of its RDM with {site}, our default: not z-scored", raw[site], reference, 0.003, False
        )
    shifted = _scores(z, sites, shift=1)
    largest = max(abs(score) for score in shifted.values())
    yield Check("largest |Spearman| over 20 sites, frames shifted by one, --z-score", largest, 0.0, 0.03)


def _trials(recording: Recording) -> np.ndarray:
    assert recording.response is not None  # a session always has some
    return recording.response


def _scores(session: Recording, sites: Recording, shift: int = 0) -> dict[str, float]:
    """Return Spearman's correlation of a session's RDM with every site, the session's frames shifted by `shift`."""
    rdm = np.roll(session.dissimilarity[0], (shift, shift), axis=(0, 1))
    scores = compare_many(rdm[None], sites.dissimilarity, "spearman")[0]
    return dict(zip(map(str, sites.site), map(float, scores), strict=True))


def stimulus_effects(
    scenes: np.ndarray, views: Iterable[str] = tuple(VIEWS), size: int = 32
) -> Iterator[tuple[SceneChoices, np.ndarray, float]]:
    """Yield how like the sites the baselines are, for every way to show the scenes.

    Parameters
    ----------
    scenes : array, (118, y, x), in [0, 1]
    views : iterable of str
    size : int

    Yields
    ------
    choices : SceneChoices
    scores : array, (baseline, group)
        Mean Spearman correlation of `EFFECTS` over the good sites, and over all.
    clipped : float
        Share of pixels at 0 or 1.
    """
    sites = make_recording("sites", Choices())
    groups = site_groups(sites, RsaChoices())
    ways = [SceneChoices(size, fit, v, luminance) for v in views for fit in FITS for luminance in LUMINANCE]
    for choices in ways:
        images = show(scenes, choices)
        rdms = np.stack(
            [dissimilarity(patterns(images), distance) for patterns, distance in EFFECTS.values()]
        )
        scores = compare_many(rdms, sites.dissimilarity, "spearman")
        means = [scores[:, groups[name]].mean(axis=1) for name in ("mean-good", "mean-all")]
        yield choices, np.stack(means, axis=1), float(((images <= 0) | (images >= 1)).mean())
