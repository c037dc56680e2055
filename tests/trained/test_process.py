"""How a process is set up for training."""

from __future__ import annotations

import pytest
import torch

from trained.__main__ import main
from trained.configurations import named_config
from trained.gan_network import GanModel
from trained.process import N_THREADS, n_threads, precision


def test_with_16_bits_spikes_stay_exact_and_scores_images_and_gradients_are_float32() -> None:
    torch.manual_seed(0)
    model = GanModel(named_config("tiny-patches/sgad"))
    with precision("bfloat16"):
        image = model.generator(torch.randn(8, model.config.n_latent))
        outputs = model.critic.states(image)
    *spikes, readout = outputs.values()
    assert {s.dtype for s in spikes} == {torch.bfloat16}
    assert all(set(s.unique().tolist()) == {0.0, 1.0} for s in spikes)
    assert readout.dtype == torch.float32
    readout[-1].mean().backward()
    gradients = [p.grad for p in model.generator.populations.parameters()]
    assert {g.dtype for g in gradients} == {torch.float32}
    assert any(g.abs().max() > 0 for g in gradients)


def test_float32_is_what_there_is_without_it() -> None:
    model = GanModel(named_config("tiny-patches/sgad")).eval()
    latent = torch.randn(4, model.config.n_latent)
    with precision("float32"):
        inside = model.generator(latent)
    assert torch.equal(inside, model.generator(latent))


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(ValueError, match=r"precision.*float32"):
        precision("float16")


def test_threads_are_fixed_unless_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("STUDY_THREADS", raising=False)
    assert n_threads() == N_THREADS
    monkeypatch.setenv("STUDY_THREADS", "1")
    assert n_threads() == 1
    monkeypatch.setenv("STUDY_THREADS", "none")
    assert main(["configs"]) == 2
    assert "STUDY_THREADS is 'none'; a whole number above 0" in capsys.readouterr().err
