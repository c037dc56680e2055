"""Training resumes exactly, refuses what it cannot go on with, and loses nothing."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from study import files
from trained import runs, training
from trained.checkpoint import MODEL_FILE, STATE_FILE, read
from trained.config import override
from trained.configurations import named_config
from trained.gan import GanTrainer
from trained.gan_config import GanConfig
from trained.gan_network import GanModel

TINY = named_config("tiny-patches/sgad")
VARIANTS = ("sgad", "sgad-mean", "untrained")


def weights(run: Path) -> dict[str, torch.Tensor]:
    return read(run / MODEL_FILE, "checkpoint").tensors


def assert_same(a: Path, b: Path) -> None:
    first, second = weights(a), weights(b)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert (a / training.METRICS_FILE).read_bytes() == (b / training.METRICS_FILE).read_bytes()
    assert (a / runs.SHEET_FILE).read_bytes() == (b / runs.SHEET_FILE).read_bytes()


def longer(n_updates: int) -> GanConfig:
    return dataclasses.replace(TINY, n_updates=n_updates)


def test_interrupted_and_resumed_equals_uninterrupted(tmp_path: Path) -> None:
    whole = runs.train(longer(6), 0, tmp_path / "whole")
    parts = runs.train(longer(2), 0, tmp_path / "parts")
    runs.train(longer(6), 0, parts)
    assert_same(whole, parts)


def test_an_exception_between_checkpoints_costs_only_the_updates_since(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = runs.train(longer(6), 0, tmp_path / "whole")
    advance = GanTrainer.advance

    def dies_at_five(self: GanTrainer) -> dict[str, float]:
        if self.update == 4:
            raise KeyboardInterrupt
        return advance(self)

    monkeypatch.setattr(GanTrainer, "advance", dies_at_five)
    with pytest.raises(KeyboardInterrupt):
        runs.train(longer(6), 0, tmp_path / "parts")
    monkeypatch.undo()
    assert_same(whole, runs.train(longer(6), 0, tmp_path / "parts"))


def test_killed_and_run_again_equals_uninterrupted(tmp_path: Path) -> None:
    whole = runs.train(longer(40), 0, tmp_path / "whole")
    command = [sys.executable, "-m", "trained", "train", "--config", TINY.name, "--out", str(tmp_path)]
    command += ["--set", "n_updates=40"]
    run = runs.run_folder(tmp_path, TINY, 0)
    child = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (run / STATE_FILE).exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not (run / MODEL_FILE).exists(), "killed too late to test anything"
    subprocess.run(command, check=True, capture_output=True)
    assert_same(whole, run)


def test_seeds_differ(tmp_path: Path) -> None:
    a, b = (runs.train(TINY, seed, tmp_path / str(seed)) for seed in (0, 1))
    assert not torch.equal(
        weights(a)["generator.populations.0.synapse.weight"],
        weights(b)["generator.populations.0.synapse.weight"],
    )


def test_metrics_have_a_line_per_checkpoint(tmp_path: Path) -> None:
    run = runs.train(TINY, 0, tmp_path)
    lines = [json.loads(line) for line in (run / training.METRICS_FILE).read_text().splitlines()]
    assert [line["update"] for line in lines] == [2, 4]
    assert {"critic_loss", "generator_loss"} <= lines[0].keys()


def test_variants_of_one_seed_begin_with_the_same_weights() -> None:
    ours = {name: GanModel(named_config(f"tiny-patches/{name}"), 0).state_dict() for name in VARIANTS}
    shared = [name for name in ours["sgad"] if "decoder" not in name]
    assert len(shared) > 20
    for variant in VARIANTS:
        assert all(torch.equal(ours["sgad"][name], ours[variant][name]) for name in shared), variant


def test_a_run_is_not_labelled_with_fewer_updates_than_it_had(tmp_path: Path) -> None:
    runs.train(longer(4), 0, tmp_path)
    with pytest.raises(ValueError, match=r"has 4 updates already, but n_updates is 2; choose another --out"):
        runs.train(longer(2), 0, tmp_path)


def test_a_state_of_other_code_is_refused_restarted_or_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.train(longer(2), 0, tmp_path)
    monkeypatch.setattr(training.AbstractTrainer, "code_hash", lambda self: "other")
    with pytest.raises(
        ValueError, match=r"was trained by other code than this; --if-changed restart begins again"
    ):
        runs.train(longer(4), 0, tmp_path)
    assert runs.usable_state(tmp_path, "other", "continue")
    assert not runs.usable_state(tmp_path, "other", "restart")
    runs.train(longer(2), 0, tmp_path, if_changed="restart")
    assert runs.usable_state(tmp_path, "other", "stop")


def test_the_untrained_twin_shares_the_initial_weights_and_has_calibrated_norms(tmp_path: Path) -> None:
    twin = weights(runs.train(named_config("tiny-patches/untrained"), 0, tmp_path))
    initial = GanModel(TINY, 0).state_dict()
    assert torch.equal(
        twin["critic.populations.1.synapse.weight"], initial["critic.populations.1.synapse.weight"]
    )
    assert not torch.equal(
        twin["critic.populations.1.norm.running_mean"], initial["critic.populations.1.norm.running_mean"]
    )


def test_calibration_leaves_the_training_untouched() -> None:
    trainer = GanTrainer(TINY, 0)
    trainer.advance()
    before = {k: v.clone() for k, v in trainer.model.state_dict().items()}
    stream = trainer.random.get_state()
    trainer.finished()
    assert torch.equal(stream, trainer.random.get_state())
    assert all(torch.equal(before[k], v) for k, v in trainer.model.state_dict().items())


@pytest.mark.parametrize("key_value", ["objective=bce", "critic_clip=0.01", "critic_steps=2", "decoder=mean"])
def test_every_switch_changes_the_weights(tmp_path: Path, key_value: str) -> None:
    plain = weights(runs.train(TINY, 0, tmp_path / "plain"))
    switched = weights(runs.train(override(TINY, [key_value]), 0, tmp_path / "switched"))
    name = "critic.populations.1.synapse.weight"
    assert not torch.equal(plain[name], switched[name])


def test_another_configuration_in_the_folder_is_refused(tmp_path: Path) -> None:
    runs.train(TINY, 0, tmp_path)
    with pytest.raises(ValueError, match=r"another configuration or seed \(batch_size: 8 there, 4 asked\)"):
        runs.train(dataclasses.replace(TINY, batch_size=4), 0, tmp_path)
    with pytest.raises(ValueError, match=r"another configuration or seed \(seed 0 there\)"):
        runs.train(TINY, 1, tmp_path)


def test_a_loss_that_is_not_finite_names_update_and_term_and_keeps_the_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance = GanTrainer.advance

    def poisoned(self: GanTrainer) -> dict[str, float]:
        if self.update == 2:
            with torch.no_grad():
                self.model.critic.chain[-1].synapse.bias.fill_(torch.nan)
        return advance(self)

    monkeypatch.setattr(GanTrainer, "advance", poisoned)
    with pytest.raises(
        ValueError, match=r"critic loss is nan at update 3 of tiny-patches/sgad; the last checkpoint"
    ):
        runs.train(TINY, 0, tmp_path)
    assert read(tmp_path / STATE_FILE, "training state").header["update"] == "2"


def test_a_full_disk_keeps_the_last_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs.train(longer(2), 0, tmp_path)
    before = (tmp_path / STATE_FILE).read_bytes()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device"):
        runs.train(TINY, 0, tmp_path)
    assert (tmp_path / STATE_FILE).read_bytes() == before
    assert not list(tmp_path.glob(".*tmp*"))


def test_samples_are_those_of_the_seed(tiny_run: Path) -> None:
    model = runs.load_model(tiny_run)
    a, b = model.sample(5, 0), model.sample(5, 0)
    assert a.shape == (5, 1, 16, 16)
    assert torch.equal(a, b)
    assert not torch.equal(a, model.sample(5, 1))
