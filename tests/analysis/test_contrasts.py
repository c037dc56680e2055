"""Trained against untrained: which layers are paired, and what their differences say."""

import dataclasses
import math

import numpy as np
import pytest

from analysis.compare import compare_many
from analysis.contrasts import twin_name, twins
from analysis.intervals import sign_p
from analysis.model_rdms import ModelRdm
from analysis.rdm import dissimilarity
from analysis.rsa import BEST_LAYER, analyse
from analysis.rsa_choices import RsaChoices
from tests.analysis.test_recordings import recording

CHOICES = RsaChoices(n_bootstrap=200, n_permutations=0)
N_IMAGES = 20


def model(variant, matrix, layer="c1", seed=0, level="torch") -> ModelRdm:
    return ModelRdm(f"m/{variant}/seed-{seed}", "critic", level, layer, matrix, 5, 0, "correlation", "all")


def noisy(truth, noise, generator) -> np.ndarray:
    return dissimilarity(truth + noise * generator.standard_normal(truth.shape))


def toy(generator, trained: float, untrained: float):
    """A recording of six sites, and two models of it with so much noise."""
    truth = generator.standard_normal((N_IMAGES, 12))
    made = recording(
        6,
        N_IMAGES,
        site=np.array([f"VISp_layer{k}" for k in range(6)]),
        dissimilarity=np.stack([noisy(truth, 0.7, generator) for _ in range(6)]),
        ceiling=np.full(6, 0.9),
        n_cells=np.full(6, 200),
    )
    return made, [
        model("sgad", noisy(truth, trained, generator)),
        model("untrained", noisy(truth, untrained, generator)),
    ]


def trained_rows(models, made, choices=CHOICES):
    return [
        row for row in analyse(models, made, choices) if row.variant == "sgad" and row.layer != BEST_LAYER
    ]


def test_a_twin_compared_with_itself_gives_zero():
    made, (sgad, _) = toy(np.random.default_rng(0), 1, 1)
    for row in trained_rows([sgad, dataclasses.replace(sgad, model="m/untrained/seed-0")], made):
        assert (row.difference, row.difference_low, row.difference_high) == (0, 0, 0)
        assert (row.difference_p, row.difference_q) == (1, 1)
        assert row.twin == "m/untrained/seed-0"


def test_a_better_model_has_an_interval_above_zero():
    made, models = toy(np.random.default_rng(0), 0.3, 5)
    rows = analyse(models, made, CHOICES)
    untrained = {row.site: row for row in rows if row.variant == "untrained"}
    for row in trained_rows(models, made):
        assert row.difference == pytest.approx(row.score - untrained[row.site].score)
        assert 0 < row.difference_low < row.difference < row.difference_high
        assert row.difference_p <= row.difference_q < 0.05
    assert {row.twin for row in untrained.values()} == {""}
    assert all(math.isnan(row.difference) for row in untrained.values())


def test_equal_models_differ_as_seldom_as_the_interval_says():
    generator = np.random.default_rng(0)
    covered = []
    for _ in range(40):
        made, models = toy(generator, 2, 2)
        row = next(r for r in trained_rows(models, made) if r.site == "mean-all")
        covered.append(row.difference_low <= 0 <= row.difference_high)
        assert covered[-1] == (row.difference_p >= 0.05)
    assert np.mean(covered) >= 0.85


def test_differences_are_over_the_images_that_both_have():
    made, (sgad, untrained) = toy(np.random.default_rng(0), 1, 1)
    hole = sgad.matrix.copy()
    hole[3], hole[:, 3] = np.nan, np.nan
    row = trained_rows([dataclasses.replace(sgad, matrix=hole), untrained], made)[0]
    keep = np.delete(np.arange(N_IMAGES), 3)
    cut = np.ix_([0], keep, keep)
    scores = [compare_many(m.matrix[None][cut], made.dissimilarity[cut])[0, 0] for m in (sgad, untrained)]
    assert row.difference == pytest.approx(scores[0] - scores[1])
    dead = dataclasses.replace(untrained, matrix=np.where(np.eye(N_IMAGES), 0, np.nan))
    row = trained_rows([sgad, dead], made)[0]
    assert row.twin == ""
    assert math.isnan(row.difference)


def test_without_samples_there_is_only_the_difference():
    made, models = toy(np.random.default_rng(0), 1, 1)
    for row in trained_rows(models, made, RsaChoices(n_bootstrap=0, n_permutations=0)):
        assert math.isfinite(row.difference)
        assert all(math.isnan(v) for v in (row.difference_low, row.difference_p, row.difference_q))


def test_parts_of_many_pairs_draw_the_same_numbers(monkeypatch):
    generator = np.random.default_rng(0)
    made, models = toy(generator, 1, 1)
    models += [dataclasses.replace(m, layer="c2", matrix=toy(generator, 1, 1)[1][0].matrix) for m in models]
    whole = trained_rows(models, made)
    monkeypatch.setattr("analysis.contrasts.MAX_PAIRS", 1)
    for one, other in zip(whole, trained_rows(models, made), strict=True):
        assert one.difference_low == pytest.approx(other.difference_low, abs=1e-12)
        assert one.difference_p == pytest.approx(other.difference_p)


def test_twins_have_the_same_experiment_seed_level_and_layer():
    names = ["m/untrained/seed-0", "m/untrained-big/seed-0", "m/untrained/seed-1", "other/untrained/seed-2"]
    assert twin_name("m/sgad/seed-0", names) == "m/untrained/seed-0"
    assert twin_name("m/big/seed-0", names) == "m/untrained-big/seed-0"
    assert twin_name("m/sgad/seed-2", names) is None
    assert twin_name("m/untrained-big/seed-0", names) is None
    matrix = np.zeros((4, 4))
    models = [model("sgad", matrix), model("sgad", matrix, "c2"), model("sgad", matrix, level="lif")]
    models += [model("untrained", matrix), model("untrained", matrix, level="exact")]
    assert [(a.label, b.label) for a, b in twins(models)] == [(models[0].label, models[3].label)]


def test_any_model_variant_or_baseline_can_be_the_other():
    made, (sgad, untrained) = toy(np.random.default_rng(0), 0.3, 5)
    pixels = dataclasses.replace(untrained, model="baseline/pixels", network="", level="", layer="pixels")
    models = [sgad, model("hybrid", untrained.matrix), pixels]
    for name in ("hybrid", "m/hybrid/seed-0"):
        assert [(a.model, b.model) for a, b in twins(models, name)] == [("m/sgad/seed-0", "m/hybrid/seed-0")]
    assert [a.model for a, b in twins(models, "baseline/pixels") if b is pixels] == [
        "m/sgad/seed-0",
        "m/hybrid/seed-0",
    ]
    rows = analyse(models, made, dataclasses.replace(CHOICES, against="baseline/pixels"))
    score = {(row.variant, row.site): row.score for row in rows}
    for row in (r for r in rows if r.variant == "sgad" and r.layer != BEST_LAYER):
        assert row.twin == "baseline/pixels"
        assert row.difference == pytest.approx(row.score - score["pixels", row.site])
        assert row.difference_low > 0
    with pytest.raises(ValueError, match="unknown model to compare with 'hybird'"):
        twins(models, "hybird")


def test_the_sign_of_samples_by_hand():
    samples = np.array([-1.0, 2, 3, 4, 5, 6, 7, 8, 9])[:, None]
    assert sign_p(samples, np.ones(1)) == pytest.approx(2 * 2 / 10)
    assert sign_p(samples * 0, np.zeros(1)) == pytest.approx(1)
    assert np.isnan(sign_p(samples, np.full(1, np.nan))).all()
