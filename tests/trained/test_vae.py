"""Variational autoencoders: the latent step by step, layers, losses, training, export."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from study import images
from study import network as spec
from study.manifest import find
from tests.trained.described import simulate
from trained import runs, training
from trained.batches import Epochs
from trained.checkpoint import MODEL_FILE, STATE_FILE, read
from trained.configurations import named_config
from trained.latent import AutoregressiveLatent, RateLatent, bernoulli_spikes, delayed
from trained.latent_divergence import bernoulli_kld, gaussian_kld, mmd, mmd_rbf, postsynaptic_potential
from trained.vae import VAE
from trained.vae_config import VAEConfig
from trained.vae_layers import FSVAE, LEARNED, hidden
from trained.vae_measures import learned_prior_fad, validation_fad
from trained.vae_training import VAETrainer, split

TINY = named_config("tiny-vae/fsvae")
ARMS = ("fsvae", "fsvae-taid", "fsvae-alif", "esvae", "esvae-mixture", "ann-vae")


@pytest.fixture(autouse=True, scope="module")
def digits_are_read_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(images, "load_digits", functools.cache(images.load_digits))
        yield


def arm(name: str) -> VAEConfig:
    config = named_config(f"tiny-vae/{name}")
    assert isinstance(config, VAEConfig)
    return config


def lively(name: str, seed: int = 0) -> VAE:
    """Return an untrained model in float64 whose batch norm has seen data, so that every layer spikes."""
    trainer = VAETrainer(dataclasses.replace(arm(name), calibration_batches=5), seed)
    return trainer.finished().double()


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# ----------------------------------------------------------------------------------------------- latents


def prefix_sequence(net, picks: torch.Tensor, x: torch.Tensor | None, k: int) -> torch.Tensor:
    """Draw a latent as the released code does: the whole prefix anew at every step."""
    n_steps, n_batch, n_latent = picks.shape
    z = torch.zeros(0, n_batch, n_latent, dtype=torch.float64)
    for t in range(n_steps):
        before = torch.cat([torch.zeros(1, n_batch, n_latent, dtype=torch.float64), z])
        fed = before if x is None else torch.cat([x[: t + 1], before], -1)
        with torch.no_grad():
            candidates = net(fed)[-1].unflatten(-1, (n_latent, k))
        z = torch.cat([z, candidates.gather(-1, picks[t].unsqueeze(-1)).squeeze(-1).unsqueeze(0)])
    return z


@pytest.mark.parametrize("which", ["prior", "posterior"])
def test_one_step_at_a_time_equals_running_every_prefix_anew(which: str) -> None:
    model = lively("fsvae")
    latent = model.latent
    assert isinstance(latent, AutoregressiveLatent)
    picks = latent.picks(40, generator())
    x = (torch.rand(6, 40, 6, generator=generator(1)) < 0.4).double() if which == "posterior" else None
    net = latent.posterior_net if which == "posterior" else latent.prior_net
    stepped = latent._sequence(net, picks, x)
    assert 0.02 < stepped.mean() < 0.98
    assert torch.equal(stepped, prefix_sequence(net, picks, x, latent.k))


def test_in_evaluation_mode_the_pass_that_carries_the_gradient_picks_what_was_drawn() -> None:
    model = lively("fsvae")
    latent = model.latent
    x = (torch.rand(6, 40, 6, generator=generator(1)) < 0.4).double()
    z = latent.posterior(x, generator(2)).z
    picks = latent.picks(40, generator(2))
    assert torch.equal(z, latent._sequence(latent.posterior_net, picks, x))


def test_the_posterior_s_gradient_reaches_the_encoder_and_the_prior_s_does_not() -> None:
    model = lively("fsvae")
    images = torch.rand(16, 1, 16, 16, dtype=torch.float64, generator=generator())
    _, divergence = model.reconstruct(images, generator())
    divergence.backward()
    assert model.encoder.chain[0].synapse.weight.grad.abs().sum() > 0
    model.zero_grad()
    # Without the posterior's own spikes in the divergence, nothing may come from the prior's input.
    x = torch.rand(6, 16, 6, dtype=torch.float64, requires_grad=True)
    fed = delayed(model.latent._scheduled(x.detach(), 0.0, generator()))
    model.latent.prior_net(fed).sum().backward()
    assert x.grad is None


def test_scheduled_sampling_replaces_late_steps_by_the_prior_s_own_spikes() -> None:
    latent = lively("fsvae").latent
    z = torch.zeros(6, 8, 6, dtype=torch.float64)
    fed = latent._scheduled(z, 1.0, generator())
    assert torch.equal(fed[:5], z[:5])
    latent.prior_net.chain[-1].norm.bias.data.fill_(10.0)  # every candidate fires
    assert torch.equal(latent._scheduled(z, 1.0, generator())[5], torch.ones(8, 6, dtype=torch.float64))
    assert torch.equal(latent._scheduled(z, 0.0, generator()), z)


def test_picked_spikes_are_draws_from_the_mean_of_the_candidates() -> None:
    config = dataclasses.replace(arm("fsvae"), n_candidates=20)
    latent = AutoregressiveLatent(config).double().eval()
    candidates = torch.zeros(6, 2000, 6, 20)
    candidates[..., :7] = 1
    picks = latent.picks(2000, generator())
    z = candidates.gather(-1, picks.unsqueeze(-1))
    assert z.mean().item() == pytest.approx(7 / 20, abs=4 * math.sqrt(0.35 * 0.65 / z.numel()))


def test_bernoulli_spikes_have_their_rate_and_a_window_for_gradient() -> None:
    rate = torch.tensor([[0.0, 0.25, 1.0]], dtype=torch.float64, requires_grad=True)
    uniform = torch.rand(4000, 1, 3, dtype=torch.float64, generator=generator())
    z = bernoulli_spikes(rate, uniform)
    np.testing.assert_allclose(z.mean((0, 1)).detach(), [0, 0.25, 1], atol=0.03)
    z.sum().backward()
    expected = ((rate - uniform).abs() < 0.5).double().sum(0)
    torch.testing.assert_close(rate.grad, expected)


def test_the_mixture_gives_back_the_moments_that_it_was_fitted_to() -> None:
    config = dataclasses.replace(arm("esvae-mixture"), mixture_components=2, n_latent=3)
    latent = RateLatent(config)
    rates = torch.cat(
        [
            0.25 + 0.03 * torch.randn(3000, 3, generator=generator()),
            0.7 + 0.05 * torch.randn(1000, 3, generator=generator(1)),
        ]
    )
    latent.fit_mixture(rates, seed=0)
    drawn = latent._mixture_rate(torch.randn(20000, 3, generator=generator(2)), generator(3))
    torch.testing.assert_close(drawn.mean(0), rates.mean(0), atol=0.01, rtol=0)
    torch.testing.assert_close(drawn.T.cov(), rates.T.cov(), atol=2e-3, rtol=0)


# ----------------------------------------------------------------------------------------------- divergences


def test_psp_and_mmd_equal_their_sums_written_out() -> None:
    q, p = torch.rand(2, 5, 3, 4, dtype=torch.float64)
    kernel = np.array([[0.5 * 0.5 ** (t - s) if s <= t else 0 for s in range(5)] for t in range(5)])
    np.testing.assert_allclose(postsynaptic_potential(q), np.einsum("ts,sbd->tbd", kernel, q))
    difference = np.einsum("ts,sbd->tbd", kernel, (q - p).numpy()) ** 2
    assert mmd(q, p).item() == pytest.approx(difference.mean())
    assert mmd(q, p, "sum").item() == pytest.approx(difference.sum() / 3)
    assert mmd(q, q).item() == 0


def test_divergences_agree_with_torch_distributions() -> None:
    q, p = torch.rand(2, 5, 3, 4, dtype=torch.float64)
    a, b = (torch.distributions.Bernoulli(x * 0.98 + 0.01) for x in (q, p))
    expected = torch.distributions.kl_divergence(a, b).sum((0, 2)).mean()
    torch.testing.assert_close(bernoulli_kld(q, p), expected)
    mean, log_variance = torch.randn(2, 6, 4, dtype=torch.float64)
    normal = torch.distributions.Normal(mean, (log_variance / 2).exp())
    expected = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0)).sum(1).mean()
    torch.testing.assert_close(gaussian_kld(mean, log_variance), expected)


def test_rbf_mmd_equals_its_double_sum_and_tells_samples_apart() -> None:
    x, y = torch.rand(2, 6, 3, dtype=torch.float64)
    both = torch.cat([x, y])
    d = torch.cdist(both, both) ** 2
    width = d.sum() / (12 * 11)
    k = sum(torch.exp(-d / (width * f)) for f in (0.25, 0.5, 1, 2, 4))
    expected = (k[:6, :6] + k[6:, 6:] - k[:6, 6:] - k[6:, :6]).mean()
    torch.testing.assert_close(mmd_rbf(x, y), expected)
    same, other = (
        torch.rand(2, 400, 3, generator=generator()),
        torch.rand(400, 3, generator=generator(1)) ** 3,
    )
    assert mmd_rbf(same[0], other) > 20 * mmd_rbf(same[0], same[1])


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
