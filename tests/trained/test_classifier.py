"""Spiking classifiers: data, voters, dropout, selection, resume, export."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from study import images
from study import network as spec
from tests.trained.described import simulate
from trained import classifier_training, runs
from trained.batch_norm import BatchNorm
from trained.checkpoint import MODEL_FILE, read
from trained.classifier import ClassifierModel
from trained.classifier_config import ClassifierConfig
from trained.classifier_data import Labelled, crop_and_mirror, data_set, move
from trained.classifier_measures import accuracy, activity
from trained.classifier_training import ClassifierTrainer, count_right
from trained.configurations import named_config
from trained.input_map import InputMap
from trained.schedule import cosine

TINY = named_config("tiny-classifier/alif")
NEURONS = ("alif", "plif", "lif", "alif-average")


@pytest.fixture(autouse=True, scope="module")
def digits_are_read_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(images, "load_digits", functools.cache(images.load_digits))
        yield


def arm(name: str) -> ClassifierConfig:
    config = named_config(f"tiny-classifier/{name}")
    assert isinstance(config, ClassifierConfig)
    return config


def lively(name: str) -> ClassifierModel:
    """Return a model in float64 whose batch norm has seen digits and whose dense weights are large enough to spike."""
    model = ClassifierModel(arm(name), 0)
    images = data_set("digits").load("train").images[:100]
    with torch.no_grad():
        for population in model.classifier.chain:
            if population.name in ("dense", "voters"):
                population.synapse.weight.mul_(20)
        for module in model.classifier.train().modules():
            if isinstance(module, BatchNorm):
                module.momentum = 1.0  # the statistics of this one batch
        model.classifier(images, torch.Generator().manual_seed(0))
    model.selected.load_state_dict(model.classifier.state_dict())
    return model.double().eval()


# ---------------------------------------------------------------------------------------------------- data


def test_train_and_test_digits_are_different_images() -> None:
    train, test = (data_set("digits").load(split) for split in ("train", "test"))
    assert (len(train.labels), len(test.labels)) == (4000, 1000)
    assert set(test.labels.tolist()) == set(range(10))
    both = torch.cat([train.images, test.images]).flatten(1)
    assert len(torch.unique(both, dim=0)) > 4990  # a handful of digits are printed twice in the set itself


def test_moving_keeps_the_mass_near_the_middle_and_depends_on_the_generator_alone() -> None:
    x = torch.zeros(300, 1, 28, 28)
    x[:, :, 13:15, 13:15] = 1
    moved = move(x, torch.Generator().manual_seed(0))
    place = (moved.squeeze(1) * torch.arange(28).view(1, 1, 28)).sum((1, 2)) / moved.sum((1, 2, 3))
    shift = place - 13.5
    assert shift.abs().max() <= 0.15 * 28 + 1
    assert shift.std().item() == pytest.approx(0.15 * 28 / math.sqrt(3), rel=0.2)  # uniform within the range
    mass = moved.sum((1, 2, 3)) / 4
    assert 0.85**2 - 0.25 < mass.min() <= mass.max() < 1.11**2 + 0.25
    assert torch.equal(moved, move(x, torch.Generator().manual_seed(0)))


def test_a_share_of_the_augmentation_moves_that_much_less() -> None:
    x = torch.zeros(300, 1, 28, 28)
    x[:, :, 13:15, 13:15] = 1
    moved = move(x, torch.Generator().manual_seed(0), 0.2)
    place = (moved.squeeze(1) * torch.arange(28).view(1, 1, 28)).sum((1, 2)) / moved.sum((1, 2, 3))
    assert (place - 13.5).std().item() == pytest.approx(0.2 * 0.15 * 28 / math.sqrt(3), rel=0.2)
    assert torch.allclose(move(x, torch.Generator().manual_seed(0), 0.0), x, atol=1e-5)
    cropped = crop_and_mirror(x, torch.Generator().manual_seed(0), 0.5)
    rows = cropped.squeeze(1).sum(2).argmax(1)
    assert set(rows.tolist()) == set(range(11, 16))  # by up to 2 of 4 pixels


def test_cropping_moves_by_whole_pixels_and_mirrors_every_second() -> None:
    x = torch.zeros(400, 1, 32, 32)
    x[:, :, 16, 10] = 1
    found = crop_and_mirror(x, torch.Generator().manual_seed(0))
    assert torch.equal(found.sum((1, 2, 3)), torch.ones(400))
    rows, columns = found.squeeze(1).flatten(1).argmax(1) // 32, found.squeeze(1).flatten(1).argmax(1) % 32
    assert set(rows.tolist()) == set(range(12, 21))
    mirrored = columns >= 17
    assert set(columns[~mirrored].tolist()) == set(range(6, 15))
    assert mirrored.float().mean().item() == pytest.approx(0.5, abs=0.1)


def test_standardised_images_have_mean_0_and_deviation_1() -> None:
    x = data_set("digits").load("train").images
    y = data_set("digits").input_map(x)
    assert y.mean().item() == pytest.approx(0, abs=0.02)
    assert y.std().item() == pytest.approx(1, abs=0.02)


def test_an_input_map_folds_into_the_first_layer_borders_included() -> None:
    torch.manual_seed(0)
    conv = torch.nn.Conv2d(2, 3, 3, 1, 1).double()
    image, mapping = torch.rand(1, 2, 6, 6, dtype=torch.float64), InputMap((2.0, 3.0), (-1.0, 0.5))
    layer = spec.Layer(
        "x",
        (3, 6, 6),
        spec.Conv2d(conv.weight.detach().numpy(), (2, 6, 6), 1, 1),
        np.repeat(conv.bias.detach().numpy(), 36),
        spec.Current(),
    )
    folded = mapping.fold(layer)
    got = torch.nn.functional.conv2d(image, torch.from_numpy(np.array(folded.connection.weight)), padding=1)
    expected = conv(mapping(image)).detach().flatten().numpy()
    np.testing.assert_allclose(got.flatten().numpy() + folded.drive, expected, atol=1e-12)


# ------------------------------------------------------------------------------------------------- network


def test_rates_are_the_voters_mean() -> None:
    model = lively("alif")
    images = data_set("digits").load("test").images[:20].double()
    voters = model.selected.states(images)["voters"]
    assert voters.shape == (4, 20, 100)
    expected = np.array([[voters[:, b, 10 * c : 10 * c + 10].mean() for c in range(10)] for b in range(20)])
    np.testing.assert_allclose(model.selected(images).detach().numpy(), expected)


def test_dropout_is_the_same_at_all_steps_and_off_in_evaluation() -> None:
    model = lively("lif").float()
    images = data_set("digits").load("test").images[:8]
    network = model.classifier
    network.eval()
    assert torch.equal(network(images), network(images))
    network.train()
    a, b, c = (network(images, torch.Generator().manual_seed(s)) for s in (0, 0, 1))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


@pytest.mark.parametrize(
    ("name", "n_learned", "threshold"),
    [("alif", 8, 0.5), ("plif", 4, 1.0), ("lif", 0, 1.0), ("lif-half", 0, 0.5)],
)
def test_arms_learn_leak_and_threshold_as_they_say(name: str, n_learned: int, threshold: float) -> None:
    model = ClassifierModel(arm(name), 0)
    learned = [n for n, _ in model.classifier.named_parameters() if "membrane" in n]
    assert len(learned) == n_learned
    neuron = model.classifier.chain[0].membrane.neuron
    assert (neuron.decay, neuron.gain, neuron.v_threshold) == pytest.approx((0.5, 0.5, threshold))
    assert neuron.threshold_rule == ">="


def test_published_sizes_have_the_published_number_of_weights() -> None:
    for name, expected in (
        ("published-classifier-mnist/alif", 13.2e6),
        ("published-classifier-cifar10/alif", 36.7e6),
    ):
        model = ClassifierModel(named_config(name), 0)
        weights = sum(p.numel() for p in model.classifier.parameters() if p.ndim > 1)
        assert weights == pytest.approx(expected, rel=0.005)


# ------------------------------------------------------------------------------------------------ training


@pytest.mark.parametrize("name", ["alif", "alif-average"])
def test_interrupted_and_resumed_equals_uninterrupted(tmp_path: Path, name: str) -> None:
    config = arm(name)
    whole = runs.train(dataclasses.replace(config, n_updates=4), 0, tmp_path / "whole")
    parts = runs.train(dataclasses.replace(config, n_updates=3), 0, tmp_path / "parts")
    runs.train(dataclasses.replace(config, n_updates=4), 0, parts)
    a, b = (read(run / MODEL_FILE, "checkpoint").tensors for run in (whole, parts))
    assert a.keys() == b.keys()
    assert all(torch.equal(a[k], b[k]) for k in a)
    assert not (whole / runs.SHEET_FILE).exists()  # a classifier draws nothing


def test_the_classifier_learns() -> None:
    config = dataclasses.replace(
        TINY, n_channels=8, n_hidden=64, augmentation=0.0, batch_size=32, cosine_updates=60
    )
    trainer = ClassifierTrainer(dataclasses.replace(config, learning_rate=5e-3, dropout=(0.0, 0.0)), 0)
    losses = [trainer.advance()["loss"] for _ in range(60)]
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])
    assert count_right(trainer.model.classifier, *trainer.validation) > 0.6 * 200


def test_the_weights_with_the_best_validation_accuracy_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = ClassifierTrainer(dataclasses.replace(TINY, validate_every=1), 0)
    scores = iter([100, 150, 120])
    monkeypatch.setattr(classifier_training, "count_right", lambda *_: next(scores))
    kept = []
    for _ in range(3):
        trainer.advance()
        kept.append({k: v.clone() for k, v in trainer.model.classifier.state_dict().items()})
    selected = trainer.finished().selected.state_dict()
    assert all(torch.equal(selected[k], kept[1][k]) for k in selected)
    assert trainer.model.selected_accuracy.item() == pytest.approx(150 / 200)
    assert trainer.model.selected_update.item() == 2


def test_validation_images_are_neither_trained_on_nor_test_images() -> None:
    trainer = ClassifierTrainer(TINY, 0)
    assert len(trainer.images) == 3800
    assert len(trainer.validation[0]) == 200
    other = ClassifierTrainer(TINY, 1)
    assert torch.equal(trainer.validation[0], other.validation[0])  # the same for all seeds


def test_the_rate_falls_along_a_cosine() -> None:
    assert [cosine(u, 100) for u in (0, 50, 100, 150)] == pytest.approx([1, 0.5, 0, 0])
    assert cosine(70, 0) == 1
    trainer = ClassifierTrainer(TINY, 0)
    rates = []
    for _ in range(3):
        trainer.advance()
        rates.append(trainer.optimisers["all"].param_groups[0]["lr"])
    assert rates == pytest.approx([1e-3 * (1 + math.cos(math.pi * u / 4)) / 2 for u in range(3)])


# ----------------------------------------------------------------------------------------------- measures


def test_accuracy_is_reported_of_final_and_selected_weights_on_test_images(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = ClassifierModel(TINY, 0)
    rows = accuracy(model)
    test = data_set("digits").load("test")
    expected = 100 * count_right(model.classifier, test.images, test.labels) / 1000
    assert [float(r["value"]) for r in rows[:2]] == [expected, expected]
    assert [r["detail"].split(",")[0] for r in rows[:2]] == ["final", "selected on validation images"]
    assert "5,000 MNIST training digits" in rows[0]["detail"]


def test_learned_constants_are_reported() -> None:
    rows = {(r["measure"], r["detail"]): float(r["value"]) for r in activity(lively("alif"))}
    assert rows["threshold", "dense"] == pytest.approx(0.5)
    assert rows["decay per step", "voters"] == pytest.approx(0.5)
    assert rows["spikes per image", "classifier dense"] > 0


# ------------------------------------------------------------------------------------------ configuration


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"neuron": "aliff"}, r"unknown neuron 'aliff': did you mean 'alif'\?"),
        ({"pool": "mean"}, "unknown pool 'mean'"),
        ({"stages": ()}, r"stages are \(\); at least one stage"),
        ({"tau": 0.5}, "tau is 0.5 steps; at least 1"),
        ({"v_threshold": 0.0}, "v_threshold is 0.0; it must be above 0"),
        ({"dropout": (0.5, 1.0)}, r"dropout is \(0.5, 1.0\); allowed are shares"),
        ({"augmentation": 1.5}, "augmentation is 1.5; allowed are shares of the published ranges, 0 to 1"),
        ({"n_validation": 0}, "n_validation is 0; at least 1"),
    ],
)
def test_configurations_that_cannot_be_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(TINY, **changes)


def test_sizes_and_data_sets_that_do_not_fit_are_refused() -> None:
    with pytest.raises(
        ValueError, match="image_size is 32, but digits has 28 pixels a side and is not resized"
    ):
        ClassifierModel(dataclasses.replace(TINY, image_size=32), 0)
    with pytest.raises(ValueError, match="unknown labelled data set 'patches'"):
        ClassifierModel(dataclasses.replace(TINY, dataset="patches"), 0)
    with pytest.raises(ValueError, match="n_validation is 2001 of 4000 training images"):
        ClassifierTrainer(dataclasses.replace(TINY, n_validation=2001), 0)


# -------------------------------------------------------------------------------------------------- export


@pytest.mark.parametrize("name", NEURONS)
def test_export_gives_the_same_spikes(tmp_path: Path, name: str) -> None:
    model = lively(name)
    inputs = model.verification_inputs("classifier", 30, seed=1).double()
    torch_side = model.trace("classifier", inputs)
    spec.save_network(model.export("classifier", {}), tmp_path / "network.safetensors")
    network = spec.load_network(tmp_path / "network.safetensors")
    assert (network.role, network.decision) == ("classifier", "spike_count")
    assert ("pool1" in [layer.name for layer in network.layers]) == (name != "alif-average")
    described = simulate(network, inputs)
    for layer in network.layers:
        assert 0.005 < torch_side[layer.name].mean() < 0.995, layer.name
        assert np.array_equal(described[layer.name], torch_side[layer.name]), layer.name


def test_images_of_a_data_set_are_labelled() -> None:
    found = data_set("digits").load("train")
    assert isinstance(found, Labelled)
    assert found.images.dtype == torch.float32
    assert 0 <= found.images.min() <= found.images.max() <= 1
