"""Do 95 % intervals hold the truth 95 times in 100, and do tests at 5 % err 5 times in 100? Simulated studies, known truth.

    python benchmarks/calibration.py --scenario standard --studies 2000

A population of images has 15 hidden features. A site sees them through weights that it partly shares with all sites,
and its own trial noise; a model sees part of them and features of its own. Every study draws new images, new sites
(the first one keeps its weights: the site that rows of single sites speak of) and new noise. Models come in pairs that
differ only in the draw of their own features, so that their true scores are equal; those of the first pair see
nothing of the images and are at chance (but for outlying images, which are strong for every model and site). True
scores are means over large populations. What is tested is the product's own code at its defaults, with 300 bootstrap
samples (the product's default is 1000) and 199 permutations.

Prints a Markdown table: coverage of intervals and false positives in percent, with the error of the percentage.
"""

from __future__ import annotations

import argparse
import dataclasses

import numpy as np
from tqdm import tqdm

from analysis.compare import compare_many
from analysis.inference import p_values, permutation_scores
from analysis.intervals import INTERVALS, resample, with_means
from analysis.rdm import dissimilarity

N_FEATURES, N_UNITS = 15, 40
SEEN = (0.0, 0.15, 0.5)  # share of a model's variance from features that the sites see, per pair of models
SCALE = 1 / np.arange(1, N_FEATURES + 1) ** 0.5
ALPHA = 0.05
N_BOOTSTRAP, N_PERMUTATIONS = 300, 199
ENDS = [0, -1]  # the first site, the mean over sites


@dataclasses.dataclass(frozen=True)
class Scenario:
    """How studies are made.

    Parameters
    ----------
    n_images, n_sites : int
    shared : (float, float)
        Range of the share of weights that a site has in common with all sites.
    noise : float
        Standard deviation, in units of the signal's.
    outliers : float
        Images differ in strength by the exponential of a normal number of this standard deviation.
    distance : str
    """

    n_images: int
    n_sites: int
    shared: tuple[float, float] = (0.3, 0.7)
    noise: float = 0.7
    outliers: float = 0.0
    distance: str = "correlation"


SCENARIOS = {
    "standard": Scenario(60, 6),
    "allen-images": Scenario(118, 1),
    "few-images": Scenario(30, 3),
    "unlike-sites": Scenario(40, 12, shared=(0.0, 1.0), noise=1.5),
    "outlying-images": Scenario(40, 6, outliers=0.5, distance="euclidean"),
    "two-sites": Scenario(60, 2),
    "eight-images": Scenario(8, 6),
}


