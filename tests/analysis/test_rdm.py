"""RDMs: theorems, silent stimuli, bad input; rsatoolbox as oracle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis.rdm import (
    DISTANCES,
    correlation_distance,
    defined_images,
    dissimilarity,
    is_silent,
    pair_values,
)

# counts, as spikes are: many ties, silent stimuli, dead units
patterns = st.tuples(st.integers(4, 8), st.integers(2, 6)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.integers(0, 5).map(float))
)


@pytest.mark.parametrize("distance", DISTANCES)
@given(x=patterns, seed=st.integers(0, 9))
@settings(max_examples=40, deadline=None)
def test_symmetric_zero_diagonal_nonnegative_whatever_the_units_order(distance, x, seed):
    rdm = dissimilarity(x, distance)
    shuffled = dissimilarity(x[:, np.random.default_rng(seed).permutation(x.shape[1])], distance)
    assert np.array_equal(rdm, rdm.T, equal_nan=True)
    assert (np.diag(rdm) == 0).all()
    assert np.nanmin(rdm) >= 0
    np.testing.assert_allclose(rdm, shuffled, atol=1e-12)


@given(x=patterns, scale=st.floats(0.1, 10), shift=st.floats(-3, 3))
@settings(max_examples=40, deadline=None)
def test_invariances(x, scale, shift):
    np.testing.assert_allclose(dissimilarity(scale * x), dissimilarity(x), atol=1e-7)
    np.testing.assert_allclose(dissimilarity(scale * x, "cosine"), dissimilarity(x, "cosine"), atol=1e-7)
    np.testing.assert_allclose(
        dissimilarity(scale * x + shift, "euclidean"), scale**2 * dissimilarity(x, "euclidean"), atol=1e-9
    )


@pytest.mark.parametrize("distance", ["correlation", "euclidean"])
def test_rsatoolbox_agrees(distance):
    rsatoolbox = pytest.importorskip("rsatoolbox")
    x = np.random.default_rng(0).poisson(2, (20, 30)).astype(float)
    theirs = rsatoolbox.rdm.calc_rdm(rsatoolbox.data.Dataset(x), method=distance).get_matrices()[0]
    np.testing.assert_allclose(dissimilarity(x, distance), theirs, atol=1e-10)


def test_cosine_by_hand():
    x = np.array([[1.0, 0], [0, 2], [3, 3], [-1, 0]])
    assert dissimilarity(x, "cosine")[0] == pytest.approx([0, 1, 1 - np.sqrt(0.5), 2])


def test_silent_stimuli_are_left_out_or_put_at_distance_one():
    x = np.array([[1.0, 2, 0], [0, 0, 0], [3, 0, 1], [0, 0, 0], [0, 1, 1], [2, 2, 2]])
    assert is_silent(x).tolist() == [False, True, False, True, False, True]
    excluded = dissimilarity(x)
    assert defined_images(excluded).tolist() == [True, False, True, False, True, False]
    one = dissimilarity(x, silent="one")
    assert one[1].tolist() == [1, 0, 1, 0, 1, 0]
    np.testing.assert_array_equal(one[np.ix_([0, 2, 4], [0, 2, 4])], excluded[np.ix_([0, 2, 4], [0, 2, 4])])
    assert np.isfinite(dissimilarity(x, "euclidean")).all()


def test_rounded_means_do_not_turn_silence_into_a_pattern():
    x = np.full((5, 3), 0.1)
    x[0] = [0.1, 0.2, 0.3]
    assert np.isnan(correlation_distance(x)[1:, 1:]).all()


def test_one_unit_is_silent_only_at_zero():
    assert is_silent(np.array([[0.0], [1], [1], [2]])).tolist() == [True, False, False, False]


def test_pair_order_is_numpys_upper_triangle():
    matrix = np.arange(16.0).reshape(4, 4)
    assert pair_values(matrix).tolist() == [1, 2, 3, 6, 7, 11]


@pytest.mark.parametrize(
    ("x", "distance", "silent", "text"),
    [
        (np.ones((3, 2)), "correlation", "exclude", "patterns hold 3 stimuli; at least 4 are needed"),
        (np.ones(4), "correlation", "exclude", r"patterns have the shape \(4,\); \(stimulus, unit\) is needed"),
        (np.ones((4, 0)), "correlation", "exclude", r"the shape \(4, 0\)"),
        (np.eye(4), "correlatoin", "exclude", "unknown distance 'correlatoin': did you mean 'correlation'"),
        (np.eye(4), "correlation", "zero", "unknown rule for silent stimuli 'zero'"),
        (np.where(np.eye(4), np.nan, 1), "correlation", "exclude", r"NaN or infinite values in 4 of 4 units \(first: unit 0\)"),
    ],
)  # fmt: skip
def test_bad_patterns(x, distance, silent, text):
    with pytest.raises(ValueError, match=text):
        dissimilarity(x, distance, silent)


def test_bad_matrices():
    with pytest.raises(ValueError, match=r"shape \(2, 3\); a square matrix"):
        defined_images(np.ones((2, 3)))
    matrix = np.ones((4, 4))
    matrix[0, 1] = 2
    with pytest.raises(ValueError, match=r"not symmetric \(largest difference 1\)"):
        defined_images(matrix)
    matrix[0, 1] = matrix[1, 0] = np.nan
    with pytest.raises(ValueError, match="single NaN entries"):
        defined_images(matrix)
