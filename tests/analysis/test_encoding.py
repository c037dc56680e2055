"""Published protocols beside RSA: scikit-learn and closed forms as oracles, known truth, the command."""

import csv
import json

import numpy as np
import pytest

from analysis.__main__ import main
from analysis.canonical import canonical_correlations, svcca
from analysis.command_encode import EncodeRow
from analysis.encoding import (
    PROTOCOLS,
    Neurons,
    chance,
    leave_one_out,
    nayebi_rsa,
    pls_predictions,
    ridge_predictions,
    rotated,
    select,
)
from analysis.recording_file import load_recording, save_recording
from analysis.trials import trial_recording
from analysis.units import make_units
from study.files import sha256
from study.responses import save_responses
from study.stimuli import Stimuli, save_stimuli
from tests.analysis.synthetic import images, responses
from tests.analysis.test_recordings import recording

REGRESSIONS = ("huang-ridge", "nayebi-pls", "ridge")


def toy(noise: float, n=60, n_units=8, n_repeats=10, seed=0):
    """Features, and units that are linear in five of them with independent trial noise."""
    generator = np.random.default_rng(seed)
    features = generator.standard_normal((n, 12))
    signal = features[:, :5] @ generator.standard_normal((5, n_units)) / np.sqrt(5)
    return features, signal[:, None] + noise * generator.standard_normal((n, n_repeats, n_units))


def test_canonical_correlations_are_those_of_scikit_learn():
    from sklearn.cross_decomposition import CCA

    generator = np.random.default_rng(0)
    x, y = generator.standard_normal((60, 4)), generator.standard_normal((60, 3))
    y[:, 0] += 2 * x[:, 1]
    a, b = CCA(3, max_iter=5000, tol=1e-12).fit_transform(x, y)
    theirs = [np.corrcoef(a[:, k], b[:, k])[0, 1] for k in range(3)]
    np.testing.assert_allclose(canonical_correlations(x, y), theirs, atol=1e-5)
    np.testing.assert_allclose(
        canonical_correlations(3 * x @ generator.standard_normal((4, 4)) + 1, y), canonical_correlations(x, y)
    )


def test_svcca_of_a_rotated_copy_is_one_and_of_noise_is_not_zero():
    generator = np.random.default_rng(0)
    x = generator.standard_normal((50, 6))
    assert svcca(x, x @ np.linalg.qr(generator.standard_normal((6, 6)))[0]) == pytest.approx(1)
    assert 0.3 < svcca(generator.standard_normal((50, 200)), generator.standard_normal((50, 20))) < 1
    assert np.isnan(svcca(np.ones((50, 6)), x))


def test_leave_one_out_is_literal():
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import LeaveOneOut, cross_val_predict

    features, trials = toy(1, n=25)
    y = trials.mean(axis=1)
    theirs = cross_val_predict(Ridge(alpha=0.7), features, y, cv=LeaveOneOut())
    np.testing.assert_allclose(leave_one_out(features, y, 0.7), theirs, atol=1e-10)
    np.testing.assert_allclose(
        ridge_predictions(features[:20], y[:20], features[20:], 0.7),
        Ridge(alpha=0.7).fit(features[:20], y[:20]).predict(features[20:]),
        atol=1e-10,
    )


def test_rotation_leaves_predictions_alone():
    generator = np.random.default_rng(0)
    x, y = generator.standard_normal((30, 200)), generator.standard_normal((30, 4))
    assert rotated(x).shape == (30, 30)
    for predict in (pls_predictions, lambda a, b, c: ridge_predictions(a, b, c, 1.0)):
        np.testing.assert_allclose(
            predict(rotated(x)[:20], y[:20], rotated(x)[20:]), predict(x[:20], y[:20], x[20:]), atol=1e-8
        )


