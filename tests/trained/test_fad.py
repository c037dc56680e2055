"""The Fréchet distance against closed forms, and the published autoencoder on real digits."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from study.images import load_digits, load_mnist
from study.manifest import find
from trained.fad import Encoder, features, frechet_distance, load_encoder, moments


def test_distance_of_gaussians_with_commuting_covariances(rng: np.random.Generator) -> None:
    a, b = rng.uniform(0.5, 2, (2, 8))
    mean = rng.normal(size=8)
    expected = mean @ mean + ((np.sqrt(a) - np.sqrt(b)) ** 2).sum()
    assert frechet_distance(np.zeros(8), np.diag(a), mean, np.diag(b)) == pytest.approx(expected, rel=1e-10)


def test_distance_to_itself_is_zero_and_rotation_changes_nothing(rng: np.random.Generator) -> None:
    mean1, cov1 = moments(rng.normal(size=(200, 6)))
    mean2, cov2 = moments(rng.normal(size=(200, 6)) * 2 + 1)
    q = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    assert abs(frechet_distance(mean1, cov1, mean1, cov1)) < 1e-9
    rotated = frechet_distance(q @ mean1, q @ cov1 @ q.T, q @ mean2, q @ cov2 @ q.T)
    assert rotated == pytest.approx(frechet_distance(mean1, cov1, mean2, cov2), rel=1e-9)


def test_legacy_mode_depends_on_the_batch_and_eval_mode_does_not() -> None:
    torch.manual_seed(0)
    encoder, images = Encoder(), torch.rand(64, 1, 28, 28)
    assert not np.allclose(features(images, encoder, "legacy", 32), features(images, encoder, "legacy", 64))
    np.testing.assert_allclose(
        features(images, encoder, "eval", 32), features(images, encoder, "eval", 64), atol=1e-5
    )


def test_calls_do_not_change_the_encoder() -> None:
    torch.manual_seed(0)
    encoder, images = Encoder(), torch.rand(32, 1, 32, 32)
    before = features(images, encoder, "eval")
    features(images, encoder, "legacy", 32)
    assert np.array_equal(before, features(images, encoder, "eval"))


def test_legacy_needs_a_whole_batch() -> None:
    with pytest.raises(ValueError, match="at least one batch of 256 images, not 10"):
        features(torch.rand(10, 1, 32, 32), Encoder(), "legacy")


def test_damaged_autoencoder_is_named(tmp_path) -> None:
    path = tmp_path / "mnist_64.pth"
    path.write_bytes(b"not weights")
    with pytest.raises(ValueError, match=r"mnist_64\.pth is not a whole FAD autoencoder"):
        load_encoder(path)


def published(name: str) -> tuple[Encoder, np.ndarray, np.ndarray]:
    weights, statistics = find(f"fad-{name}-autoencoder"), find(f"fad-{name}-statistics")
    if weights is None or statistics is None:
        pytest.skip(f"fad-{name}-autoencoder and fad-{name}-statistics are not at hand")
    with np.load(statistics) as reference:
        return load_encoder(weights), reference["mu"], reference["sigma"]


def as_tensor(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels.copy()).float().div(255).unsqueeze(1)


def test_the_test_split_reproduces_the_published_statistics() -> None:
    encoder, mean, covariance = published("mnist")
    if find("mnist-test-images") is None or find("mnist-test-labels") is None:
        pytest.skip("mnist-test-images is not at hand; `python -m study data fetch mnist`")
    images = as_tensor(load_mnist("test")[0])
    assert frechet_distance(*moments(features(images, encoder, "legacy")), mean, covariance) < 0.005
    # A batch of another size, or running statistics, is another measure: that is how we know which was published.
    assert frechet_distance(*moments(features(images, encoder, "legacy", 128)), mean, covariance) > 0.02
    assert frechet_distance(*moments(features(images, encoder, "eval")), mean, covariance) > 0.3


def test_real_digits_are_near_the_published_statistics_and_noise_is_far() -> None:
    encoder, mean, covariance = published("mnist")
    digits = as_tensor(load_digits()[0])
    # The embedded digits are sorted by class; the published statistics come from mixed batches.
    mixed = digits[torch.randperm(len(digits), generator=torch.Generator().manual_seed(0))]
    noise = torch.rand(1024, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    assert frechet_distance(*moments(features(mixed, encoder, "legacy")), mean, covariance) < 6
    assert frechet_distance(*moments(features(noise, encoder, "legacy")), mean, covariance) > 100
