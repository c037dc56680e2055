"""Recording source `simulated`: a V1 that nobody recorded, so that everything runs without a download.

Every simulated site has 100 cells. A cell takes the Gabor energy of one channel (frequency and orientation) at one
place, scaled to a mean of 4 spikes per flash, and gives Poisson counts, 20 trials per stimulus. Sites differ in
the frequencies from which their cells are drawn. The reliability is computed from the trials as for real ones.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from analysis.baselines import N_BLOCKS
from analysis.gabor import FREQUENCIES, N_ORIENTATIONS, gabor_energy
from analysis.presentations import BLANK
from analysis.rdm import dissimilarity
from analysis.recording_file import Recording
from analysis.trials import rdm_reliability
from analysis.units import make_units
from study.provenance import provenance
from study.stimuli import Stimuli, load_stimuli

SITES = {"simV1_low": (0, 1), "simV1_middle": (1, 2), "simV1_high": (2, 3)}  # indices into FREQUENCIES
N_CELLS, N_TRIALS, MEAN_COUNT = 100, 20, 4.0
NOTICE = "SIMULATED V1: Gabor energy and Poisson spikes, no animal was recorded"


def simulate(stimuli: Stimuli, seed: int = 0, stimuli_path: str | Path | None = None) -> Recording:
    """Return a simulated recording of three sites. The blank is left out: without energy there are no spikes.

    Parameters
    ----------
    stimuli : Stimuli
        Images (stimulus, y, x).
    seed : int
    stimuli_path : path, optional
        Where the stimuli came from; its SHA-256 is kept.

    Raises
    ------
    ValueError
        If the stimuli are latents.
    """
    if stimuli.kind != "image":
        raise ValueError(
            f"the simulated V1 needs images, but the stimuli are {stimuli.kind}s; give the images with --stimuli."
        )
    if stimuli.values.ndim != 3:
        raise ValueError(
            f"the simulated V1 sees gray images (stimulus, y, x), but these have the shape {stimuli.values.shape}; give "
            "those of `python -m analysis stimuli`."
        )
    generator = np.random.default_rng(seed)
    shown = stimuli.stimulus != BLANK
    energy = gabor_energy(stimuli.values[shown], max(1, stimuli.values.shape[1] // N_BLOCKS))
    energy = energy.reshape(len(energy), len(FREQUENCIES), -1)
    matrices, ceilings, trials = [], [], []
    for bands in SITES.values():
        response = _trials(energy[:, bands].reshape(len(energy), -1), generator)
        trials.append(response)
        matrices.append(dissimilarity(response.mean(axis=1), silent="one"))
        ceilings.append(rdm_reliability(response))
    facts = provenance({"seed": seed}, {} if stimuli_path is None else {"stimuli": stimuli_path})
    facts.update(
        source="simulated", simulated="true", citation=NOTICE, distance="correlation", seed=str(seed)
    )
    facts["response"] = (
        f"{N_ORIENTATIONS} orientations x {len(FREQUENCIES)} frequencies, {N_TRIALS} Poisson trials"
    )
    return Recording(
        site=np.array(list(SITES)),
        stimulus=np.asarray(stimuli.stimulus, np.int64)[shown],
        dissimilarity=np.stack(matrices),
        ceiling=np.array(ceilings),
        n_cells=np.full(len(SITES), N_CELLS),
        response=np.concatenate(trials, axis=2),
        units=make_units(N_CELLS * len(SITES), {"area": "simV1", "site": np.repeat(list(SITES), N_CELLS)}),
        attributes=facts,
    )


def _trials(energy: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return Poisson counts (stimulus, repeat, unit) of cells drawn from channels and places (stimulus, channel)."""
    drawn = energy[:, generator.choice(energy.shape[1], N_CELLS)]
    mean = drawn.mean(axis=0)
    rate = MEAN_COUNT * drawn / np.where(mean > 0, mean, 1)
    return generator.poisson(rate[:, None], (len(energy), N_TRIALS, N_CELLS)).astype(np.float64)


def load_simulated(stimuli_path: str | Path, seed: int = 0) -> Recording:
    """Read images and simulate a recording of them."""
    return simulate(load_stimuli(stimuli_path), seed, stimuli_path)