@pytest.mark.parametrize("protocol", REGRESSIONS)
def test_correction_for_noise_takes_the_trials_noise_away(protocol):
    scores = []
    for noise in (0.01, 4):
        features, trials = toy(noise, n=200)
        found = PROTOCOLS[protocol](features, select(trials, -1), np.random.default_rng(0))
        scores.append((found.raw.mean(), np.median(found.corrected)))
    assert scores[0] == pytest.approx((1, 1), abs=0.02)
    assert scores[1][0] < 0.75
    assert scores[1][1] > scores[1][0] + 0.15
    assert scores[1][1] == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_shuffled_images_give_chance_and_true_ones_more(protocol):
    features, trials = toy(1, n=80)
    neurons = select(trials, 0.3)
    by_chance = chance(protocol, features, neurons, 8, np.random.default_rng(1))
    assert np.mean(PROTOCOLS[protocol](features, neurons, np.random.default_rng(0)).raw) > by_chance.max()
    if protocol != "huang-svcca":  # canonical correlations are positive by chance
        assert abs(by_chance.mean()) < 0.1


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_dead_layer_has_no_score(protocol):
    _, trials = toy(1)
    dead = PROTOCOLS[protocol](np.zeros((60, 5)), select(trials, 0), np.random.default_rng(0))
    assert np.isnan(dead.raw).all() or protocol == "huang-ridge"


def test_units_are_selected_by_their_reliability():
    _, trials = toy(1)
    trials[:, :, 0] = np.random.default_rng(0).standard_normal(trials.shape[:2])
    found = select(trials, 0.5)
    assert found.response.shape[2] == 7
    assert (found.reliability >= 0.5).all()
    with pytest.raises(
        ValueError,
        match=r"no unit has a reliability of 1.1 or more \(highest: 0\.\d+\); lower --min-reliability",
    ):
        select(trials, 1.1)


def test_canonical_correlations_refuse_what_they_cannot_use():
    x = np.random.default_rng(0).standard_normal((6, 3))
    with pytest.raises(ValueError, match=r"y has the shape \(5, 3\); \(6, unit\) is needed"):
        canonical_correlations(x, x[:5])
    with pytest.raises(ValueError, match="3 stimuli; at least 4 are needed"):
        canonical_correlations(x[:3], x[:3])
    with pytest.raises(ValueError, match="y holds NaN"):
        canonical_correlations(x, np.where(x > 1, np.nan, x) * np.nan)


# -------------------------------------------------------------------------------------------- from files


@pytest.fixture
def folder(tmp_path):
    pictures, ids = images(12), np.arange(12)
    save_stimuli(Stimuli(pictures, ids, attributes={"simulated": "true"}), tmp_path / "stimuli.nc")
    save_responses(responses(pictures, ids, "critic", "torch", "sgad"), tmp_path / "critic.nc")
    argv = ["record", "--source", "simulated", "--stimuli", str(tmp_path / "stimuli.nc")]
    assert main([*argv, "--out", str(tmp_path / "recording.nc")]) == 0
    return tmp_path


def encode(folder, *more):
    argv = [
        "encode",
        "--recording",
        str(folder / "recording.nc"),
        "--out",
        str(folder / "encode.csv"),
        "--shuffles",
        "1",
    ]
    return main([*argv, *more])


def test_the_command_writes_the_table(folder, capsys):
    more = ["--responses", f"p/sgad/seed-0={folder / 'critic.nc'}", "--images", str(folder / "stimuli.nc")]
    assert encode(folder, *more, "--protocols", "huang-ridge", "huang-svcca") == 0
    assert "SIMULATED V1" in capsys.readouterr().out
    with open(folder / "encode.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(EncodeRow.__dataclass_fields__)
    assert len(rows) == 2 * 3 * (2 + 2)  # protocols, sites, layers and baselines
    assert {row["layer"] for row in rows} == {"c1", "c2", "pixels", "gabor"}
    assert {row["simulated"] for row in rows} == {"true"}
    told = json.loads((folder / "encode.json").read_text())
    assert json.loads(told["table"]["responses_sha256"]) == {
        str(folder / "critic.nc"): sha256(folder / "critic.nc")
    }
    assert told["recording"]["source"] == "simulated"
    again = (folder / "encode.csv").read_bytes()
    assert encode(folder, *more, "--protocols", "huang-ridge", "huang-svcca") == 0
    assert (folder / "encode.csv").read_bytes() == again


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ([], "there is nothing to compare; give --responses NAME=FILE"),
        (
            ["--images", "stimuli.nc", "--min-reliability", "2"],
            "no site has a unit with a reliability of 2 or more",
        ),
        (["--images", "stimuli.nc", "--shuffles", "-1"], "--shuffles is -1; allowed is 0 or more"),
        (["--responses", "critic.nc"], "--responses 'critic.nc' is not NAME=FILE"),
        (["--images", "none.nc"], "there is no file none.nc"),
    ],
)
def test_refused_commands(folder, capsys, monkeypatch, more, text):
    monkeypatch.chdir(folder)
    assert encode(folder, *more) == 2
    error = capsys.readouterr().err
    assert text in error
    assert error.count("\n") == 1


