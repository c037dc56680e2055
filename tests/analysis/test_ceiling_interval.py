"""Intervals of ceilings: the dual bootstrap by hand, where there is none, and the table."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from analysis.ceiling import ceiling
from analysis.ceiling_interval import ceiling_reach
from analysis.dual_bootstrap import dual_bootstrap
from analysis.rdm import dissimilarity
from analysis.recording_file import Recording
from analysis.rsa import analyse
from analysis.rsa_choices import RsaChoices
from analysis.table import load_table, save_table
from tests.analysis.test_compare import rdms
from tests.analysis.test_recordings import recording
from tests.analysis.test_rsa import model


def sites(n_sites: int = 8, n: int = 12, noise: float = 0.5) -> Recording:
    """Sites that share an RDM; the first half is good."""
    shared, own = rdms(1, n, 0, False), rdms(n_sites, n, 1, False)
    return recording(
        1,
        n=n,
        site=np.array([f"VISp_layer{k}" for k in range(n_sites)]),
        dissimilarity=shared + noise * own,
        ceiling=np.where(np.arange(n_sites) < n_sites // 2, 0.9, 0.1),
        n_cells=np.full(n_sites, 100),
    )


def test_bounds_of_a_sample_that_holds_everything_are_the_ceilings() -> None:
    made = sites()
    good = np.arange(8) < 4
    lower, upper = ceiling(made, "sites", "spearman")
    everything = np.arange(12)[None], np.arange(8)[None]
    data = made.dissimilarity
    for members in (good, np.ones(8, bool)):
        found = dual_bootstrap(data[:0], data, "spearman", *everything, members).ceiling[0]
        expected = np.array([lower[members].mean(), upper[members].mean()])
        np.testing.assert_allclose(found, expected[:, None].repeat(3, axis=1))


def test_means_of_scores_are_over_the_members() -> None:
    made, models = sites(), rdms(2, 12, 7, False)
    drawn = np.arange(12)[None], np.array([[0, 1, 2, 3, 4, 4, 4, 4]])
    few = dual_bootstrap(models, made.dissimilarity, "pearson", *drawn, np.arange(8) < 4).score
    alone = dual_bootstrap(models, made.dissimilarity[:4], "pearson", drawn[0], np.arange(4)[None]).score
    np.testing.assert_allclose(few, alone)


def test_sites_that_agree_are_sure_and_more_samples_do_not_narrow() -> None:
    groups = {"mean-all": np.arange(8), "mean-good": np.arange(4)}
    reach = [
        ceiling_reach(sites(noise=noise), groups, "spearman", n, np.random.default_rng(0))
        for noise, n in ((0.01, 60), (0.5, 60), (0.5, 240))
    ]
    for name in groups:
        sure, unsure, longer = (r[name] for r in reach)
        assert (sure < unsure / 4).all()
        np.testing.assert_allclose(longer, unsure, rtol=0.35)


def test_there_is_none_for_few_sites_and_no_samples() -> None:
    everything = {"mean-all": np.arange(4)}
    assert np.isnan(
        ceiling_reach(sites(4), everything, "cosine", 20, np.random.default_rng(0))["mean-all"]
    ).all()
    one = {"mean-good": np.array([2])}
    assert np.isnan(ceiling_reach(sites(), one, "cosine", 20, np.random.default_rng(0))["mean-good"]).all()
    assert np.isnan(
        ceiling_reach(sites(), everything, "cosine", 0, np.random.default_rng(0))["mean-all"]
    ).all()


def test_the_table_has_them_where_asked_for(tmp_path) -> None:
    choices = RsaChoices(n_bootstrap=20, n_permutations=0, ceiling_interval="dual")
    models = [model(matrix=rdms(1, 12, 9, False)[0])]
    rows = analyse(models, sites(), choices)
    save_table(rows, tmp_path / "rsa.csv")
    found = {row.site: row for row in load_table(tmp_path / "rsa.csv")}
    for name in ("mean-all", "mean-good"):
        row = found[name]
        assert row.ceiling_interval == "dual"
        assert row.ceiling_lower_low < row.ceiling_lower < row.ceiling_lower_high <= 1
        assert row.ceiling_upper_low < row.ceiling_upper < row.ceiling_upper_high <= 1
    assert np.isnan(found["VISp_layer0"].ceiling_lower_low)
    plain = analyse(models, sites(), dataclasses.replace(choices, ceiling_interval="none"))
    assert all(np.isnan(row.ceiling_upper_high) for row in plain)
    assert [row.score for row in plain] == [row.score for row in rows]
    assert [row.ci_low for row in plain] == [row.ci_low for row in rows]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"ceiling_interval": "double"}, "unknown interval of ceilings 'double'"),
        ({"ceiling_interval": "dual", "ceiling": "area"}, "the ceiling area has no interval; only"),
        ({"ceiling_interval": "dual", "metric": "linear-cka"}, "ceilings of linear-cka have no interval"),
    ],
)
def test_refused(changes: dict[str, str], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        RsaChoices(**changes)  # type: ignore[arg-type]


def studied(generator: np.random.Generator, n_sites: int = 8, n: int = 30) -> Recording:
    """A study of new images and new sites, which weigh ten features of the images differently."""
    features = generator.standard_normal((n, 10))
    weights = generator.standard_normal((n_sites, 10, 30)) * np.exp(
        generator.normal(0, 0.5, (n_sites, 10, 1))
    )
    patterns = features @ weights + 2 * generator.standard_normal((n_sites, n, 30))
    return dataclasses.replace(
        sites(n_sites, n), dissimilarity=np.stack([dissimilarity(site) for site in patterns])
    )


@pytest.mark.slow
def test_intervals_hold_the_mean_ceiling_of_studies() -> None:
    generator = np.random.default_rng(0)
    means = [np.mean(ceiling(studied(generator), "sites", "spearman"), axis=1) for _ in range(1000)]
    truth, spread = np.mean(means, axis=0), np.std(means, axis=0)
    held, reaches = np.zeros(2), []
    for _ in range(100):
        study = studied(generator)
        mean = np.mean(ceiling(study, "sites", "spearman"), axis=1)
        reach = ceiling_reach(study, {"mean-all": np.arange(8)}, "spearman", 100, generator)["mean-all"]
        held += np.abs(mean - truth) <= reach
        reaches.append(reach)
    assert (held >= 93).all(), held
    wide = np.mean(reaches, axis=0) / (2.36 * spread)  # Student's t with 7 degrees of freedom
    assert ((wide > 1) & (wide < 2)).all(), wide  # wider than need be, as rsatoolbox's
