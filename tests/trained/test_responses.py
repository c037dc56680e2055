"""Responses of every kind of network that is exported: spikes and readouts are those of the exported equations in numpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bio import equations
from bio.readout import read_out
from bio.shown import network_input
from study.network import Network
from study.stimuli import Stimuli, load_stimuli, save_stimuli
from trained.checkpoint import save_model
from trained.config import override
from trained.configurations import named_config
from trained.families import family_of
from trained.generator_inputs import generator_inputs
from trained.responses import respond
from trained.runs import load_model

N = 5


def saved(name: str, folder: Path, *changes: str) -> Path:
    """A run folder with an untrained model whose batch norm is set so that its neurons fire."""
    config = override(named_config(name), changes)
    model = family_of(config).model(config, 0)
    random = torch.Generator().manual_seed(0)
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(-0.05, 0.02, generator=random)
            module.running_var.fill_(0.01)
    folder.mkdir(parents=True, exist_ok=True)
    save_model(model.eval(), folder, {})
    return folder


def shown(network: Network, path: Path, rng: np.random.Generator) -> Path:
    """A stimuli file of the kind that a network takes."""
    shape, steps = network.input_shape, network.n_steps
    if network.input == "draws":
        pick = next(layer for layer in network.layers if layer.connection and layer.connection.kind == "pick")
        values, kind = rng.integers(pick.connection.n_each, size=(N, steps, *shape)), "draws"
    elif network.input == "spikes":
        values, kind = rng.integers(2, size=(N, steps, *shape)), "spikes"
    elif len(shape) == 1:
        values, kind = rng.random((N, *shape)), "latent"
    else:
        values, kind = rng.random((N, *shape[1:], shape[0])), "image"
        values = values[..., 0] if shape[0] == 1 else values
    save_stimuli(Stimuli(values, np.arange(N) + 7, kind=kind), path)
    return path


@pytest.mark.parametrize(
    ("name", "role", "changes"),
    [
        ("tiny-patches/sgad", "generator", ()),
        ("tiny-patches/sgad", "critic", ("dataset=cifar10", "n_colours=3")),
        ("tiny-patches/sgad", "generator", ("dataset=cifar10", "n_colours=3", "decoder=mean")),
        ("tiny-patches/sgad", "generator", ("generator_output=spikes", "decoder=rate")),
        ("tiny-vae/fsvae", "generator", ()),
        ("tiny-vae/fsvae-taid", "encoder", ("dataset=cifar10", "n_colours=3")),
        ("tiny-vae/fsvae-taid", "generator", ("dataset=cifar10", "n_colours=3")),
        ("tiny-vae/esvae", "generator", ()),
        ("tiny-classifier/alif", "classifier", ()),
        ("tiny-ttfs-classifier/s4nn", "classifier", ("v_threshold=30",)),
        ("tiny-ttfs-gan/conditional", "generator", ("v_threshold=30",)),
    ],
)
def test_responses_are_those_of_the_exported_equations(
    name: str, role: str, changes: tuple[str, ...], tmp_path: Path, rng: np.random.Generator
) -> None:
    run = saved(name, tmp_path / "run", *changes)
    network = load_model(run, torch.float64).export(role, {})
    path = shown(network, tmp_path / "stimuli.nc", rng)
    found = respond(run, role, path)
    values, ids, draws = network_input(network, load_stimuli(path))
    expected = equations.trace(network, values, draws)
    assert found.stimulus.tolist() == ids.tolist()
    assert list(found.counts) == [layer.name for layer in network.layers if layer.spikes]
    for layer in network.layers:
        if layer.spikes:
            counts = found.counts[layer.name]
            assert counts.dtype == np.uint16
            assert np.array_equal(counts[:, 0], expected[layer.name].transpose(1, 0, 2))
            assert found.shapes[layer.name] == layer.shape
    assert sum(counts.sum() for counts in found.counts.values()) > 0
    named = read_out(network, expected["readout"].transpose(1, 0, 2)[:, None].astype(np.float64))
    assert set(found.readout) == set(named)
    for output, (axes, wanted) in named.items():
        assert found.readout[output][0] == axes
        np.testing.assert_allclose(found.readout[output][1], wanted, atol=1e-10)


@pytest.mark.parametrize(
    ("name", "role", "message"),
    [
        ("tiny-vae/ann-vae", "generator", "tiny-vae/ann-vae has no spiking network to respond"),
        ("tiny-autoencoder/plain", "encoder", "tiny-autoencoder/plain has no spiking network to respond"),
        ("tiny-classifier/alif", "critic", "unknown network of tiny-classifier/alif 'critic': .*classifier"),
        ("tiny-vae/fsvae", "generator", r"the generator takes \(6, 6\): draws where the file holds latent"),
        ("tiny-vae/esvae", "generator", r"the generator takes \(6, 32\): spikes where the file holds latent"),
        ("tiny-vae/fsvae", "encoder", r"the encoder takes \(1, 16, 16\): image where the file holds latent"),
    ],
)
def test_what_cannot_respond_says_why(name: str, role: str, message: str, tmp_path: Path) -> None:
    run = saved(name, tmp_path / "run")
    save_stimuli(Stimuli(np.zeros((2, 3)), np.arange(2)), tmp_path / "stimuli.nc")
    with pytest.raises(ValueError, match=message):
        respond(run, role, tmp_path / "stimuli.nc")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("tiny-patches/sgad", "latent"),
        ("tiny-vae/fsvae-taid", "draws"),
        ("tiny-vae/esvae", "spikes"),
        ("tiny-ttfs-gan/conditional", "latent"),
    ],
)
def test_inputs_of_samples_give_the_samples(name: str, kind: str, tmp_path: Path) -> None:
    run = saved(name, tmp_path / "run", *(["v_threshold=30"] if "ttfs" in name else []))
    model = load_model(run)
    found = generator_inputs(model, 4, seed=3)
    assert found.kind == kind
    save_stimuli(found, tmp_path / "stimuli.nc")
    image = respond(run, "generator", tmp_path / "stimuli.nc").readout["image"][1]
    np.testing.assert_allclose(image[:, 0], model.sample(4, seed=3).flatten(1), atol=1e-4)


def test_networks_without_a_spiking_generator_have_no_latents(tmp_path: Path) -> None:
    for name in ("tiny-classifier/alif", "tiny-vae/ann-vae", "tiny-autoencoder/plain"):
        with pytest.raises(ValueError, match=f"{name} has no spiking generator"):
            generator_inputs(load_model(saved(name, tmp_path / name)), 4, 0)
