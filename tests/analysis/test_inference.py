"""Permutation test, false discovery rate, choice of the best layer."""

import numpy as np
import pytest

from analysis.compare import METRICS, compare_many
from analysis.inference import false_discovery_rate, p_values, permutation_scores
from analysis.resampling import bootstrap_scores
from analysis.selection import best_layer_scores
from tests.analysis.test_compare import rdms


@pytest.mark.parametrize("metric", METRICS)
def test_the_seed_decides(metric):
    a, b = rdms(1, 7, 0, False), rdms(2, 7, 1, False)
    for function in (bootstrap_scores, permutation_scores):
        first, again, other = (function(a, b, metric, 5, np.random.default_rng(s)) for s in (0, 0, 1))
        assert first.shape == (5, 1, 2)
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first, other)


def test_chance_is_not_significant_and_likeness_is():
    a = rdms(20, 12, 0, False)
    data = rdms(1, 12, 99, False)
    scores = compare_many(a, data)
    p = p_values(scores, permutation_scores(a, data, "spearman", 200, np.random.default_rng(0)))
    assert p.min() > 1 / 201
    assert 0.2 < p.mean() < 0.8
    same = permutation_scores(data, data, "spearman", 200, np.random.default_rng(0))
    assert p_values(np.ones((1, 1)), same) == pytest.approx(1 / 201)
    assert np.isnan(p_values(np.full((1, 1), np.nan), same)).all()


@pytest.mark.parametrize("metric", METRICS)
def test_permutation_shuffles_images_not_pairs(metric):
    a, b = rdms(2, 6, 0, False), rdms(2, 6, 1, False)
    null = permutation_scores(a, b, metric, 3, np.random.default_rng(5))
    generator = np.random.default_rng(5)
    for scores in null:
        order = generator.permutation(6)
        np.testing.assert_allclose(scores, compare_many(a, b[:, order][:, :, order], metric), atol=1e-12)


def test_false_discovery_rate_by_hand():
    """Benjamini and Hochberg with n = 5: p · 5 / rank is .005, .05, .05, .051..., .9; then minima from above."""
    p = np.array([0.9, 0.001, 0.02, np.nan, 0.03, 0.041])
    q = false_discovery_rate(p)
    assert q == pytest.approx([0.9, 0.005, 0.05, np.nan, 0.05, 0.05125], nan_ok=True)
    assert false_discovery_rate(np.array([0.04, 0.03])) == pytest.approx([0.04, 0.04])
    with pytest.raises(ValueError, match=r"p-values run from 0.1 to 1.2; allowed is 0 to 1"):
        false_discovery_rate(np.array([0.1, 1.2]))


def test_best_layer_is_not_optimistic():
    """Eight random layers: their maximum is above zero, the held-out best layer is not."""
    data = rdms(6, 20, 0, False)
    layers = rdms(8, 20, 1, False)
    held_out = best_layer_scores(layers, data, "spearman", np.random.default_rng(0))
    assert compare_many(layers, data).max(axis=0).mean() > 0.08
    assert abs(held_out.mean()) < 0.04
    winner = np.concatenate([layers, data[:1]])
    assert best_layer_scores(winner, data, "spearman", np.random.default_rng(0))[0] == pytest.approx(1)
    assert np.isnan(
        best_layer_scores(layers[:, :7, :7], data[:, :7, :7], "spearman", np.random.default_rng(0))
    ).all()


def test_other_sites_choose_the_layer_that_they_like():
    """Site 0 is layer 0 itself, all others are layer 1: only the site itself would choose layer 0 for it."""
    layers = rdms(2, 20, 0, False)
    data = layers[[0, 1, 1, 1]]
    own = best_layer_scores(layers, data, "spearman", np.random.default_rng(0))
    others = best_layer_scores(layers, data, "spearman", np.random.default_rng(0), chooser="other-sites")
    assert own == pytest.approx(np.ones(4))
    assert others[1:] == pytest.approx(np.ones(3))
    assert abs(others[0]) < 0.2


def test_who_chooses_is_checked():
    layers = rdms(2, 20, 0, False)
    with pytest.raises(ValueError, match="unknown way to choose the best layer 'sites'"):
        best_layer_scores(layers, layers, "spearman", np.random.default_rng(0), chooser="sites")
    with pytest.raises(ValueError, match="the recording has 1 site, so no other site can choose"):
        best_layer_scores(layers, layers[:1], "spearman", np.random.default_rng(0), chooser="other-sites")
