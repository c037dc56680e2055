"""Files of gains: whose they are, and when they are made again."""

import dataclasses
import json

import numpy as np
import pytest

from bio.__main__ import main
from bio.matching import Gains, apply_gains, load_gains, save_gains
from bio.simulate import simulate
from study.network import LIF, Dense, Recurrent, Sparse, network_hash, save_network
from tests.bio.reference import critic, generator


def test_gains_scale_currents_and_belong_to_one_network(tmp_path):
    network = critic(np.random.default_rng(0))
    gains = Gains({"conv1": 2.0}, {"conv1": 0.5}, "cuba", network_hash(network), {"seed": "0"})
    save_gains(gains, tmp_path / "gains.json")
    assert load_gains(tmp_path / "gains.json") == gains
    changed = apply_gains(network, gains, "cuba")
    np.testing.assert_array_equal(changed.layers[0].drive, 2 * network.layers[0].drive + 0.5)
    np.testing.assert_array_equal(changed.layers[1].drive, network.layers[1].drive)
    with pytest.raises(ValueError, match="matched at level cuba, not coba"):
        apply_gains(network, gains, "coba")
    with pytest.raises(ValueError, match="matched on another critic"):
        apply_gains(changed, gains, "cuba")
    (tmp_path / "bad.json").write_text("[]")
    with pytest.raises(ValueError, match="does not hold gains"):
        load_gains(tmp_path / "bad.json")


def with_first(network, **fields):
    """Return the network with other fields of its first layer."""
    return dataclasses.replace(
        network, layers=(dataclasses.replace(network.layers[0], **fields), *network.layers[1:])
    )


def sparse(network, shift):
    post, pre = np.nonzero(np.eye(18, 3))
    return with_first(network, connection=Sparse(pre, (post + shift) % 18, np.ones(3), 3, 18))


def changes():
    """Networks that differ from `generator` in one thing that decides their spikes."""
    network = generator(np.random.default_rng(0))
    ring = Dense(np.roll(np.eye(18), 1, axis=0))
    fields = [
        {"decay": 0.6},
        {"gain": 0.4},
        {"v_threshold": 0.9},
        {"v_reset": 0.1},
        {"reset": "soft"},
        {"threshold_rule": ">="},
    ]
    found = {
        str(change): with_first(network, neuron=LIF(**{"decay": 0.5, "gain": 0.5} | change))
        for change in fields
    }
    found |= {
        f"recurrent {w}": with_first(network, recurrent=(Recurrent("dense1", Dense(w * ring.weight)),))
        for w in (1, 2)
    }
    found |= {f"sparse {shift}": sparse(network, shift) for shift in (0, 1)}
    found |= {
        "steps": dataclasses.replace(network, n_steps=7),
        "latency": dataclasses.replace(network, latency=1),
    }
    return {"same": network} | found


def test_gains_belong_to_all_that_decides_the_equations():
    hashes = {name: network_hash(network) for name, network in changes().items()}
    assert len(set(hashes.values())) == len(hashes) == 13
    network = changes()["same"]
    assert network_hash(dataclasses.replace(network, provenance={"seconds": "3"})) == hashes["same"]
    gains = Gains({}, {}, "cuba", hashes["same"], {})
    apply_gains(network, gains, "cuba")
    for name, other in changes().items():
        if name != "same":
            with pytest.raises(ValueError, match="matched on another generator than this one"):
                apply_gains(other, gains, "cuba")


@pytest.fixture
def fidelity(tmp_path, monkeypatch, capsys):
    """`fidelity` of level cuba with matching that needs no simulation; returns (status, what was printed, times matched)."""
    made = []
    network = generator(np.random.default_rng(1), n_steps=2)
    path = tmp_path / "generator.safetensors"
    save_network(network, path)

    def fake_match(network, target, measure, *, rounds):
        made.append(rounds)
        short = 2.0 if rounds < 5 else 1.0
        return (
            dict.fromkeys(target, 1.0),
            dict.fromkeys(target, 0.0),
            {k: short * v for k, v in target.items()},
        )

    monkeypatch.setattr("bio.matching.match", fake_match)
    monkeypatch.setattr(
        "bio.simulate.simulate",
        lambda shown, inputs, level, *a, **k: simulate(shown, inputs, "exact", *a, **k),
    )

    def run(*options, network=network):
        save_network(network, path)
        command = ["fidelity", str(path), "--backend", "numpy", "--held-out", "2", "--levels", "cuba"]
        status = main([*command, "--out", str(tmp_path / "fidelity.csv"), *options])
        return status, "".join(capsys.readouterr()), len(made)

    return run


def test_gains_in_the_folder_are_used_again_if_they_are_what_was_asked_for(tmp_path, fidelity):
    asked = ("--count", "3", "--seed", "4", "--rounds", "5")
    assert fidelity(*asked)[2] == 1
    status, said, matched = fidelity(*asked)
    assert (status, matched) == (0, 1)
    assert f"cuba: gains of {tmp_path / 'gains-generator-cuba.json'}" in said
    status, said, matched = fidelity(*asked, "--seed", "5")
    assert (status, matched) == (0, 2)
    assert "was matched with --seed 4 --count 3, not --seed 5 --count 3, and is made again" in said
    assert "not --seed 4 --count 3, and is made again" in fidelity(*asked)[1]
    other = generator(np.random.default_rng(1), LIF(0.6, 0.5), n_steps=2)
    status, said, matched = fidelity(*asked, network=other)
    assert (status, matched) == (0, 4)
    assert "holds gains of another network or level, and is made again" in said


def test_gains_that_did_not_match_are_made_again_with_other_rounds(tmp_path, fidelity):
    asked = ("--count", "3", "--seed", "4")
    assert fidelity(*asked, "--rounds", "2")[2] == 1
    attributes = json.loads((tmp_path / "gains-generator-cuba.json").read_text())["attributes"]
    assert (attributes["matched"], attributes["rounds"]) == ("False", "2")
    assert fidelity(*asked, "--rounds", "2")[2] == 1  # the same again would find the same
    status, said, matched = fidelity(*asked, "--rounds", "5")
    assert (status, matched) == (0, 2)
    assert "has a layer that is off by more than 10 %, and is made again with 5 rounds" in said
    assert fidelity(*asked, "--rounds", "9")[2] == 2  # matched