def test_recordings_without_trials_are_refused(folder, capsys):
    made = load_recording(folder / "recording.nc")
    save_recording(recording(3, 12, stimulus=made.stimulus), folder / "recording.nc")
    assert encode(folder, "--images", str(folder / "stimuli.nc")) == 2
    assert "the recording holds no single trials of VISp_layer4" in capsys.readouterr().err


def test_rsa_of_nayebi_is_corrected_for_the_noise_of_the_units():
    """A model of the true patterns reaches 1 once the noise of the trials is taken out, and less before."""
    generator = np.random.default_rng(0)
    truth = generator.standard_normal((40, 30))
    trials = truth[:, None] + 2 * generator.standard_normal((40, 20, 30))
    found = nayebi_rsa(truth, Neurons(trials, np.ones(30)), generator)
    assert found.raw[0] < 0.9
    assert found.corrected[0] == pytest.approx(1, abs=0.04)
    assert np.isnan(nayebi_rsa(truth, Neurons(trials, np.ones(30), n_halves=0), generator).corrected[0])


def test_one_animal_at_a_time(folder, capsys):
    images = ["--images", str(folder / "stimuli.nc"), "--baselines", "pixels", "--protocols", "huang-rsa"]
    assert encode(folder, *images, "--cell-class", "area") == 0
    assert "huang-rsa     simV1_low/simV1 " in capsys.readouterr().out
    assert encode(folder, *images, "--cell-class", "session") == 2
    assert "says the session of none of its 300 units" in capsys.readouterr().err


def test_other_animals_predict_what_animals_share(tmp_path, capsys):
    """Two animals see through the same features, the third through its own, and a site elsewhere has one animal alone."""
    generator = np.random.default_rng(0)
    shared, own = generator.standard_normal((2, 40, 1, 4))
    drive = [shared @ generator.standard_normal((4, 12)) for _ in range(2)] + [
        own @ generator.standard_normal((4, 12))
    ]
    response = np.concatenate([*drive, drive[0]], axis=2) + generator.standard_normal((40, 12, 48))
    facts = {"area": np.repeat(["VISp", "VISl"], [36, 12]), "session": np.repeat([1, 2, 3, 1], 12)}
    made = trial_recording(
        response, np.arange(40), make_units(48, facts), {"source": "test", "simulated": "false"}
    )
    save_recording(made, tmp_path / "recording.nc")
    save_stimuli(Stimuli(images(40), np.arange(40)), tmp_path / "stimuli.nc")
    more = ["--images", str(tmp_path / "stimuli.nc"), "--baselines", "pixels", "--protocols", "huang-ridge"]
    assert encode(tmp_path, *more, "--cell-class", "session") == 0
    with open(tmp_path / "encode.csv", newline="") as file:
        found = {r["site"]: r for r in csv.DictReader(file) if r["model"] == "baseline/other-animals"}
    assert list(found) == ["VISp/1", "VISp/2", "VISp/3"]
    assert {row["n_units"] for row in found.values()} == {"24"}
    score = {site: float(row["score"]) for site, row in found.items()}
    assert min(score["VISp/1"], score["VISp/2"]) > 0.8
    assert score["VISp/3"] < 0.3


def test_a_site_without_reliable_units_is_left_out(folder, capsys):
    made = load_recording(folder / "recording.nc")
    noise = np.random.default_rng(0).standard_normal((12, 20, 100))
    made.response[:, :, made.units.site == "simV1_low"] = noise
    save_recording(made, folder / "recording.nc")
    more = ["--images", str(folder / "stimuli.nc"), "--baselines", "pixels", "--protocols", "huang-rsa"]
    assert encode(folder, *more, "--min-reliability", "0.9") == 0
    told = capsys.readouterr().out
    assert "simV1_low left out: no unit has a reliability of 0.9 or more (highest" in told
    assert "huang-rsa     simV1_high" in told
    assert encode(folder, *more, "--min-reliability", "1.5") == 2
    assert "no site has a unit with a reliability of 1.5 or more; lower --min-rel" in capsys.readouterr().err


def test_neurons_know_their_mean():
    _, trials = toy(1)
    trials[0, 0] = np.nan
    assert Neurons(trials, np.ones(8)).mean[0] == pytest.approx(trials[0, 1:].mean(axis=0))
