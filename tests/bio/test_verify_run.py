"""The whole check: a model of `trained` in torch, its export in Brian2."""

import re
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


def test_many_runs_are_summed_up(run, tmp_path, capsys):
    """Two copies below one folder, found by their models: the totals are twice those of one."""
    for name in ("a", "b"):
        shutil.copytree(run, tmp_path / "runs" / name)
    out = tmp_path / "said.txt"
    assert verify(tmp_path / "runs", "--network", "critic", "--out", str(out)) == 0
    lines = out.read_text().splitlines()
    assert lines == capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.endswith(":")] == [
        f"{tmp_path}/runs/{name}:" for name in ("a", "b")
    ]
    pattern = re.compile(r"mismatched spikes: (\d+) of (\d+) spikes \((\d+) neuron-steps")
    *counts, total = [tuple(map(int, found)) for found in pattern.findall("\n".join(lines))]
    assert total == tuple(map(sum, zip(*counts, strict=True)))
    assert counts[:3] == counts[3:]
    assert lines[-1].startswith("all 2 networks, 6 layers: mismatched spikes: 0 of ")
    assert lines[-1].endswith("; 0 networks differ")
    (tmp_path / "runs" / "b" / "critic.safetensors").unlink()
    assert verify(tmp_path / "runs", "--network", "critic") == 2
    assert f"trained export {tmp_path}/runs/b" in capsys.readouterr().err
    assert verify(tmp_path / "none") == 2
    assert "none is not a folder; verification needs a run folder" in capsys.readouterr().err


def test_float32_with_weights_on_a_grid_is_equal(run, capsys):
    assert verify(run, "--network", "critic", "--precision", "float32", "--dyadic", "8") == 0
    printed = capsys.readouterr().out
    assert "critic/conv1: mismatched spikes: 0 of " in printed
    assert "critic: equal to its equations in numpy, float32, weights in multiples of 2^-8" in printed
    assert "critic: weights rounded to multiples of 2^-8 change " in printed


def test_float32_alone_is_counted_and_not_judged(run, capsys):
    assert verify(run, "--network", "generator", "--precision", "float32", "--perturb-decay", "0.2") == 0
    printed = capsys.readouterr().out
    assert "generator: Brian2 in float32, torch in float64: differences are counted, not judged" in printed
    assert "generator: NOT equal to torch" in printed


def test_a_run_without_exports(run, tmp_path, capsys):
    shutil.copy(run / "model.safetensors", tmp_path)
    assert verify(tmp_path) == 2
    assert "holds no exported network (generator.safetensors, critic.safetensors" in capsys.readouterr().err


def test_models_that_do_not_spike_are_named_and_left_out(run, tmp_path, capsys):
    shutil.copytree(run, tmp_path / "gan")
    trained_main(["train", "--config", "tiny-autoencoder/plain", "--out", str(tmp_path)])
    judge = tmp_path / "tiny-autoencoder" / "plain" / "seed-0"
    assert verify(tmp_path, "--stimuli-count", "1") == 0
    printed = capsys.readouterr().out
    assert f"{judge}: does not spike, nothing to verify" in printed
    assert "critic: equal to torch" in printed
    assert verify(judge) == 2
    assert "none of the runs has a network that spikes" in capsys.readouterr().err


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
        (["--precision", "half"], "unknown precision 'half': allowed are float32, float64"),
        (["--dyadic", "0"], "bits is 0; allowed is 1 to 20"),
        (["--perturb-decay", "1.5"], "--perturb-decay is 1.5; allowed is 0 to below 1"),
    ],
)
def test_bad_options(run, capsys, more, message):
    assert verify(run, *more) == 2
    assert message in capsys.readouterr().err
