"""FID, KID and IS by extractors that are simple enough to know the answer, and by a classifier of ours."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from trained import feature_distances as distances
from trained.config import override
from trained.configurations import named_config
from trained.evaluation import MEASURES, Judges, evaluate
from trained.fad import frechet_distance, moments
from trained.families import FAMILIES
from trained.feature_distances import AbstractExtractor, ClassifierFeatures, Inception
from trained.gan_network import GanModel
from trained.runs import train

pytest.importorskip(
    "torchmetrics", reason="torchmetrics is not installed; pip install 'spiking-generators-mouse[metrics]'"
)


class Quadrants(AbstractExtractor):
    """Mean of each quarter of an image; logits that are certain of the brightest one."""

    name, n_features = "quadrants", 4

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        means = torch.nn.functional.adaptive_avg_pool2d(images.mean(1, keepdim=True), 2).flatten(1)
        return means, torch.nn.functional.one_hot(means.argmax(1), 4) * 100.0


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> GanModel:
    """A generator whose samples, and a data set whose test images, are noise in one quarter each."""

    def noise(n: int, seed: int, brightness: float) -> Tensor:
        random = torch.Generator().manual_seed(seed)
        x = torch.rand(n, 1, 16, 16, generator=random) * 0.2
        for i in range(n):
            y, z = divmod(i % 4, 2)
            x[i, :, 8 * y : 8 * y + 8, 8 * z : 8 * z + 8] += brightness
        return x

    monkeypatch.setattr(distances, "KID_SUBSETS", 5)
    made = GanModel(named_config("tiny-digits/sgad"))
    monkeypatch.setattr(made, "sample", lambda n, seed: noise(n, seed, 0.7))
    monkeypatch.setattr(distances, "split_images", lambda config, split: noise(400, 99, 0.5))
    return made


def test_rows_of_an_extractor_with_logits(model: GanModel) -> None:
    fid, kid, score = distances.feature_distances(model, 400, Quadrants())
    assert [found["measure"] for found in (fid, kid, score)] == ["FID", "KID", "IS"]
    assert "quadrants, against 400 test images" in str(fid["detail"])
    features = [
        Quadrants()(x)[0].double().numpy()
        for x in (distances.split_images(model.config, "test"), model.sample(400, 0))
    ]
    expected = frechet_distance(*moments(features[0]), *moments(features[1]))
    assert float(str(fid["value"])) == pytest.approx(expected, rel=1e-4)
    assert expected > 0.01
    assert float(str(kid["value"])) > 0.005
    # Four classes, each time certain, and about equally often in each of the ten splits.
    assert float(str(score["value"])) == pytest.approx(4, rel=0.05)


def test_equal_sets_have_no_distance(model: GanModel, monkeypatch: pytest.MonkeyPatch) -> None:
    images = model.sample(400, 0)
    monkeypatch.setattr(distances, "split_images", lambda config, split: images)
    fid, kid, _ = distances.feature_distances(model, 400, Quadrants())
    assert abs(float(str(fid["value"]))) < 1e-9
    assert abs(float(str(kid["value"]))) < 0.005  # unbiased: subsets of one set scatter about 0


def test_our_frechet_distance_is_that_of_torchmetrics(rng: np.random.Generator) -> None:
    real, made = rng.normal(size=(300, 8)), rng.normal(size=(200, 8)) @ rng.normal(size=(8, 8)) + 1
    theirs = distances._fid(torch.from_numpy(real), torch.from_numpy(made))
    assert frechet_distance(*moments(real), *moments(made)) == pytest.approx(theirs, rel=1e-9)


def test_metrics_leave_the_global_generator_alone(model: GanModel) -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first = distances.feature_distances(model, 100, Quadrants())
    assert torch.equal(torch.rand(1), expected)
    assert distances.feature_distances(model, 100, Quadrants()) == first


def test_features_of_a_classifier_of_ours(model: GanModel, tmp_path: Path) -> None:
    config = override(named_config("tiny-classifier/alif"), ["n_updates=1"])
    run = train(config, 0, tmp_path / "classifier")
    extractor = ClassifierFeatures(run)
    features, logits = extractor(torch.rand(3, 1, 16, 16))
    assert features.shape == (3, extractor.n_features) == (3, 16)
    assert logits is None
    assert ((features >= 0) & (features <= 1)).all()
    rows = distances.feature_distances(model, 50, extractor)
    assert [found["measure"] for found in rows] == ["FID", "KID"]
    assert "dense layer of tiny-classifier/alif/seed-0" in str(rows[0]["detail"])
    with pytest.raises(ValueError, match=r"images have 3 colours, dense layer of .* takes 1"):
        extractor(torch.rand(3, 3, 16, 16))


def test_judges_of_the_wrong_kind(tmp_path: Path) -> None:
    config = dataclasses.replace(named_config("tiny-patches/sgad"), n_updates=0)
    run = train(config, 0, tmp_path / "gan")
    with pytest.raises(ValueError, match="holds a gan; --classifier needs the run of a classifier"):
        Judges.find(classifiers=[run])
    with pytest.raises(
        FileNotFoundError, match=r"Inception weights: .*--inception takes weights-inception-2015"
    ):
        Judges.find(inception=tmp_path / "absent.pth")


def test_without_inception_one_sentence_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = train(dataclasses.replace(named_config("tiny-patches/sgad"), n_updates=0), 0, tmp_path / "gan")
    rows = evaluate(run, 16)
    assert not [found for found in rows if found["measure"] in ("FID", "KID", "IS")]
    assert (
        "FID, KID and IS: not computed without Inception's weights; give --inception FILE"
        in capsys.readouterr().out
    )


def inception_or_skip() -> None:
    try:
        from torchmetrics.image.fid import _TORCH_FIDELITY_AVAILABLE
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"torch-fidelity cannot be imported: {error}")
    if not _TORCH_FIDELITY_AVAILABLE:
        pytest.skip("torch-fidelity is not installed; pip install 'spiking-generators-mouse[metrics]'")


@pytest.mark.slow
def test_inception_of_random_weights_reads_gray_and_colour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole path but for the weights, which no package brings."""
    inception_or_skip()
    monkeypatch.setattr(torch.nn.Module, "load_state_dict", lambda self, state: None)
    path = tmp_path / "weights.pth"
    torch.save({}, path)
    extractor = Inception(path)
    images = torch.rand(2, 1, 28, 28)
    features, logits = extractor(images)
    assert features.shape == (2, extractor.n_features)
    assert logits.shape == (2, 1008)
    assert torch.allclose(extractor(images.expand(-1, 3, -1, -1))[0], features)


def test_a_file_that_is_not_inception(tmp_path: Path) -> None:
    inception_or_skip()
    path = tmp_path / "weights.pth"
    torch.save({"fc.weight": torch.zeros(3)}, path)
    with pytest.raises(ValueError, match=r"weights\.pth is not Inception's weights"):
        Inception(path)


def test_every_family_has_measures() -> None:
    assert set(MEASURES) == set(FAMILIES)
