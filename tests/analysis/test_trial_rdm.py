"""RDMs of single trials: rsatoolbox as oracle, missing trials, parts of layers, bad input."""

import warnings

import numpy as np
import pytest

from analysis.ceiling import unit_halves
from analysis.layer_parts import channel_groups, layer_parts
from analysis.noise import COVARIANCES, noise_precision
from analysis.rdm import dissimilarity, pair_values
from analysis.recordings import Choices, make_recording
from analysis.trial_rdm import Distance, trial_rdm, with_distance
from analysis.trials import compared_trials, trial_recording, z_scored
from study.responses import load_layer, save_responses
from tests.analysis.synthetic import LAYERS, N_BINS, images, responses
from tests.analysis.test_recordings import recording

THEIRS = {
    "ledoit-wolf": "shrinkage_eye",
    "schaefer-strimmer": "shrinkage_diag",
    "diagonal": "diag",
    "full": "full",
}


def trials(n_stimuli=8, n_repeats=6, n_units=5, missing=0) -> np.ndarray:
    """Poisson counts with noise that units share; `missing` trials are NaN."""
    generator = np.random.default_rng(0)
    made = generator.poisson(3, (n_stimuli, 1, n_units)) + generator.normal(
        size=(n_stimuli, n_repeats, n_units)
    )
    made += generator.normal(size=(n_stimuli, n_repeats, 1))
    for place in generator.choice(n_stimuli * n_repeats, missing, replace=False):
        made[divmod(place, n_repeats)] = np.nan
    return made


def dataset(response):
    """The same trials for rsatoolbox, without the missing ones."""
    rsatoolbox = pytest.importorskip("rsatoolbox")
    stimulus, repeat = np.nonzero(np.isfinite(response).all(axis=2))
    order = {"stimulus": stimulus, "repeat": repeat}
    return rsatoolbox, rsatoolbox.data.Dataset(response[stimulus, repeat], obs_descriptors=order)


