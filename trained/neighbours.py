"""Whether a generator repeats its training images: distances to the nearest of them."""

from __future__ import annotations

import dataclasses

import torch
from jaxtyping import Float
from torch import Tensor


@dataclasses.dataclass(frozen=True)
class Nearest:
    """Medians over images of the distance to the nearest training image, root mean squared difference per pixel.

    Parameters
    ----------
    generated, held_out : float
        Of generated images, and of real images that were not trained on.
    n_copies : int
        Generated images that are nearer to a training image than one held-out image in a thousand is.
    """

    generated: float
    held_out: float
    n_copies: int

    @property
    def ratio(self) -> float:
        """Generated over held out: well below 1 speaks for memorising."""
        return self.generated / self.held_out


def nearest(
    generated: Float[Tensor, " images *pixel"],
    training: Float[Tensor, " examples *pixel"],
    held_out: Float[Tensor, " others *pixel"],
) -> Nearest:
    """Compare generated and held-out images by how near they come to training images.

    All in [0, 1] and of the same size.

    Raises
    ------
    ValueError
        If there are no images of one kind.
    """
    for name, images in (("generated", generated), ("training", training), ("held-out", held_out)):
        if not len(images):
            raise ValueError(f"nearest neighbours: there are no {name} images; at least 1 is needed.")
    ours, theirs = (_distances(images, training) for images in (generated, held_out))
    near = torch.quantile(theirs, 0.001)
    return Nearest(ours.median().item(), theirs.median().item(), int((ours < near).sum()))


def _distances(images: Tensor, training: Tensor, batch_size: int = 256) -> Tensor:
    flat = training.flatten(1)
    # Differences, not products: float32 products lose what is left between an image and its copy.
    least = [
        torch.cdist(x, flat, compute_mode="donot_use_mm_for_euclid_dist").amin(1)
        for x in images.flatten(1).split(batch_size)
    ]
    return torch.cat(least) / flat.shape[1] ** 0.5
