"""What the Fréchet Autoencoder Distance gives for real MNIST digits: which measure was published, and its floor.

python -m study data fetch mnist
python benchmarks/fad_reference.py
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from study.images import load_digits, load_mnist
from study.manifest import locate
from trained.fad import N_PUBLISHED, features, frechet_distance, load_encoder, moments
from trained.process import prepare

SEED = 0


def as_images(pixels: np.ndarray) -> Tensor:
    """Return uint8 digits as (n, 1, y, x) in [0, 1]."""
    return torch.from_numpy(pixels.copy()).float().div(255).unsqueeze(1)


def main() -> None:
    """Measure and print."""
    prepare()
    random = torch.Generator().manual_seed(SEED)
    encoder = load_encoder(locate("fad-mnist-autoencoder"))
    with np.load(locate("fad-mnist-statistics")) as reference:
        mean, covariance = reference["mu"], reference["sigma"]

    def tell(name: str, images: Tensor, mode: str, batch_size: int = 256) -> None:
        latents = features(images, encoder, mode, batch_size)
        distance = frechet_distance(*moments(latents), mean, covariance)
        print(f"{name}, {mode}, batch {batch_size}: {distance:.4f} (n = {len(latents)})")

    test, train = as_images(load_mnist("test")[0]), as_images(load_mnist("train")[0])
    digits = as_images(load_digits()[0])
    tell("test split", test, "legacy")
    tell("test split", test, "legacy", 128)
    tell("test split", test, "eval")
    tell(
        "training split, shuffled",
        train[torch.randperm(len(train), generator=random)[:N_PUBLISHED]],
        "legacy",
    )
    tell("embedded digits, shuffled", digits[torch.randperm(len(digits), generator=random)], "legacy")


if __name__ == "__main__":
    main()
