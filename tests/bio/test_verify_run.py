"""The whole check: a model of `trained` in torch, its export in Brian2."""

import shutil

import pytest

from bio.__main__ import main
from trained.__main__ import main as trained_main


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    assert trained_main(["train", "--config", "tiny-patches/sgad", "--out", str(root)]) in (0, None)
    (folder,) = (path.parent for path in root.rglob("model.safetensors"))
    assert trained_main(["export", str(folder)]) in (0, None)
    return folder


def verify(run, *more):
    return main(["verify", str(run), "--backend", "numpy", "--stimuli-count", "6", *more])


def test_a_trained_model_and_its_export_are_equal(run, capsys):
    assert verify(run) == 0
    printed = capsys.readouterr().out
    for layer in ("generator/dense1", "generator/convt1", "critic/conv1", "critic/conv2", "critic/dense1"):
        assert f"{layer}: mismatched spikes: 0 of " in printed
    assert "generator: equal to torch" in printed
    assert "critic: equal to torch" in printed


def test_a_wrong_decay_is_found(run, capsys):
    assert verify(run, "--perturb-decay", "0.01", "--network", "critic") == 1
    assert "critic: NOT equal to torch" in capsys.readouterr().out


def test_a_stale_export_is_refused(run, tmp_path, capsys):
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    with open(copy / "model.safetensors", "ab") as file:
        file.write(b" ")
    assert verify(copy) == 2
    assert "export it again with `python -m trained export" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--stimuli-count", "0"], "--stimuli-count is 0"),
        (["--perturb-decay", "1.5"], "--perturb-decay is 1.5; allowed is 0 to below 1"),
    ],
)
def test_bad_options(run, capsys, more, message):
    assert verify(run, *more) == 2
    assert message in capsys.readouterr().err
