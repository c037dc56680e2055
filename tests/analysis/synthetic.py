"""A folder of results made of nothing but seeded noise and images: for tests of figures and report."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from analysis.__main__ import main
from study.responses import Responses, save_responses
from study.stimuli import Stimuli, save_stimuli

LAYERS: dict[str, dict[str, tuple[int, ...]]] = {
    "generator": {"g1": (4, 4, 4), "g2": (2, 8, 8)},
    "critic": {"c1": (4, 8, 8), "c2": (32,)},
}
VARIANTS = {"sgad": 0.8, "hybrid": 0.5, "untrained": 0.0}  # how much the first layers see of the image
LEVELS = {"torch": 0.0, "exact": 0.0, "lif": 0.02}  # share of spikes that differ
N_BINS, STEP_MS = 8, 31.25


def images(n: int, size: int = 16) -> np.ndarray:
    """Smooth random images (n, size, size) in [0, 1]."""
    generator = np.random.default_rng(1)
    coarse = generator.random((n, 5, 5))
    weights = np.maximum(0, 1 - np.abs(np.linspace(0, 4, size)[:, None] - np.arange(5)))
    return weights @ coarse @ weights.T


def responses(pictures: np.ndarray, ids: np.ndarray, network: str, level: str, variant: str) -> Responses:
    """Responses of a network that does not exist."""
    generator = np.random.default_rng([len(variant), len(network)])
    flips = np.random.default_rng(5)
    counts = {}
    for layer, shape in LAYERS[network].items():
        n_units = int(np.prod(shape))
        weights = generator.standard_normal((pictures[0].size, n_units)) / 8
        seen = (pictures - pictures.mean(0)).reshape(len(pictures), -1) @ weights * VARIANTS[variant]
        drive = seen + generator.standard_normal(seen.shape) * 0.3
        probability = 1 / (1 + np.exp(1.5 - drive))
        spikes = generator.random((len(pictures), 1, N_BINS, n_units)) < probability[:, None, None]
        wrong = flips.random(spikes.shape) < LEVELS[level]
        counts[layer] = (spikes ^ wrong).astype(np.uint16)
    readout: dict[str, tuple[tuple[str, ...], np.ndarray]] = {
        "score": (("stimulus", "repeat"), generator.random((len(pictures), 1)))
    }
    if network == "generator":
        noise = LEVELS[level] * flips.random(pictures.shape)
        decoded = np.clip(0.9 * pictures + noise, 0, 1).reshape(len(pictures), 1, -1)
        readout = {"image": (("stimulus", "repeat", "unit"), decoded)}
    attributes = {"network": network, "level": level, "backend": "none", "stimuli_sha256": "0" * 64}
    edges = np.arange(N_BINS + 1) * STEP_MS
    return Responses(ids, counts, edges, LAYERS[network], readout, attributes)


def write_fidelity(folder: Path) -> None:
    """Tables of the ladder of three networks that do not exist."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(3):
        lines = ["model,network,level,layer,count_correlation,rate_ratio,rdm_correlation,passed"]
        for depth, layer in enumerate(LAYERS["critic"]):
            for rung, level in enumerate(("lif", "cuba", "coba")):
                r = 1 - 0.1 * rung - 0.05 * depth - 0.01 * seed * rung
                lines.append(f"toy{seed},critic,{level},{layer},{r},{2 - r},{r},{str(r > 0.8).lower()}")
        lines.append("toy,critic,coba,image,0.5,,,false")
        (folder / f"toy{seed}.csv").write_text("\n".join(lines) + "\n")


def make_results(root: Path, n_images: int = 12, n_bootstrap: int = 20, real: bool = False) -> Path:
    """Write everything that figures and report read, through the same commands that a user runs.

    `real` takes the scenes and sites of the data manifest instead of stand-ins.
    """
    stimuli, recording = root / "stimuli.nc", root / "recording.nc"
    if real:
        assert main(["stimuli", "--size", "16", "--out", str(stimuli)]) == 0
        from study.stimuli import load_stimuli

        shown = load_stimuli(stimuli)
    else:
        shown = Stimuli(images(n_images), np.arange(n_images), attributes={"simulated": "true"})
        save_stimuli(shown, stimuli)
    source = "sites" if real else "simulated"
    assert main(["record", "--source", source, "--stimuli", str(stimuli), "--out", str(recording)]) == 0
    named = []
    for variant in VARIANTS:
        for network in LAYERS:
            for level in LEVELS:
                name = f"toy/{variant}/seed-0"
                path = root / "responses" / f"{name}--{network}--{level}.nc"
                save_responses(responses(shown.values, shown.stimulus, network, level, variant), path)
                named.append(f"{name}={path}")
    command = ["rsa", "--recording", str(recording), "--images", str(stimuli), "--responses", *named]
    command += ["--bootstrap", str(n_bootstrap), "--permutations", str(n_bootstrap)]
    assert main([*command, "--out", str(root / "rsa.csv"), "--rdms", str(root / "rdms.nc")]) == 0
    (root / "metrics.csv").write_text("model,measure,value,n,detail\ntoy/sgad/seed-0,FAD,12.5,500,made up\n")
    write_fidelity(root / "fidelity")
    (root / "verify" / "toy" / "sgad").mkdir(parents=True, exist_ok=True)
    (root / "verify" / "toy" / "sgad" / "seed-0.txt").write_text(
        "critic/c1: mismatched spikes: 0 of 1234 spikes (9999 neuron-steps, spike probability 0.123)\n"
    )
    return root
