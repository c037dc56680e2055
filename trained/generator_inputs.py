"""What generators make their samples of, as stimuli for torch and Brian2: latents, spikes of a prior, or draws."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from study.stimuli import Stimuli
from trained.gan_network import GanModel
from trained.latent import AutoregressiveLatent
from trained.model import AbstractModel
from trained.ttfs.gan import TTFSGan
from trained.vae import SAMPLE_STREAM, VAE


def generator_inputs(model: AbstractModel, n: int, seed: int) -> Stimuli:
    """Return the inputs of the images that `model.sample(n, seed)` gives.

    Returns
    -------
    Stimuli
        Latents of a GAN, (stimulus, k); the draws of a VAE's autoregressive prior or the spikes of its rates,
        (stimulus, step, latent); latents in [0, 1] and classes of a first-spike GAN.

    Raises
    ------
    ValueError
        If the model has no spiking generator.
    """
    if isinstance(model, GanModel):
        return _stimuli(model.latents(n, seed), "latent", "draws from N(0, I)")
    if isinstance(model, VAE) and model.config.spiking:
        drawn = model.latent.draw(n, torch.Generator().manual_seed(seed + SAMPLE_STREAM)).transpose(0, 1)
        if isinstance(model.latent, AutoregressiveLatent):
            return _stimuli(drawn, "draws", "picks among the candidates of the prior")
        return _stimuli(drawn, "spikes", "spikes at rates of the prior")
    if isinstance(model, TTFSGan):
        values, _ = model.inputs(n, torch.Generator().manual_seed(seed + SAMPLE_STREAM))
        return _stimuli(values, "latent", "draws from U(0, 1) and, of a conditional GAN, classes")
    raise ValueError(f"{model.config.name} has no spiking generator, and so no latents; give the run of one.")


def _stimuli(values: Tensor, kind: str, made_by: str) -> Stimuli:
    array = values.numpy() if kind == "draws" else values.double().numpy()
    return Stimuli(array, np.arange(len(array)), attributes={"made_by": made_by}, kind=kind)
