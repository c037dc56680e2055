"""Dual bootstrap over images and sites with ceilings: ours against rsatoolbox's, on the same draws; and memory at scale.

    python benchmarks/inference.py                 the comparison: fails below 50 times, or off by more than 1e-8
    python benchmarks/inference.py --scale         10,000 samples of 1,000 model RDMs: peak memory, fails above 4 GB

118 images, 4 models, 4 sites, Spearman and rho-a (the default and what rsatoolbox recommends); processor seconds of one
process. rsatoolbox draws images and sites; ours is handed the same draws.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from typing import Any

os.environ["TQDM_DISABLE"] = "1"  # rsatoolbox's bars

import numpy as np

from analysis.dual_bootstrap import dual_bootstrap
from analysis.rdm import dissimilarity, pair_values

N_IMAGES, N_MODELS, N_SITES = 118, 4, 4
WANTED_RATIO, TOLERANCE, WANTED_GB = 50, 1e-8, 4


def toy(n_models: int, n_sites: int) -> tuple[np.ndarray, np.ndarray]:
    """Return RDMs of models and sites that are noisy looks at the same patterns; correlations stored as float32."""
    generator = np.random.default_rng(0)
    truth = generator.standard_normal((N_IMAGES, 30))
    looks = [
        dissimilarity(truth + noise * generator.standard_normal(truth.shape))
        for noise in np.linspace(1, 3, n_models + n_sites)
    ]
    matrices = np.stack(looks).astype(np.float32).astype(np.float64)
    return matrices[:n_models], matrices[n_models:]


def theirs_with_draws(
    models: np.ndarray, sites: np.ndarray, metric: str, n_samples: int
) -> tuple[Any, np.ndarray, np.ndarray, float]:
    """Return rsatoolbox's result, the images and the sites that it drew, and its seconds."""
    import rsatoolbox
    from rsatoolbox.inference import evaluate

    drawn: list[tuple[np.ndarray, np.ndarray]] = []
    sample = evaluate.bootstrap_sample

    def recorded(*args: Any, **more: Any) -> Any:
        rdms, site, image = sample(*args, **more)
        drawn.append((image, site))
        return rdms, site, image

    evaluate.bootstrap_sample = recorded
    try:
        fixed = [rsatoolbox.model.ModelFixed(f"m{k}", pair_values(m)) for k, m in enumerate(models)]
        np.random.seed(1)  # noqa: NPY002  its generator
        began = time.process_time()
        data = rsatoolbox.rdm.RDMs(pair_values(sites))
        found = evaluate.eval_dual_bootstrap(fixed, data, method=metric, N=n_samples, k_pattern=1, k_rdm=1)
        seconds = time.process_time() - began
    finally:
        evaluate.bootstrap_sample = sample
    images, which = (np.stack(part) for part in zip(*drawn, strict=True))
    return found, images, which, seconds


def compare_with_rsatoolbox(metric: str, n_theirs: int, repeats: int) -> None:
    """Print seconds per sample, ratio and largest difference; raise SystemExit where they are not as wanted."""
    models, sites = toy(N_MODELS, N_SITES)
    theirs, images, which, seconds = theirs_with_draws(models, sites, metric, n_theirs)
    their_seconds = seconds / n_theirs
    n_ours = repeats * n_theirs
    began = time.process_time()
    ours = dual_bootstrap(models, sites, metric, np.tile(images, (repeats, 1)), np.tile(which, (repeats, 1)))
    our_seconds = (time.process_time() - began) / n_ours
    differences = [
        np.abs(ours.score[:n_theirs] - theirs.evaluations[:, :, 0, 0]).max(),
        np.abs(ours.ceiling[:n_theirs] - theirs.noise_ceiling[:, :, 0].transpose(1, 0, 2)).max(),
    ]
    ratio = their_seconds / our_seconds
    print(
        f"{metric}: rsatoolbox {1e3 * their_seconds:.0f} ms per sample ({n_theirs}), ours {1e3 * our_seconds:.2f} ms "
        f"({n_ours}): {ratio:.0f} times; largest difference of scores {differences[0]:.1e}, of ceilings {differences[1]:.1e}"
    )
    if max(differences) > TOLERANCE or ratio < WANTED_RATIO:
        raise SystemExit(f"wanted: {WANTED_RATIO} times, differences below {TOLERANCE:g}")


def scale(n_samples: int, n_models: int) -> None:
    """Print seconds and peak memory of a dual bootstrap of many models; raise SystemExit above the limit."""
    models, sites = toy(n_models, N_SITES)
    began = time.process_time()
    generator = np.random.default_rng(1)
    images, which = (generator.integers(0, k, (n_samples, k)) for k in (N_IMAGES, N_SITES))
    samples = dual_bootstrap(models, sites, "spearman", images, which)
    seconds = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(
        f"{n_samples} samples, {n_models} models, {N_SITES} sites: {seconds:.0f} s, peak memory {peak:.2f} GB, "
        f"of it results {(samples.score.nbytes + samples.ceiling.nbytes) / 1024**3:.2f} GB"
    )
    if peak > WANTED_GB:
        raise SystemExit(f"wanted: at most {WANTED_GB} GB")


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--scale", action="store_true")
    parser.add_argument("--samples", type=int, default=10_000, help="of --scale")
    parser.add_argument("--models", type=int, default=1_000, help="of --scale")
    arguments = parser.parse_args()
    if arguments.scale:
        scale(arguments.samples, arguments.models)
        return
    for metric in ("spearman", "rho-a"):
        compare_with_rsatoolbox(metric, n_theirs=20, repeats=15)


if __name__ == "__main__":
    main()
