"""Runs of the time-to-first-spike families: resume, rounding, export, measures."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from study import network as spec
from study.network import first_spike_trains
from trained.checkpoint import read
from trained.config import override
from trained.configurations import named_config
from trained.runs import load_model, train
from trained.ttfs.classifier import TTFSClassifier
from trained.ttfs.config import TTFSClassifierConfig
from trained.ttfs.data import load, moved
from trained.ttfs.gan import TTFSGan
from trained.ttfs.gan_config import TTFSGanConfig
from trained.ttfs.judge import first_to_fire, judge_run, verdict
from trained.ttfs.measures import classification, decisions, recognition
from trained.ttfs.network import FirstSpikeNetwork
from trained.ttfs.neuron import FirstSpikeRule
from trained.ttfs.table import table
from trained.ttfs.training import TTFSClassifierTrainer

NAMES = ("tiny-ttfs-classifier/s4nn", "tiny-ttfs-gan/conditional")
ROLE = {NAMES[0]: "classifier", NAMES[1]: "generator"}


def tensors(run: Path) -> dict[str, torch.Tensor]:
    return read(run / "model.safetensors", "checkpoint").tensors


@pytest.mark.parametrize("name", NAMES)
def test_a_resumed_run_equals_one_that_was_not_interrupted(name: str, tmp_path: Path) -> None:
    config = named_config(name)
    train(dataclasses.replace(config, n_updates=2), 3, tmp_path / "resumed")
    train(config, 3, tmp_path / "resumed")
    train(config, 3, tmp_path / "whole")
    ours, theirs = tensors(tmp_path / "resumed"), tensors(tmp_path / "whole")
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    initial = load_model(
        train(dataclasses.replace(config, n_updates=0), 3, tmp_path / "initial")
    ).state_dict()
    assert not any(torch.equal(initial[key], theirs[key]) for key in theirs)


def test_training_on_the_embedded_digits_learns_them() -> None:
    small = {"n_hidden": 60, "n_updates": 150, "decay_updates": 150, "batch_size": 20, "dataset": "digits"}
    config = dataclasses.replace(TTFSClassifierConfig("try", "s4nn", "digits"), **small)  # type: ignore[arg-type]
    trainer = TTFSClassifierTrainer(config, 0)
    for _ in range(config.n_updates):
        trainer.advance()
    values = {str(r["measure"]): float(str(r["value"])) for r in classification(trainer.finished())}
    assert values["accuracy, ties wrong"] > 0.4  # 0.1 is chance


def test_splits_are_disjoint_and_the_table_of_gray_levels_is_the_code() -> None:
    train_split, held_out = load("digits", "train", 256, 500), load("digits", "validation", 256, 500)
    test = load("digits", "test", 256)
    assert [len(x.labels) for x in (train_split, held_out, test)] == [3500, 500, 1000]
    rows = [{x.numpy().tobytes() for x in split.times} for split in (train_split, held_out, test)]
    assert not rows[0] & rows[1]
    assert not (rows[0] | rows[1]) & rows[2]
    levels = np.unique(test.times.numpy())
    assert levels.min() == 0
    assert levels.max() == 256
    assert len(levels) > 200


def test_moved_images_are_cut_out_elsewhere_and_what_comes_in_is_black() -> None:
    times = torch.randint(0, 256, (40, 81), dtype=torch.int16, generator=torch.Generator().manual_seed(1))
    found = moved(times, 2, 256, torch.Generator().manual_seed(0)).reshape(40, 9, 9)
    seen = set()
    for image, one in zip(times.reshape(40, 9, 9), found, strict=True):
        framed = torch.nn.functional.pad(image, (2, 2, 2, 2), value=256)
        places = [
            (y, x) for y in range(5) for x in range(5) if torch.equal(framed[y : y + 9, x : x + 9], one)
        ]
        assert len(places) == 1
        seen.update(places)
    assert {y for y, _ in seen} == {x for _, x in seen} == set(range(5))


def test_moving_images_and_decay_change_what_is_learned_and_are_resumed(tmp_path: Path) -> None:
    config = named_config("tiny-ttfs-classifier/s4nn")
    plain = tensors(train(config, 3, tmp_path / "plain"))
    for change in ("shift=1", "weight_decay=0.01"):
        changed = override(config, [change])
        train(dataclasses.replace(changed, n_updates=2), 3, tmp_path / change)
        found = tensors(train(changed, 3, tmp_path / change))
        whole = tensors(train(changed, 3, tmp_path / f"{change}-whole"))
        assert all(torch.equal(found[key], whole[key]) for key in whole)
        assert not all(torch.equal(found[key], plain[key]) for key in plain)


def test_decisions_count_ties_silence_and_spikes() -> None:
    t = 10
    hidden = torch.tensor([[1.0, 5, 9], [1, 10, 10], [10, 10, 10], [0, 3, 4]])
    output = torch.tensor([[4.0, 9], [3, 3], [10, 10], [6, 5]])
    found = decisions(hidden, output, torch.tensor([0, 1, 0, 0]), t)
    assert found.strict.tolist() == [True, False, False, False]
    assert found.tolerant.tolist() == [True, True, False, False]
    assert found.tie.tolist() == [False, True, False, False]
    assert found.silent.tolist() == [False, False, True, False]
    assert found.step.tolist() == [4, 3, 10, 5]
    assert found.hidden_spikes.tolist() == [3, 1, 0, 3]
    assert found.output_spikes.tolist() == [2, 2, 0, 2]
    assert found.until_decision.tolist() == [2, 3, 0, 4]


def test_rounded_weights_survive_half_precision() -> None:
    weights = [torch.randn(20, 10) * 7, torch.zeros(10, 2)]
    network = FirstSpikeNetwork(
        "classifier", ((20,), (10,), (2,)), weights, [FirstSpikeRule(), FirstSpikeRule()]
    )
    before = network.weights[0].detach().clone()
    network.round()
    for weight in network.weights:
        assert torch.equal(weight, weight.half().float())
    assert (network.weights[0] - before).abs().max() <= 0.5 * 2**5 / 2**10
    assert not torch.equal(network.weights[0], before)


@pytest.mark.parametrize("latency", [0, 1])
@pytest.mark.parametrize("name", NAMES)
def test_the_export_spikes_as_the_model_does(name: str, latency: int) -> None:
    config = override(named_config(name), [f"latency={latency}", "v_threshold=20", "batch_size=50"])
    kind = TTFSClassifier if isinstance(config, TTFSClassifierConfig) else TTFSGan
    model = kind(config, 5).double()  # type: ignore[arg-type]
    inputs = model.verification_inputs(ROLE[name], 12, 0).double()
    found, network = model.trace(ROLE[name], inputs), model.export(ROLE[name], {})
    expected = simulate(network, first_spike_trains(inputs.numpy(), network.n_steps))
    for layer in network.layers:
        assert found[layer.name].any(0).mean() > 0.05
        np.testing.assert_array_equal(found[layer.name], expected[layer.name])
    assert found["hidden"].sum(0).max() == 1  # at most one spike each


def simulate(network: spec.Network, trains: np.ndarray) -> dict[str, np.ndarray]:
    """The description, layer by layer and step by step."""
    outputs, below = {}, trains.reshape(*trains.shape[:2], -1)
    for layer in network.layers:
        assert isinstance(layer.connection, spec.Dense)
        assert isinstance(layer.neuron, spec.FirstSpike)
        v = np.cumsum(below @ layer.connection.weight.T, axis=1)
        v = np.pad(v, ((0, 0), (network.latency, 0), (0, 0)))[:, : network.n_steps]
        above = np.cumsum(v >= layer.neuron.v_threshold, axis=1) > 0
        below = np.diff(above.astype(np.uint8), axis=1, prepend=np.uint8(0))  # the first step only
        outputs[layer.name] = below.transpose(1, 0, 2)
    return outputs


@pytest.mark.parametrize("revive", [True, False])
def test_a_dark_generator_is_told_to_light_its_pixels_only_if_silent_units_are_revived(revive: bool) -> None:
    """The dead-pixel trap: black pixels are silent, and by the rule of S4NN they would stay so for ever."""
    dark = ["generator_mean=10,-1", "generator_sd=5,0.1", f"revive={revive}"]
    config = override(named_config("tiny-ttfs-gan/conditional"), dark)
    assert isinstance(config, TTFSGanConfig)
    model = TTFSGan(config, 0)
    values, wanted = model.inputs(20, torch.Generator().manual_seed(0))
    made = model.pixels(values)
    assert (made == config.t_max).all()
    torch.nn.functional.cross_entropy(-model.discriminator(made)[-1], wanted).backward()
    gradient = model.generator.weights[1].grad
    assert gradient is not None
    assert gradient.any() == revive
    assert (gradient <= 0).all()  # descent raises weights: nothing is made darker than dark


def test_made_images_are_those_of_the_seed_and_their_classes_those_asked_for() -> None:
    config = override(named_config("tiny-ttfs-gan/conditional"), ["v_threshold=20"])
    model = TTFSGan(config, 0)  # type: ignore[arg-type]
    images, asked = model.sample_labelled(30, 2)
    assert images.shape == (30, 1, 28, 28)
    assert images.min() == 0
    assert 0 < images.max() <= 1
    assert torch.equal(images, model.sample(30, 2))
    assert not torch.equal(images, model.sample(30, 3))
    assert len(asked.unique()) > 5
    rows = {str(r["measure"]): r for r in recognition(model, 30)}
    assert 0 <= float(str(rows["recognised as the class asked for"]["value"])) < 0.5
    assert float(str(rows["judge on real digits"]["value"])) > 0.8  # 30 digits


def test_a_judge_reads_what_fires_first_alone_and_the_verdict_counts_it() -> None:
    model = TTFSGan(override(named_config("tiny-ttfs-gan/conditional"), ["v_threshold=20"]), 0)  # type: ignore[arg-type]
    classifier = TTFSClassifier(override(named_config("tiny-ttfs-classifier/s4nn"), ["n_hidden=10"]), 0)  # type: ignore[arg-type]
    with torch.no_grad():  # one bright pixel, one unit, one output; an eleventh pixel fires all
        for weight in classifier.network.weights:
            weight.zero_()
        classifier.network.weights[0][:10] = 100 * torch.eye(10)
        classifier.network.weights[0][10] = 100
        classifier.network.weights[1][:] = 100 * torch.eye(10)
    images = torch.zeros(12, 1, 28, 28)
    images.flatten(1)[:11, :11] = torch.eye(11)
    assert first_to_fire(classifier)(images).tolist() == [*range(10), -1, -1]

    asked = model.sample_labelled(40, model.seed)[1].numpy()
    rows = {
        str(r["measure"]): r for r in verdict(lambda images: asked[: len(images)], "an oracle", model, 40)
    }
    assert float(str(rows["recognised as the class asked for"]["value"])) == 1
    assert "counts " + " ".join(map(str, np.bincount(asked))) in str(rows["balance of classes"]["detail"])
    rows = {
        str(r["measure"]): r for r in verdict(lambda images: np.full(len(images), -1), "nobody", model, 40)
    }
    assert [float(str(r["value"])) for r in rows.values()] == [0, 0, 0]


def test_judges_of_another_family_or_data_set_are_refused(tmp_path: Path) -> None:
    gan = train(override(named_config("tiny-ttfs-gan/conditional"), ["n_updates=0"]), 0, tmp_path / "gan")
    config = override(named_config("tiny-ttfs-classifier/s4nn"), ["n_updates=0"])
    classifier = train(config, 0, tmp_path / "classifier")
    assert len(judge_run(gan, classifier, 20)) == 3
    with pytest.raises(ValueError, match="holds a ttfs-classifier; give a run of ttfs-gan"):
        judge_run(classifier, classifier, 20)
    with pytest.raises(ValueError, match="holds a ttfs-gan; give a run of ttfs-classifier"):
        judge_run(gan, gan, 20)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("margin=40", "margin is 40.0 steps; allowed is 0 to below t_max = 32"),
        ("objective=fast", "unknown objective 'fast'"),
        ("advance=-1", "advance is -1.0; 0 or more is allowed"),
        ("margin=0", "graded gradients are measured in margins, but margin is 0; use graded=false"),
        ("n_hidden=0", "n_hidden is 0; at least 1 is needed"),
    ],
)
def test_configurations_that_make_no_sense_are_refused(change: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        override(named_config("tiny-ttfs-classifier/s4nn"), [change])


def test_the_table_compares_runs_of_the_same_seed(tmp_path: Path) -> None:
    config = override(named_config("tiny-ttfs-classifier/s4nn"), ["n_updates=0", "v_threshold=20"])
    runs = []
    for variant, seed in (("s4nn", 0), ("s4nn", 1), ("aggressive", 1), ("aggressive", 2)):
        changed = (
            {}
            if variant == "s4nn"
            else {"variant": variant, "objective": "aggressive-zero", "v_threshold": 10.0}
        )
        runs.append(train(dataclasses.replace(config, **changed), seed, tmp_path / f"{variant}-{seed}"))
    lines = table(runs, "test")
    assert lines[2].startswith("| tiny-ttfs-classifier/s4nn | 2 |")
    assert " ± " in lines[2]
    change = lines[4].split(" | ")
    assert change[:2] == ["| tiny-ttfs-classifier/aggressive, change", "1"]  # seed 1 alone is in both
    assert float(change[6].removesuffix(" %")) < 0  # half the threshold: earlier
    with pytest.raises(ValueError, match="seed 0 was given twice"):
        table([runs[0], runs[0]], "test")
    with pytest.raises(ValueError, match="held no images out; measure it on --split test"):
        table(runs, "validation")
