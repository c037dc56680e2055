"""Every switch of a GAN, the step from SGAN to SGAD, and the analog twins."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from study.stimuli import Stimuli, save_stimuli
from trained.analog import AnalogUnits
from trained.config import override
from trained.configurations import CONFIGS, named_config
from trained.gan import CriticLoss, GanTrainer
from trained.gan_config import GanConfig
from trained.gan_configurations import single_steps
from trained.gan_network import GanModel
from trained.responses import respond
from trained.runs import train

TINY = named_config("tiny-patches/sgad")
assert isinstance(TINY, GanConfig)
SWITCHES: list[dict[str, Any]] = [
    dict(generator="analog"),
    dict(generator_output="membrane"),
    dict(generator_output="spikes", decoder="rate"),
    dict(generator_output_over_steps=True),
    dict(decoder="leaky-sum"),
    dict(decoder="learned-sum", decoder_activation="sigmoid_sum"),
    dict(decoder="taid", decoder_activation="sigmoid_sum"),
    dict(critic="analog"),
    dict(critic="quantised"),
    dict(critic_architecture="mlp"),
    dict(critic_sees="frames"),
    dict(critic_reset=False),
    dict(gradient_penalty=10.0),
    dict(n_latent=5),
    dict(precision="bfloat16"),
    dict(precision="bfloat16", gradient_penalty=10.0),
]


def trained(config: GanConfig, n_updates: int = 2) -> GanTrainer:
    trainer = GanTrainer(config, 0)
    for _ in range(n_updates):
        losses = trainer.advance()
    assert all(torch.isfinite(torch.tensor(loss)) for loss in losses.values())
    return trainer


@pytest.mark.parametrize("switch", SWITCHES, ids=lambda s: "-".join(f"{k}={v}" for k, v in s.items()))
def test_every_switch_trains_and_changes_the_samples(switch: dict[str, Any]) -> None:
    plain = trained(TINY).finished().sample(4, 0)
    images = trained(dataclasses.replace(TINY, **switch)).finished().sample(4, 0)
    assert images.shape == plain.shape
    assert images.min() >= 0
    assert images.max() <= 1
    assert not torch.equal(images, plain)


@pytest.mark.parametrize("name", [name for name in CONFIGS if name.startswith("decoders/")])
def test_decoders_of_the_ablation_make_images(name: str) -> None:
    decoder = name.split("/")[1]
    activation = CONFIGS[name].decoder_activation
    model = GanModel(dataclasses.replace(TINY, decoder=decoder, decoder_activation=activation))
    images = model.sample(8, 0)
    assert images.min() >= 0
    assert images.max() <= 1


def test_colour() -> None:
    model = GanModel(dataclasses.replace(TINY, n_colours=3))
    images = model.sample(2, 0)
    assert images.shape == (2, 3, 16, 16)
    assert model.critic(images).shape == (2,)


def test_the_released_64_pixel_generator_has_three_transposed_convolutions() -> None:
    config = dataclasses.replace(TINY, image_size=64, n_colours=3, generator_channels=(8, 4, 2))
    model = GanModel(config)
    assert [p.name for p in model.generator.chain] == ["dense1", "dense2", "convt1", "convt2", "readout"]
    assert model.generator.chain[-1].shape == (3, 64, 64)
    assert model.critic(model.sample(2, 0)).shape == (2,)


def test_steps_from_sgan_to_sgad_change_one_switch_each() -> None:
    steps = single_steps()
    for before, after in itertools.pairwise(steps):
        changed = {k for k, v in dataclasses.asdict(after).items() if getattr(before, k) != v} - {"variant"}
        # Spikes are decoded by their rate and nothing else is: these two can only change together.
        assert len(changed) == 1 or changed == {"generator_output", "decoder"}, (after.variant, changed)
    last = dataclasses.replace(
        steps[-1], experiment="quick-digits", variant="sgad", n_updates=200, precision="float32"
    )
    assert last == CONFIGS["quick-digits/sgad"]


def test_without_reset_equals_twice_as_many_steps() -> None:
    """One input after another, without reset, is one run whose input changes half way."""
    critic = GanModel(dataclasses.replace(TINY, critic_dense_norm=False)).critic.eval()
    real, fake = torch.rand(2, 3, 1, 16, 16)
    scores = critic.one_after_another(real, fake)
    assert torch.equal(scores[0], critic(real))
    assert not torch.allclose(scores[1], critic(fake))
    critic.n_steps *= 2
    shown = torch.cat([real.expand(16, *real.shape), fake.expand(16, *fake.shape)])
    assert torch.allclose(critic(shown) * 2, scores[1])


def test_gradient_penalty_of_an_analog_linear_critic_is_known() -> None:
    """A score w·x has the gradient w everywhere: the penalty is (|w| - 1)^2."""
    config = dataclasses.replace(
        TINY,
        critic="analog",
        critic_architecture="mlp",
        critic_dense_norm=False,
        critic_hidden=1,
        gradient_penalty=10.0,
    )
    critic = GanModel(config).critic
    first, second = (population.synapse for population in critic.chain)
    with torch.no_grad():
        first.bias.fill_(1000.0)  # the LeakyReLU's slope is 1 everywhere
        second.weight.fill_(1.0)
    norm = first.weight.norm()
    images = torch.rand(2, 8, 1, 16, 16)
    loss, without = (CriticLoss(critic, config)(*images, share) for share in (torch.rand(8, 1, 1, 1), None))
    assert torch.isclose(loss - without, 10 * (norm - 1) ** 2, rtol=1e-4)


def test_gradient_penalty_reaches_the_weights_of_a_spiking_critic() -> None:
    critic = GanModel(TINY).critic
    loss = CriticLoss(critic, dataclasses.replace(TINY, gradient_penalty=10.0))
    share = torch.rand(4, 1, 1, 1)
    images = torch.rand(2, 4, 1, 16, 16)
    (loss(*images, share) - loss(*images, None)).backward()
    weight = critic.chain[0].synapse.weight
    assert weight.grad is not None
    assert weight.grad.abs().max() > 0


def test_quantised_units_have_the_levels_of_a_spike_count_and_straight_gradients() -> None:
    x = torch.linspace(-0.5, 1.5, 41, requires_grad=True)
    y = AnalogUnits(n_levels=4)(x)
    assert set(y.detach().mul(4).round(decimals=5).tolist()) == {0.0, 1.0, 2.0, 3.0, 4.0}
    y.sum().backward()
    assert torch.equal(x.grad, ((x >= 0) & (x <= 1)).float())


def test_analog_networks_are_not_exported() -> None:
    model = GanModel(dataclasses.replace(TINY, critic="analog"))
    assert model.roles == ("generator",)
    with pytest.raises(ValueError, match=r"the critic of tiny-patches/sgad does not spike"):
        model.export("critic", {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("critic=brain", "unknown critic 'brain': allowed are analog, quantised, spiking"),
        ("attention_features=-1", "attention_features is -1; at least 0"),
        ("generator_output=spikes", "generator_output=spikes with decoder=attention; spikes are decoded by"),
        ("decoder=taid", "decoder=taid sums frames with weights beyond 1"),
        ("n_colours=2", "n_colours is 2; allowed are 1"),
        ("generator_channels=4,4,4,4,4", "image_size is 16; it must be a multiple of 32"),
    ],
)
def test_bad_switches(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        override(TINY, [text])


def test_features_belong_to_attention() -> None:
    with pytest.raises(ValueError, match="attention_features is 3 with decoder=mean, which has no keys"):
        override(TINY, ["decoder=mean", "attention_features=3"])


def test_analog_networks_have_no_time() -> None:
    with pytest.raises(ValueError, match="critic=quantised has no time; it needs critic_sees=image"):
        dataclasses.replace(TINY, critic="quantised", critic_reset=False)
    with pytest.raises(ValueError, match="generator=analog has no frames"):
        dataclasses.replace(TINY, generator="analog", critic_sees="frames")


def test_responses_of_an_analog_critic_are_its_values_in_one_bin(tmp_path: Path) -> None:
    config = dataclasses.replace(TINY, critic="analog", n_updates=1)
    run = train(config, 0, tmp_path / "run")
    images = np.random.default_rng(0).random((5, 16, 16))
    save_stimuli(Stimuli(images, np.arange(5)), tmp_path / "stimuli.nc")
    responses = respond(run, "critic", tmp_path / "stimuli.nc")
    assert responses.attributes["units"] == "analog"
    values = responses.counts["conv1"]
    assert values.shape == (5, 1, 1, 4 * 12 * 12)
    assert values.dtype == np.float32
    assert values.min() < 0  # LeakyReLU, not a count
    assert responses.readout["score"][1].shape == (5, 1)
