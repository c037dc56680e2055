"""Bad input at every command line: one clear sentence, exit status 2, nothing half-written."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from safetensors.numpy import save_file

import analysis.__main__
import bio.__main__
import study.__main__
import trained.__main__
from study.netcdf import write_groups
from study.responses import Responses, save_responses
from study.stimuli import Stimuli, save_stimuli

COMMANDS = {
    "analysis": analysis.__main__.main,
    "bio": bio.__main__.main,
    "study": study.__main__.main,
    "trained": trained.__main__.main,
}


@dataclasses.dataclass
class Place:
    """A folder with a good run and good files, which a case then spoils."""

    root: Path
    run: Path

    @property
    def images(self) -> Path:
        return self.root / "images.nc"

    @property
    def out(self) -> Path:
        return self.root / "out" / "made"


@pytest.fixture
def place(tmp_path: Path, tiny_run: Path) -> Place:
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    here = Place(tmp_path, run)
    images(here, 16)
    recording(here)
    responses(here)
    (tmp_path / "file").write_text("not a folder")
    return here


def images(place: Place, size: int, name: str = "images.nc", top: float = 1.0) -> None:
    values = np.linspace(0, 1, 6 * size * size).reshape(6, size, size)
    path = place.root / name
    save_stimuli(Stimuli(values, np.arange(6)), path)
    if top != 1:  # past what Stimuli itself allows
        write_groups(
            path,
            {"/": xr.Dataset({"image": (("stimulus", "y", "x"), values * top)}, {"stimulus": np.arange(6)})},
        )


def latents(place: Place, n: int = 4) -> None:
    save_stimuli(Stimuli(np.zeros((6, n)), np.arange(6)), place.root / "latents.nc")


def recording(place: Place, bad: Callable[[np.ndarray], None] = lambda rdm: None, stimuli: int = 6) -> None:
    rdm = np.abs(np.subtract.outer(np.arange(stimuli), np.arange(stimuli))).astype(float)[None].repeat(2, 0)
    bad(rdm)
    dataset = xr.Dataset(
        {
            "dissimilarity": (("site", "stimulus", "stimulus_2"), rdm),
            "ceiling": ("site", [0.9, 0.9]),
            "n_cells": ("site", [100, 100]),
        },
        {"site": ["VISp_layer4", "VISp_layer5"], "stimulus": np.arange(stimuli)},
        {"source": "made up", "simulated": "true", "citation": "none"},
    )
    write_groups(place.root / "recording.nc", {"/": dataset})


def responses(place: Place, ids: range = range(6)) -> None:
    rng = np.random.default_rng(0)
    counts = {"conv1": rng.integers(0, 5, (6, 1, 4, 9)).astype(np.uint16)}
    attributes = {"network": "critic", "level": "exact", "backend": "numpy"}
    made = Responses(np.array(ids), counts, np.arange(5.0), {"conv1": (9,)}, {}, attributes)
    save_responses(made, place.root / "responses.nc")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def other_architecture(place: Place) -> None:
    from trained.checkpoint import MODEL_FILE, read, write

    stored = read(place.run / MODEL_FILE, "checkpoint")
    stored.tensors["critic.populations.0.synapse.weight"] = torch.zeros(8, 1, 5, 5)
    write(place.run / MODEL_FILE, stored.tensors, stored.header)


def stale(place: Place) -> None:
    from trained.checkpoint import MODEL_FILE, read, write

    stored = read(place.run / MODEL_FILE, "checkpoint")
    write(place.run / MODEL_FILE, stored.tensors, {**stored.header, "note": "changed after the export"})


def nothing(place: Place) -> None:
    pass


TRAIN = "trained train --config tiny-patches/sgad --out {root}/out"
SIMULATE = "bio simulate {run} --network critic --backend numpy --stimuli {root}/images.nc --out {out}"
RSA = "analysis rsa --recording {root}/recording.nc --responses a/b/c={root}/responses.nc --bootstrap 10 --out {out}"

CASES: dict[str, tuple[str, Callable[[Place], object], str]] = {
    "unknown configuration": (
        "trained train --config tiny-patchs/sgad --out {root}/out", nothing,
        "unknown configuration 'tiny-patchs/sgad': did you mean 'tiny-patches/sgad'?",
    ),
    "unknown key": (f"{TRAIN} --set n_updats=3", nothing, "unknown configuration key 'n_updats': did you mean 'n_updates'?"),
    "value of the wrong type": (f"{TRAIN} --set n_updates=many", nothing, "n_updates is 'many'; a value of type int is needed"),
    "half a pair": (f"{TRAIN} --set critic_channels=4", nothing, "critic_channels is '4'; a value of type two whole numbers"),
    "no equals sign": (f"{TRAIN} --set n_updates", nothing, "--set 'n_updates' has no `=`"),
    "unknown decoder": (f"{TRAIN} --set decoder=atention", nothing, "unknown decoder 'atention': did you mean 'attention'?"),
    "unknown objective": (f"{TRAIN} --set objective=wgan", nothing, "unknown objective 'wgan': allowed are bce, em"),
    "unknown dataset": (f"{TRAIN} --set dataset=imagenet", nothing, "unknown dataset 'imagenet'"),
    "odd image size": (f"{TRAIN} --set image_size=30", nothing, "image_size is 30; it must be a multiple of 4"),
    "size that pooling cannot halve": (f"{TRAIN} --set image_size=12", nothing, "image_size 12 with critic_kernel 5"),
    "negative updates": (f"{TRAIN} --set n_updates=-1", nothing, "n_updates is -1; at least 0 is needed"),
    "no steps": (f"{TRAIN} --set n_steps=0", nothing, "n_steps is 0; at least 1 is needed"),
    "batch of one": (f"{TRAIN} --set batch_size=1", nothing, "batch_size is 1; batch norm needs at least 2"),
    "run folder that cannot be": (
        "trained train --config tiny-patches/sgad --out {root}/file", nothing, "cannot write",
    ),
    "option without value": ("trained train --config", nothing, "expected one argument"),
    "no such run": ("trained export {root}/nowhere", nothing, "there is no folder"),
    "run without a checkpoint": (
        "trained export {run}", lambda p: (p.run / "model.safetensors").unlink(), "checkpoint: there is no file",
    ),
    "checkpoint cut short": (
        "trained sample {run} --out {out}", lambda p: cut(p.run / "model.safetensors"), "is not a whole safetensors file",
    ),
    "checkpoint of another architecture": (
        "trained export {run}", other_architecture,
        "of another architecture: critic.populations.0.synapse.weight is (8, 1, 5, 5) there, but (4, 1, 5, 5)",
    ),
    "resume without a state": (
        "trained resume {run}", lambda p: (p.run / "state.safetensors").unlink(), "training state: there is no file",
    ),
    "resume from a state cut short": (
        "trained resume {run}", lambda p: cut(p.run / "state.safetensors"), "training state",
    ),
    "invert images of another size": (
        "trained invert {run} --images {root}/images.nc --out {out}", lambda p: images(p, 12),
        "images are (12, 12) pixels, the generator makes (16, 16)",
    ),
    "invert latents": (
        "trained invert {run} --images {root}/latents.nc --out {out}", latents, "holds latents; give a file with images",
    ),
    "images for a generator": (
        "trained respond {run} --network generator --stimuli {root}/images.nc --out {out}", nothing,
        "stimuli have the shape (16, 16) each, the generator takes (4,)",
    ),
    "samples into a file's folder": ("trained sample {run} --out {root}/file/x.png", nothing, "cannot write"),
    "unknown network": (
        "trained respond {run} --network critik --stimuli {root}/images.nc --out {out}", nothing, "invalid choice: 'critik'",
    ),
    "exported network cut short": (
        SIMULATE, lambda p: cut(p.run / "critic.safetensors"), "is not a whole safetensors file",
    ),
    "tensors that are no network": (
        SIMULATE, lambda p: save_file({"x": np.zeros(3)}, p.run / "critic.safetensors"), "holds tensors but no network description",
    ),
    "no export": (SIMULATE, lambda p: (p.run / "critic.safetensors").unlink(), "python -m trained export"),
    "stale export": (SIMULATE, stale, "export"),
    "stimuli of another size": (SIMULATE, lambda p: images(p, 12), "(6, 12, 12)"),
    "stimuli out of range": (SIMULATE, lambda p: images(p, 16, top=255), "image values run from 0 to 255; allowed is 0 to 1"),
    "stimuli that are not there": (SIMULATE, lambda p: p.images.unlink(), "stimuli: there is no file"),
    "stimuli cut short": (SIMULATE, lambda p: cut(p.images), "is not a whole netCDF file"),
    "unknown level": (f"{SIMULATE} --level exakt", nothing, "did you mean 'exact'?"),
    "unknown backend": (SIMULATE.replace("numpy", "nunpy"), nothing, "did you mean 'numpy'?"),
    "time step that does not divide": (f"{SIMULATE} --level lif --dt-ms 3.1", nothing, "3.1"),
    "simulation into a file's folder": (SIMULATE.replace("{out}", "{root}/file/x.nc"), nothing, "cannot write"),
    "recording with NaN": (
        RSA, lambda p: recording(p, lambda rdm: rdm.__setitem__((0, 1, 2), np.nan)), "NaN",
    ),
    "recording that is not symmetric": (
        RSA, lambda p: recording(p, lambda rdm: rdm.__setitem__((0, 1, 2), 9)), "symmetric",
    ),
    "recording of other stimuli": (RSA, lambda p: responses(p, range(3, 9)), "stimul"),
    "recording of three stimuli": (RSA, lambda p: recording(p, stimuli=3), "4"),
    "recording that is not there": (RSA, lambda p: (p.root / "recording.nc").unlink(), "recording: there is no file"),
    "recording cut short": (RSA, lambda p: cut(p.root / "recording.nc"), "is not a whole netCDF file"),
    "responses cut short": (RSA, lambda p: cut(p.root / "responses.nc"), "is not a whole netCDF file"),
    "stimuli in the place of responses": (
        RSA.replace("responses.nc", "images.nc"), nothing, "images.nc names no layers, so it is another kind of file",
    ),
    "unknown metric": (f"{RSA} --metric spearmann", nothing, "did you mean 'spearman'?"),
    "unknown distance": (f"{RSA} --distance corelation", nothing, "did you mean 'correlation'?"),
    "responses without a name": (RSA.replace("a/b/c=", ""), nothing, "is not NAME=FILE"),
    "unknown source": ("analysis record --source mouse --out {out}", nothing, "unknown"),
    "no results": ("analysis figures --results {root}/nowhere", nothing, "there is no results folder"),
    "unknown figure": ("analysis figures --results {root} fig9_none", nothing, "unknown figure 'fig9_none'"),
    "report of nothing": ("analysis report --results {root}/nowhere --out {out}", nothing, "there is no results folder"),
    "unknown profile": ("study run --profile quik --root {root}/out", nothing, "unknown profile 'quik': did you mean 'quick'?"),
    "unknown data": ("study data fetch allen-natural-scene", nothing, "did you mean 'allen-natural-scenes'?"),
    "no command": ("bio", nothing, "required"),
}  # fmt: skip


def left_in(folder: Path) -> list[Path]:
    return (
        [p for p in folder.rglob("*") if p.is_file() and p.name not in (".lock", ".study.lock")]
        if folder.exists()
        else []
    )


@pytest.mark.parametrize("name", CASES)
def test_bad_input(name: str, place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    line, spoil, expected = CASES[name]
    spoil(place)
    package, *arguments = line.format(root=place.root, run=place.run, out=place.out).split()
    before = {p: p.read_bytes() for p in place.run.rglob("*") if p.is_file()}
    try:
        status = COMMANDS[package](arguments)
    except SystemExit as exit_:
        status = exit_.code
    complaint = capsys.readouterr().err.strip()
    assert status == 2
    assert expected in complaint
    assert complaint.startswith("error: ")
    assert len(complaint.splitlines()) == 1, complaint
    assert complaint.endswith("."), complaint
    assert not left_in(place.root / "out")
    assert before == {p: p.read_bytes() for p in place.run.rglob("*") if p.is_file()}
