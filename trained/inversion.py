"""Latent inversion: the latents from which a generator comes nearest to given images."""

from __future__ import annotations

import dataclasses

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import trange

from trained.gan_network import Generator

N_DESCENTS = 80
LEARNING_RATE = 0.1
PRIOR_WEIGHT = 1e-4  # pull towards N(0, I), so that latents stay where the generator was trained
# The generator's surrogate gradients are wide of the mark far from its data: start each image from the best of these.
N_CANDIDATES = 512


@dataclasses.dataclass(frozen=True)
class Inversion:
    """Latents with the images that they give.

    Parameters
    ----------
    latent : Tensor, (stimulus, k)
    reconstruction : Tensor, (stimulus, 1, y, x)
    mse : Tensor, (stimulus,)
        Mean squared pixel error of each reconstruction.
    mse_mean_image : Tensor, (stimulus,)
        Control: error of the mean of all targets.
    mse_shuffled : Tensor, (stimulus,)
        Control: error of the reconstruction of the next stimulus.
    """

    latent: Float[Tensor, "stimulus k"]
    reconstruction: Float[Tensor, "stimulus 1 y x"]
    mse: Float[Tensor, " stimulus"]
    mse_mean_image: Float[Tensor, " stimulus"]
    mse_shuffled: Float[Tensor, " stimulus"]


def invert(
    generator: Generator,
    images: Float[Tensor, "stimulus 1 y x"],
    seed: int = 0,
    n_descents: int = N_DESCENTS,
) -> Inversion:
    """Search latents by gradient descent through the surrogate gradients, keeping the best seen of each image.

    Parameters
    ----------
    generator : Generator
        In evaluation mode.
    images : Tensor, (stimulus, 1, y, x), in [0, 1]
    seed : int
        Of the candidates to start from.
    n_descents : int

    Raises
    ------
    ValueError
        If the images have another size than the generator's.
    """
    side = generator.chain[-1].shape[-1]
    if tuple(images.shape[1:]) != (1, side, side):
        raise ValueError(
            f"images are {tuple(images.shape[2:])} pixels, the generator makes ({side}, {side}); "
            f"make them with `python -m analysis stimuli --size {side}`."
        )
    generator.requires_grad_(False)
    latent = _best_candidates(generator, images, seed).requires_grad_()
    best, lowest = latent.detach().clone(), torch.full((len(images),), torch.inf)
    optimiser = torch.optim.Adam([latent], lr=LEARNING_RATE)
    for _ in trange(n_descents, desc="latent inversion", unit="descent", mininterval=1):
        errors = (generator(latent) - images).square().flatten(1).mean(1)
        better = errors.detach() < lowest
        best[better], lowest[better] = latent.detach()[better], errors.detach()[better]
        loss = errors.sum() + PRIOR_WEIGHT * latent.square().sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return _with_controls(generator, best, images)


def _best_candidates(generator: Generator, images: Tensor, seed: int) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    candidates = torch.randn(N_CANDIDATES, *generator.input_shape, generator=random)
    with torch.no_grad():
        made = torch.cat([generator(z) for z in candidates.split(128)]).flatten(1)
    return candidates[torch.cdist(images.flatten(1), made).argmin(1)]


def _with_controls(generator: Generator, latent: Tensor, images: Tensor) -> Inversion:
    with torch.no_grad():
        reconstruction = generator(latent)

    def error(guess: Tensor) -> Tensor:
        return (guess - images).square().flatten(1).mean(1)

    return Inversion(
        latent=latent,
        reconstruction=reconstruction,
        mse=error(reconstruction),
        mse_mean_image=error(images.mean(0, keepdim=True)),
        mse_shuffled=error(reconstruction.roll(-1, 0)),
    )
