"""Examples run as they are, and with a network from a file."""

import os
import re
import subprocess
import sys
from pathlib import Path

import brian2
import numpy as np
import pytest

import bio
from study.network import save_network
from tests.bio.reference import critic

ROOT = Path(__file__).parents[2]


def run(*arguments):
    return subprocess.run(
        [sys.executable, str(ROOT / "examples" / "edit_a_network.py"), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


def test_the_example_runs_and_its_edits_count(tmp_path):
    done = run("--figure", tmp_path / "membrane.png")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == ["conv1", "dense1", "membrane of dense1[0]"]
    learned, edited = lines[0].split(": ")[1].replace(" Hz", "").split(" as learned, ")
    assert float(edited.split()[0]) < float(learned)  # the threshold was raised
    assert (tmp_path / "membrane.png").stat().st_size > 5000


def test_a_spec_from_a_file(tmp_path):
    network = critic(np.random.default_rng(0))
    save_network(network, tmp_path / "critic.safetensors")
    spec = bio.load_spec(tmp_path / "critic.safetensors")
    assert [layer.name for layer in spec.layers] == [layer.name for layer in network.layers]
    assert bio.load_spec(tmp_path, "critic").role == "critic"
    with pytest.raises(ValueError, match="is a run folder; say which network with --network"):
        bio.load_spec(tmp_path)


def test_the_example_of_the_methods_runs(tmp_path, monkeypatch, capsys):
    methods = (ROOT / "docs" / "methods.md").read_text()
    (example,) = (x for x in re.findall(r"```python\n(.*?)```", methods, re.DOTALL) if "bio.load_spec" in x)
    run = tmp_path / re.search(r'load_spec\("(.*?)"', example)[1]
    run.mkdir(parents=True)
    save_network(critic(np.random.default_rng(0)), run / "critic.safetensors")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(brian2.prefs, "codegen.target", "numpy")
    exec(compile(example, "methods.md", "exec"), {})
    said = capsys.readouterr().out
    assert re.match(r"\{'conv1': [1-9]\d*, 'conv2': \d+, 'dense1': \d+\} -5\d\.\d+ mV", said), said


def test_what_bio_does_not_give():
    with pytest.raises(
        AttributeError, match="no attribute 'load_network'; it gives build_network, load_spec"
    ):
        bio.load_network  # noqa: B018
