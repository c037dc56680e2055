"""The variational autoencoders' networks as `bio` reads them, and what torch's own do, to compare with."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from study import network as spec
from trained.folding import export_layer, export_network
from trained.latent import AutoregressiveLatent, delayed
from trained.vae_network import Encoder, Generator

PICK = "pick"  # name of the layer that draws the latent's spikes from their candidates


def export_encoder(encoder: Encoder, facts: Mapping[str, str]) -> spec.Network:
    """Describe the encoder, its input an image in [0, 1]."""
    network = export_network(encoder, facts)
    first = encoder.input_map.fold(network.layers[0])
    return dataclasses.replace(network, layers=(first, *network.layers[1:]))


def export_generator(generator: Generator, latent: object, facts: Mapping[str, str]) -> spec.Network:
    """Describe the generator: of spikes, or of the draws that pick them from what the prior puts out."""
    network = export_network(generator, facts, input="spikes")
    if not isinstance(latent, AutoregressiveLatent):
        return network
    prior = copy.deepcopy(latent.prior_net).double().eval()
    layers = [export_layer(population) for population in prior.chain]
    feedback = layers[0].connection
    assert isinstance(feedback, spec.Dense)
    layers[0] = dataclasses.replace(layers[0], connection=None, recurrent=(spec.Recurrent(PICK, feedback),))
    n = latent.n_latent
    pick = spec.Layer(PICK, (n,), spec.Pick(n, latent.k), np.zeros(n), spec.RELAY)
    return dataclasses.replace(network, input="draws", layers=(*layers, pick, *network.layers))


def trace_encoder(encoder: Encoder, images: Float[Tensor, "batch colour y x"]) -> dict[str, np.ndarray]:
    """Return the spikes of every layer, (time, batch, unit); the last is the readout too."""
    with torch.no_grad():
        states = encoder.states(encoder.input_map(images))
    return {name: x.flatten(2).numpy() for name, x in states.items()}


def trace_spikes(generator: Generator, z: Float[Tensor, "time batch latent"]) -> dict[str, np.ndarray]:
    """Return spikes and readout of every layer, (time, batch, unit), and `image`, (batch, unit), for a latent's spikes."""
    with torch.no_grad():
        states = generator.states(z)
        image = generator.decoder.decode(states["readout"])
    return {**{name: x.flatten(2).numpy() for name, x in states.items()}, "image": image.flatten(1).numpy()}


def trace_draws(
    generator: Generator, latent: AutoregressiveLatent, draws: Int[Tensor, "time batch latent"]
) -> dict[str, np.ndarray]:
    """Return the same for the draws of an autoregressive prior, whose layers come first."""
    z = latent.prior(draws)
    with torch.no_grad():
        states = latent.prior_net.states(delayed(z))
    before = {name: x.flatten(2).numpy() for name, x in states.items()}
    return {**before, PICK: z.numpy(), **trace_spikes(generator, z)}