class Population:
    """Images, sites and models from which studies are drawn."""

    def __init__(self, scenario: Scenario) -> None:
        generator = np.random.default_rng(2024)
        self.scenario = scenario
        self.common, self.first, self.own = (
            generator.standard_normal((N_FEATURES, N_UNITS)) * SCALE[:, None] for _ in range(3)
        )

    def study(
        self, n_images: int, n_sites: int, generator: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return model RDMs (2 · pair, image, image) and site RDMs (site, image, image)."""
        s = self.scenario
        images = generator.standard_normal((n_images, N_FEATURES))
        strength = np.exp(s.outliers * generator.standard_normal((n_images, 1)))
        models = []
        for seen in np.repeat(SEEN, 2):
            other = generator.standard_normal(images.shape)
            signal = np.sqrt(seen) * images @ self.common + np.sqrt(1 - seen) * other @ self.own
            models.append(dissimilarity(strength * signal, s.distance))
        sites = []
        for site in range(n_sites):
            weights = self.first if site == 0 else self._weights(generator)
            shared = np.mean(s.shared) if site == 0 else generator.uniform(*s.shared)
            signal = images @ (np.sqrt(shared) * self.common + np.sqrt(1 - shared) * weights)
            noise = s.noise * np.linalg.norm(SCALE) * generator.standard_normal(signal.shape)
            sites.append(dissimilarity(strength * signal + noise, s.distance))
        return np.stack(models), np.stack(sites)

    def _weights(self, generator: np.random.Generator) -> np.ndarray:
        return np.asarray(generator.standard_normal((N_FEATURES, N_UNITS)) * SCALE[:, None])

    def truth(self, n_draws: int = 8, n_images: int = 800, n_sites: int = 8) -> tuple[np.ndarray, ...]:
        """Return true scores (model, column) of the first site and of the mean over sites, and their errors."""
        drawn = []
        for draw in range(n_draws):
            models, sites = self.study(n_images, n_sites + 1, np.random.default_rng([7, draw]))
            scores = compare_many(models, sites)
            drawn.append(np.column_stack([scores[:, 0], scores[:, 1:].mean(axis=1)]))
        # the two models of a pair are alike
        found = np.reshape(drawn, (n_draws, len(SEEN), 2, 2)).mean(axis=2)
        return np.repeat(found.mean(axis=0), 2, axis=0), found.std(axis=0) / np.sqrt(n_draws)


def one_study(population: Population, seed: int, truth: np.ndarray) -> dict[tuple[str, str], np.ndarray]:
    """Return what hit or erred, axes (model or pair, column): column 0 is the first site, 1 the mean over sites.

    The sites of the mean are new in every study; the first site, whose weights stay, is none of them.
    """
    s = population.scenario
    generator = np.random.default_rng([11, seed])
    models, sites = population.study(s.n_images, s.n_sites + 1, generator)
    groups = {"mean": np.arange(1, len(sites))}
    resampled = resample(models, sites, "spearman", N_BOOTSTRAP, generator)
    first, second = list(range(0, len(models), 2)), list(range(1, len(models), 2))
    found = {}
    for name, interval in INTERVALS.items():
        columns = interval(resampled, groups, generator)
        low, high = columns.low[:, ENDS], columns.high[:, ENDS]
        found[name, "coverage"] = (low <= truth) & (truth <= high)
        found[name, "difference"] = (
            interval(resampled.difference(first, second), groups, generator).p[:, ENDS] <= ALPHA
        )
    null = with_means(permutation_scores(models[:2], sites, "spearman", N_PERMUTATIONS, generator), groups)
    found["permutation", "chance"] = p_values(with_means(resampled.score[:2], groups), null)[:, ENDS] <= ALPHA
    return found


def percent(hits: np.ndarray) -> str:
    """Return a share in percent with its standard error."""
    share = hits.mean()
    return f"{100 * share:.1f} ± {100 * np.sqrt(share * (1 - share) / hits.size):.1f}"


def main() -> None:
    """Simulate and print the table of one scenario."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--scenario", choices=SCENARIOS, required=True)
    parser.add_argument("--studies", type=int, default=2000)
    arguments = parser.parse_args()
    population = Population(SCENARIOS[arguments.scenario])
    truth, error = population.truth()
    numbers = tqdm(range(arguments.studies), mininterval=30)
    studies = [one_study(population, k, truth) for k in numbers]
    hits = {key: np.stack([study[key] for study in studies]) for key in studies[0]}
    print(f"{arguments.scenario}: {population.scenario}, {arguments.studies} studies")
    print(f"largest error of a true score: {error.max():.4f}")
    print("| true score | of | interval | coverage of 95 % | false positives, difference | permutation |")
    print("|---|---|---|---|---|---|")
    alike = population.scenario.outliers > 0  # then strong images are strong for all: no model is at chance
    for pair in range(len(SEEN)):
        for column, what in enumerate(("a site", "a mean over sites")):
            for name in INTERVALS:
                covered = percent(hits[name, "coverage"][:, 2 * pair : 2 * pair + 2, column])
                erred = percent(hits[name, "difference"][:, pair, column])
                chance = (
                    percent(hits["permutation", "chance"][:, :, column]) if pair == 0 and not alike else ""
                )
                print(f"| {truth[2 * pair, column]:.2f} | {what} | {name} | {covered} | {erred} | {chance} |")


if __name__ == "__main__":
    main()
