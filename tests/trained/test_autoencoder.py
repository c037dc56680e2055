"""The autoencoder of ours: what it learns, and the Fréchet distances that are taken in it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from study.manifest import find
from trained import autoencoder_measures, fad_measures, measures
from trained.autoencoder import Autoencoder
from trained.autoencoder_training import AutoencoderTrainer
from trained.config import override
from trained.configurations import named_config
from trained.fad import Encoder, features, frechet_distance, moments
from trained.families import family_of
from trained.gan_network import GanModel
from trained.runs import load_model, train

TINY = override(named_config("tiny-autoencoder/plain"), ["dataset=lfw-faces"])


def test_the_encoder_is_the_published_one_at_the_published_widths() -> None:
    ours = Autoencoder(
        dataclasses.replace(TINY, image_size=32, channels=(32, 64, 128, 256), n_latent=64)
    ).encoder
    published = Encoder()
    assert {name: x.shape for name, x in ours.state_dict().items()} == {
        name: x.shape for name, x in published.state_dict().items()
    }
    assert ours.side == published.side == 32


def test_images_come_back_in_their_size_and_range() -> None:
    model = Autoencoder(named_config("celeba-autoencoder/plain")).eval()
    made = model(torch.rand(2, 3, 64, 64))
    assert made.shape == (2, 3, 64, 64)
    assert made.min() >= 0
    assert made.max() <= 1


def test_training_lowers_the_error() -> None:
    trainer = AutoencoderTrainer(override(TINY, ["learning_rate=0.01", "mirror=true"]), 0)
    errors = [trainer.advance()["mse"] for _ in range(30)]
    assert sum(errors[-5:]) / 5 < 0.6 * errors[0]


def test_a_run_in_two_parts_is_the_run_bit_for_bit(tmp_path: Path) -> None:
    config = override(TINY, ["n_updates=4", "checkpoint_every=2", "mirror=true"])
    once = train(config, 0, tmp_path / "once")
    twice = train(dataclasses.replace(config, n_updates=2), 0, tmp_path / "twice")
    train(config, 0, twice)
    stored = [load_model(run).state_dict() for run in (once, twice)]
    assert all(torch.equal(a, b) for a, b in zip(*(x.values() for x in stored), strict=True))
    assert not (once / "samples.png").exists()


def test_nothing_in_it_spikes() -> None:
    model = Autoencoder(TINY)
    assert model.roles == ()
    with pytest.raises(
        ValueError, match="tiny-autoencoder/plain is an analog autoencoder; it has no spiking network"
    ):
        model.export("generator", {})
    with pytest.raises(ValueError, match="makes no images"):
        model.sample(4, 0)


def test_bad_sizes() -> None:
    with pytest.raises(ValueError, match=r"image_size is 28 with 3 channels .* need 16 pixels"):
        override(TINY, ["image_size=28"])


def noise(n: int, brightness: float) -> torch.Tensor:
    return torch.rand(n, 1, 16, 16, generator=torch.Generator().manual_seed(n)) * brightness


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[GanModel, Path]:
    """A generator of dark noise where training and test images are bright noise, and an autoencoder that judges it."""
    model = GanModel(named_config("tiny-digits/sgad"))
    monkeypatch.setattr(model, "sample", lambda n, seed: noise(n, 0.3))
    monkeypatch.setattr(fad_measures, "split_images", lambda config, split: noise(150, 1.0))
    monkeypatch.setattr(fad_measures, "held_out", lambda config, what, size: noise(200, 1.0))
    return model, train(TINY, 0, tmp_path / "autoencoder")


def test_distance_by_ours_and_that_of_real_images_beside_it(judged: tuple[GanModel, Path]) -> None:
    model, run = judged
    generated, real = fad_measures.fad_by(model, 300, run)
    assert generated["measure"] == "FAD, our autoencoder (100 LFW faces, stand-in for CelebA)"
    assert real["measure"] == "FAD of training images, our autoencoder (100 LFW faces, stand-in for CelebA)"
    assert (generated["n"], real["n"]) == (300, 150)
    assert generated["detail"] == "eval, tiny-autoencoder/plain/seed-0, against 200 test images"
    encoder = load_model(run).encoder
    dark, bright = (moments(features(x, encoder, "eval")) for x in (noise(300, 0.3), noise(200, 1.0)))
    expected = frechet_distance(*dark, *bright)
    assert float(str(generated["value"])) == pytest.approx(expected, rel=1e-4)
    assert float(str(real["value"])) < 0.2 * expected


def test_other_runs_and_other_colours_are_refused(
    judged: tuple[GanModel, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, run = judged
    gan = train(dataclasses.replace(named_config("tiny-patches/sgad"), n_updates=0), 0, tmp_path / "gan")
    with pytest.raises(ValueError, match="holds a gan; --autoencoder needs the run of an autoencoder"):
        fad_measures.fad_by(model, 10, gan)
    monkeypatch.setattr(fad_measures, "held_out", lambda config, what, size: torch.rand(9, 3, 16, 16))
    with pytest.raises(
        ValueError, match="have 3 colours, those of the autoencoder tiny-autoencoder/plain/seed-0 1"
    ):
        fad_measures.fad_by(model, 10, run)


def test_data_without_a_judge_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert fad_measures.fad(GanModel(named_config("tiny-patches/sgad")), 16) == []
    assert (
        "FAD: no autoencoder for patches; train one and give it with --autoencoder" in capsys.readouterr().out
    )
    assert measures.held_out(named_config("tiny-patches/sgad"), "FAD") is None
    assert "FAD: not computed: patches has no test split." in capsys.readouterr().out


def test_the_committed_autoencoder_knows_cifar10() -> None:
    run = fad_measures.CHECKPOINTS / fad_measures.OUR_AUTOENCODERS["cifar10"]
    if not run.is_dir() or (find("cifar10") is None and find("cifar10-jpeg-subset") is None):
        pytest.skip("the autoencoder of CIFAR-10 or cifar10-jpeg-subset is not at hand")
    model = load_model(run)
    (found,) = autoencoder_measures.reconstruction(model)
    assert found["n"] in (2000, 10000)
    of_mean = float(str(found["detail"]).rsplit(" ", 1)[1])
    assert float(str(found["value"])) < 0.25 * of_mean
    assert family_of(model.config).trainer is AutoencoderTrainer