@pytest.mark.parametrize("missing", [0, 7])
@pytest.mark.parametrize("noise", COVARIANCES)
def test_rsatoolbox_agrees_on_noise(noise, missing):
    response = trials(missing=missing)
    rsatoolbox, data = dataset(response)
    theirs = rsatoolbox.data.noise.prec_from_unbalanced(data, "stimulus", method=THEIRS[noise])
    np.testing.assert_allclose(noise_precision(response, noise), theirs, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("noise", COVARIANCES)
@pytest.mark.parametrize("name", ["mahalanobis", "crossnobis"])
def test_rsatoolbox_agrees_on_distances(name, noise):
    response = trials()
    rsatoolbox, data = dataset(response)
    precision = noise_precision(response, noise)
    more = {"cv_descriptor": "repeat"} if name == "crossnobis" else {}
    theirs = rsatoolbox.rdm.calc_rdm(data, method=name, descriptor="stimulus", noise=precision, **more)
    np.testing.assert_allclose(
        trial_rdm(response, Distance(name, noise)), theirs.get_matrices()[0], atol=1e-9
    )


def test_rsatoolbox_agrees_on_crossnobis_with_missing_trials():
    response = trials(missing=9)
    rsatoolbox, data = dataset(response)
    precision = noise_precision(response)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = rsatoolbox.rdm.calc_rdm_unbalanced(
            data, method="crossnobis", descriptor="stimulus", noise=precision, cv_descriptor="repeat"
        )
    np.testing.assert_allclose(
        trial_rdm(response, Distance("crossnobis")), theirs.get_matrices()[0], atol=1e-9
    )


def test_crossnobis_of_stimuli_that_do_not_differ_is_zero_on_average_and_mahalanobis_is_not():
    noise = np.random.default_rng(0).normal(size=(100, 4, 10))
    assert abs(pair_values(trial_rdm(noise, Distance("crossnobis"))).mean()) < 0.08
    assert pair_values(trial_rdm(noise, Distance("mahalanobis"))).mean() > 0.4


def test_missing_trials_leave_means_of_what_is_there():
    response = trials(missing=9)
    means = np.stack([np.nanmean(r, axis=0) for r in response])
    np.testing.assert_allclose(trial_rdm(response, Distance()), dissimilarity(means))
    single = trials()
    single[0, 0, 2] = np.nan  # one unit alone: correlation keeps the trial of the others, covariance does not
    whole = single.copy()
    whole[0, 0] = np.nan
    assert not np.allclose(trial_rdm(single, Distance()), trial_rdm(whole, Distance()))
    np.testing.assert_array_equal(*(trial_rdm(x, Distance("crossnobis")) for x in (single, whole)))


def test_groups_of_channels():
    assert channel_groups((5, 1, 2), 2).tolist() == [0, 0, 0, 0, 0, 0, 1, 1, 1, 1]
    assert channel_groups((6,), 3).tolist() == [0, 0, 1, 1, 2, 2]


def test_parts_of_a_layer_make_the_whole(tmp_path):
    save_responses(responses(images(6), np.arange(6), "critic", "torch", "sgad"), tmp_path / "r.nc")
    counts, _ = load_layer(tmp_path / "r.nc", "c1")
    whole = next(layer_parts(counts, tmp_path / "r.nc", "c1"))
    assert whole[0] == ""
    bins = list(layer_parts(counts, tmp_path / "r.nc", "c1", split="time"))
    assert len(bins) == N_BINS
    assert bins[1][0] == "/31.25-62.5ms"
    np.testing.assert_array_equal(sum(part for _, part, _ in bins), whole[1])
    channels = list(layer_parts(counts, tmp_path / "r.nc", "c1", split="channels", n_groups=2))
    assert [name for name, *_ in channels] == ["/channels-1", "/channels-2"]
    np.testing.assert_array_equal(np.concatenate([part for _, part, _ in channels], axis=2), whole[1])
    many = list(layer_parts(counts, tmp_path / "r.nc", "c1", split="channels", n_groups=100))
    assert len(many) == LAYERS["critic"]["c1"][0]


def test_sites_are_made_anew_from_trials():
    made = trial_recording(trials(), np.arange(8), "VISp_layer4", {})
    assert np.array_equal(with_distance(made, Distance()).dissimilarity, made.dissimilarity)
    other = with_distance(made, Distance("crossnobis"))
    np.testing.assert_allclose(
        other.dissimilarity[0], trial_rdm(trials(), Distance("crossnobis")), atol=1e-12
    )
    assert np.isnan(other.ceiling).all()
    assert other.attributes["distance"] == "crossnobis"
    halves = [unit_halves(r, "VISp_layer4", "spearman")[:, 0] for r in (made, other)]
    assert not np.allclose(*halves)  # the positive control is made as the site is
    with pytest.raises(ValueError, match="site VISp_layer4: the recording holds no single trials"):
        with_distance(recording(), Distance("crossnobis"))


def test_sites_made_anew_are_z_scored_where_they_were():
    quiet = trials(n_units=12)
    loud = quiet * np.where(np.arange(12) < 2, 50, 1)
    made = trial_recording(loud, np.arange(8), "VISp_layer4", {}, z_score=True)
    np.testing.assert_allclose(with_distance(made, Distance()).dissimilarity, made.dissimilarity, atol=1e-12)
    whole = trial_rdm(compared_trials(made, "VISp_layer4"), Distance("euclidean"))
    expected = dissimilarity(z_scored(loud.mean(axis=1)), "euclidean")
    np.testing.assert_allclose(whole, expected, atol=1e-12)
    other = trial_recording(quiet, np.arange(8), "VISp_layer4", {}, z_score=True)
    halves = [unit_halves(r, "VISp_layer4", "pearson") for r in (made, other)]
    np.testing.assert_allclose(*halves, atol=1e-12)  # no unit is louder than others


def frozen() -> np.ndarray:
    made = trials()
    made[:, :, 3] = 1
    return made


@pytest.mark.parametrize(
    ("response", "choices", "text"),
    [
        (trials(), ("crossnobiss",), "unknown distance 'crossnobiss': did you mean 'crossnobis'"),
        (trials(), ("crossnobis", "ledoit"), "unknown noise covariance 'ledoit': did you mean 'ledoit-wolf'"),
        (trials(3), ("crossnobis",), "the response holds 3 stimuli; at least 4 are needed"),
        (trials(n_repeats=1), ("mahalanobis",), "leaves 0 degrees of freedom for noise .8 whole trials of 8 stimuli"),
        (trials(n_repeats=1), ("crossnobis",), "8 of 8 stimuli have fewer than 2 trials that all units share .first: stimulus 0, 1 trials"),
        (trials(n_repeats=2, n_units=20), ("mahalanobis", "full"), "full covariance of 20 units has no inverse with 8 degrees of freedom; use ledoit-wolf"),
        (frozen(), ("crossnobis",), r"1 of 5 units never vary from trial to trial \(first: unit 3\)"),
        (np.full((5, 2, 3), np.nan), ("crossnobis",), "5 of 5 stimuli have fewer than 2 trials"),
    ],
)  # fmt: skip
def test_bad_trials(response, choices, text):
    with pytest.raises(ValueError, match=text):
        trial_rdm(response, Distance(*choices))


def test_bad_groups():
    with pytest.raises(ValueError, match="7 channel groups are asked for; allowed is 1 to 4"):
        channel_groups((4, 2, 2), 7)


def test_simulated_sites_keep_their_trials(tmp_path):
    from study.stimuli import Stimuli, save_stimuli

    save_stimuli(Stimuli(images(6), np.arange(6)), tmp_path / "stimuli.nc")
    made = make_recording("simulated", Choices(stimuli=tmp_path / "stimuli.nc"))
    for site, matrix in zip(made.site, made.dissimilarity, strict=True):
        np.testing.assert_allclose(trial_rdm(made.site_response(site), Distance()), matrix)
