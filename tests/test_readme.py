"""What the README shows works: its Python example runs, the committed checkpoints load and are exact in Brian2."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import brian2
import pytest

from study.manifest import find
from trained.export import export_run
from trained.runs import load_model

ROOT = Path(__file__).resolve().parents[1]
CHECKPOINTS = sorted(path.parent for path in (ROOT / "trained" / "checkpoints").rglob("model.safetensors"))


def exported(checkpoint: Path, folder: Path) -> Path:
    """Copy a checkpoint below `folder`, at its path in the repository, and export it there."""
    run = folder / checkpoint.relative_to(ROOT)
    shutil.copytree(checkpoint, run, ignore=shutil.ignore_patterns("generator.*", "critic.*", ".lock"))
    export_run(run)
    return run


def test_the_python_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    exported(ROOT / "trained/checkpoints/quick-digits/sgad/seed-0", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(brian2.prefs, "codegen.target", "numpy")
    exec(compile(example, "README.md", "exec"), {})
    counts = eval(capsys.readouterr().out)
    assert set(counts) == {"dense1", "dense2", "convt1"}
    assert min(counts.values()) > 0


NETWORKS = [(path, role) for path in CHECKPOINTS for role in load_model(path).roles]
# Networks that see images are verified with those they were trained on.
IMAGES = dict.fromkeys(("mnist-vae", "mnist-classifier", "ttfs-classifier"), "mnist-train-images")


@pytest.mark.parametrize(
    ("checkpoint", "role"),
    NETWORKS,
    ids=[f"{path.relative_to(ROOT).as_posix()} {role}" for path, role in NETWORKS],
)
def test_committed_checkpoints_are_exact_in_brian2(checkpoint: Path, role: str, tmp_path: Path) -> None:
    from bio.exported import load_role
    from bio.verify import verify_run

    images = IMAGES.get(checkpoint.parent.parent.name)
    if role != "generator" and images and not find(images):
        pytest.skip(f"{images} is absent")
    run = exported(checkpoint, tmp_path)
    network, _ = load_role(run, role)
    verification = verify_run(run, network, backend="numpy", n_stimuli=2, progress=False)
    assert verification.passed
    assert sum(check.spikes for check in verification.layers) > 50
    if checkpoint.parent.parent.name.startswith("ttfs"):
        return  # these neurons have no decay that could be made wrong
    wrong = verify_run(run, network, backend="numpy", n_stimuli=2, perturb=0.01, progress=False)
    assert not wrong.passed


def test_there_are_checkpoints() -> None:
    assert CHECKPOINTS
