"""Variational autoencoders: layers, training, configurations, export."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from study import network as spec
from study.manifest import find
from tests.trained.described import simulate
from tests.trained.vae_arms import arm, generator, lively
from trained import runs, training
from trained.batches import Epochs
from trained.checkpoint import MODEL_FILE, STATE_FILE, read
from trained.configurations import named_config
from trained.vae import VAE
from trained.vae_layers import FSVAE, LEARNED, hidden
from trained.vae_measures import learned_prior_fad, validation_fad
from trained.vae_training import VAETrainer, split

TINY = named_config("tiny-vae/fsvae")
ARMS = ("fsvae", "fsvae-taid", "fsvae-alif", "esvae", "esvae-mixture", "ann-vae")
pytestmark = pytest.mark.usefixtures("digits_are_read_once")

# ----------------------------------------------------------------------------------------------- layers


def test_batch_norm_is_threshold_dependent() -> None:
    population = hidden(TINY, "x", (5,), (7,), nn.Linear(5, 7), alpha=2.0)
    current = population.norm(torch.randn(500, 7))
    assert current.std(0).mean().item() == pytest.approx(2 * 0.2, rel=0.01)
    assert [name for name, _ in population.norm.named_parameters()] == [
        "bias",
        "parametrizations.weight.original",
    ]


def test_learned_neurons_begin_as_fsvae_s_with_the_same_gradient() -> None:
    current = 0.3 * torch.randn(16, 200, 7, dtype=torch.float64, generator=generator())
    found = []
    for neuron in ("lif", "alif"):
        population = hidden(dataclasses.replace(TINY, neuron=neuron), "x", (7,), (7,), nn.Linear(7, 7))
        x = current.clone().requires_grad_()
        spikes = population.membrane.double()(x)
        (spikes * torch.linspace(-1, 1, 7)).sum().backward()
        found.append((spikes.detach(), x.grad))
    assert 0.05 < found[0][0].mean() < 0.9
    assert (
        found[0][0] != found[1][0]
    ).float().mean() < 1e-4  # the sigmoid of a float32 parameter is not quite 0.75
    torch.testing.assert_close(found[0][1], found[1][1], rtol=1e-3, atol=1e-3)
    assert LEARNED.v_threshold / LEARNED.gain == pytest.approx(FSVAE.v_threshold)


def test_published_sizes_have_the_published_number_of_parameters() -> None:
    # Counted from FSVAE's shapes: encoder 389 k, prior 1.485 M, posterior 1.517 M, decoder 532 k and batch norms.
    model = VAE(named_config("published-vae-mnist/fsvae"), 0)
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    norms = sum(m.num_features * 2 for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm))
    assert trained == 4_053_601
    assert norms == 17_088


# ----------------------------------------------------------------------------------------------- training


@pytest.mark.parametrize("name", ["fsvae-alif", "esvae-mixture"])
def test_interrupted_and_resumed_equals_uninterrupted(tmp_path: Path, name: str) -> None:
    config = arm(name)
    whole = runs.train(dataclasses.replace(config, n_updates=4), 0, tmp_path / "whole")
    parts = runs.train(dataclasses.replace(config, n_updates=2), 0, tmp_path / "parts")
    runs.train(dataclasses.replace(config, n_updates=4), 0, parts)
    a, b = (read(run / MODEL_FILE, "checkpoint").tensors for run in (whole, parts))
    assert a.keys() == b.keys()
    assert all(torch.equal(a[k], b[k]) for k in a)
    assert (whole / training.METRICS_FILE).read_bytes() == (parts / training.METRICS_FILE).read_bytes()


def test_the_loss_falls() -> None:
    trainer = VAETrainer(dataclasses.replace(arm("esvae"), scheduled_sampling=False), 0)
    losses = [trainer.advance()["mse"] for _ in range(40)]
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])


def test_measuring_leaves_the_training_untouched() -> None:
    trainer = VAETrainer(arm("fsvae"), 0)
    trainer.advance()
    before = {k: v.clone() for k, v in trainer.model.state_dict().items()}
    stream = trainer.random.get_state()
    trainer.finished()
    assert torch.equal(stream, trainer.random.get_state())
    assert all(torch.equal(before[k], v) for k, v in trainer.model.state_dict().items())


def test_validation_images_are_no_training_images() -> None:
    images = torch.arange(10.0)
    training_part, validation = split(images, 3)
    assert torch.equal(torch.cat([training_part, validation]), images)
    assert len(validation) == 3
    with pytest.raises(ValueError, match=r"n_validation is 6 of 10 training images; at most half"):
        split(images, 6)


def test_every_epoch_has_every_image_once_in_an_order_of_its_own() -> None:
    epochs = Epochs(10, 5, seed=3)
    first, second = (torch.cat([epochs.batch(2 * e), epochs.batch(2 * e + 1)]) for e in (0, 1))
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(10))
    assert not torch.equal(first, second)
    assert torch.equal(Epochs(10, 5, seed=3).batch(3), second[5:])  # no matter what came before
    with pytest.raises(ValueError, match="batch_size is 11, but there are 10 training images"):
        Epochs(10, 11, 0)


def test_colour_images_have_three_channels_throughout() -> None:
    config = dataclasses.replace(arm("fsvae-taid"), n_colours=3)
    model = VAE(config, 0).double()
    images = torch.rand(5, 3, 16, 16, dtype=torch.float64, generator=generator())
    made, _ = model.reconstruct(images, generator())
    assert made.shape == images.shape
    assert model.export("generator", {}).decoder.n_channels == 3
    assert model.export("encoder", {}).input_shape == (3, 16, 16)
    with pytest.raises(ValueError, match="dataset digits is gray, but n_colours is 3; 1 is allowed here"):
        VAETrainer(config, 0)


def test_prior_of_rates_learns_faster() -> None:
    trainer = VAETrainer(arm("esvae"), 0)
    rates = [group["lr"] for group in trainer.optimisers["all"].param_groups]
    assert rates == pytest.approx([3e-3, 3e-2])
    n = sum(len(group["params"]) for group in trainer.optimisers["all"].param_groups)
    assert n == len(list(trainer.model.parameters()))


@pytest.mark.skipif(
    find("fad-mnist-autoencoder") is None, reason="the FAD autoencoder of MNIST is not at hand"
)
def test_validation_fad_is_zero_for_the_held_out_images_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    config = dataclasses.replace(arm("ann-vae"), n_validation=512)
    trainer = VAETrainer(config, 0)
    model = trainer.model.eval()
    (untrained,) = validation_fad(model, 512)
    monkeypatch.setattr(model, "sample", lambda n, seed: trainer.validation)
    (same,) = validation_fad(model, 512)
    assert abs(float(same["value"])) < 1e-3 < float(untrained["value"])
    assert "512 held-out training images" in same["detail"]


def test_the_mixture_s_training_is_esvae_s_and_its_learned_prior_is_measured_too() -> None:
    states = [VAETrainer(arm(name), 0) for name in ("esvae", "esvae-mixture")]
    for trainer in states:
        trainer.advance()
    plain, mixture = (trainer.model.state_dict() for trainer in states)
    assert all(torch.equal(plain[k], mixture[k]) for k in plain)
    assert set(mixture) - set(plain) == {f"latent.mixture_{x}" for x in ("weight", "mean", "root")}
    finished = [trainer.finished() for trainer in states]
    finished[1].latent.mixture = False
    assert torch.equal(finished[0].sample(9, 0), finished[1].sample(9, 0))
    assert learned_prior_fad(finished[0], 256) == []


@pytest.mark.parametrize("name", ARMS)
def test_samples_are_those_of_the_seed_and_lie_in_range(name: str) -> None:
    model = VAETrainer(arm(name), 0).finished()
    a, b = model.sample(5, 0), model.sample(5, 0)
    assert a.shape == (5, 1, 16, 16)
    assert a.min() >= 0
    assert a.max() <= 1
    assert torch.equal(a, b)
    assert not torch.equal(a, model.sample(5, 1))


# ----------------------------------------------------------------------------------------------- configuration


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"latent": "rates"}, r"unknown latent 'rates': did you mean 'rate'\?"),
        ({"divergence": "mmd-rbf"}, "unknown divergence of a latent 'autoregressive' 'mmd-rbf'"),
        ({"image_size": 20}, "image_size is 20 with 3 channels"),
        ({"prior": "mixture"}, "prior is 'mixture' with a latent 'autoregressive'; it is fitted to rates"),
        (
            {"latent": "gaussian", "divergence": "gaussian-kld"},
            r"n_steps is 6; the analog twin .* has 1 step",
        ),
        ({"decoder": "attention"}, "unknown decoder 'attention'"),
        ({"n_candidates": 0}, "n_candidates is 0; at least 1 is needed"),
    ],
)
def test_configurations_that_cannot_be_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(TINY, **changes)


# ----------------------------------------------------------------------------------------------- export


@pytest.mark.parametrize("name", ["fsvae", "fsvae-taid", "fsvae-alif", "esvae"])
@pytest.mark.parametrize("role", ["generator", "encoder"])
def test_export_gives_the_same_spikes(tmp_path: Path, name: str, role: str) -> None:
    model = lively(name)
    inputs = model.verification_inputs(role, 30, seed=1)
    inputs = inputs.double() if inputs.is_floating_point() else inputs
    torch_side = model.trace(role, inputs)
    spec.save_network(model.export(role, {}), tmp_path / "network.safetensors")
    network = spec.load_network(tmp_path / "network.safetensors")
    described = simulate(network, inputs)
    assert (
        network.input == {"encoder": "constant", "generator": "draws" if "fsvae" in name else "spikes"}[role]
    )
    for layer in network.layers:
        if layer.spikes:
            assert 0 < torch_side[layer.name].mean() < 1, layer.name
            assert np.array_equal(described[layer.name], torch_side[layer.name]), layer.name
    if role == "generator":
        np.testing.assert_allclose(described["readout"], torch_side["readout"], atol=1e-12)


def test_the_trace_s_image_is_the_sample() -> None:
    model = lively("fsvae")
    drawn = model.latent.draw(7, generator(10**6))
    trace = model.trace("generator", drawn.transpose(0, 1))
    np.testing.assert_allclose(trace["image"], model.sample(7, 0).flatten(1).numpy())


def test_the_analog_twin_has_nothing_to_export() -> None:
    model = VAE(arm("ann-vae"), 0)
    assert model.roles == ()
    with pytest.raises(ValueError, match="unknown network of tiny-vae/ann-vae 'generator'"):
        model.export("generator", {})


def test_a_stored_state_is_of_its_family(tmp_path: Path) -> None:
    run = runs.train(arm("esvae"), 0, tmp_path)
    config, seed = runs.stored_config(run)
    assert (config, seed) == (arm("esvae"), 0)
    assert read(run / STATE_FILE, "training state").header["update"] == "4"
    assert isinstance(runs.load_model(run), VAE)
