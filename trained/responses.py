"""What torch's networks do with stimuli, in the same files that Brian2's simulations fill (level `torch`)."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import torch

from study.files import sha256
from study.provenance import provenance
from study.responses import Responses
from study.stimuli import load_stimuli
from trained.checkpoint import MODEL_FILE
from trained.gan_network import GanModel
from trained.network import SpikingNetwork
from trained.runs import load_model

FLASH_MS = 250.0  # one stimulus, as long as an image of the Allen natural scenes was shown


def network_input(stimuli_values: np.ndarray, network: SpikingNetwork) -> torch.Tensor:
    """Return stimuli as a network's input, (stimulus, *input_shape), float64.

    Raises
    ------
    ValueError
        If they are images and the network takes latents, or the other way round, or of another size.
    """
    shape = network.input_shape
    values = stimuli_values[:, None] if stimuli_values.ndim == 3 else stimuli_values
    if tuple(values.shape[1:]) != shape:
        raise ValueError(
            f"stimuli have the shape {tuple(stimuli_values.shape[1:])} each, the {network.role} takes {shape}; "
            "make images with `python -m analysis stimuli --size`, latents with `python -m trained invert`."
        )
    return torch.from_numpy(np.ascontiguousarray(values, np.float64))


def respond(run: str | Path, role: str, stimuli_path: str | Path) -> Responses:
    """Run a trained network in float64 on a stimuli file.

    Parameters
    ----------
    run : path
    role : "generator" or "critic"
    stimuli_path : path

    Returns
    -------
    Responses
    """
    run = Path(run)
    model = load_model(run, torch.float64)
    if not isinstance(model, GanModel):
        raise ValueError(f"{run} holds a {model.config.family}; responses are taken from GANs only.")
    network = model.network(role)
    stimuli = load_stimuli(stimuli_path)
    outputs = model.trace(role, network_input(stimuli.values, network))
    step_ms = FLASH_MS / network.n_steps
    facts = provenance(
        dataclasses.asdict(model.config),
        inputs={"stimuli": stimuli_path, "model": run / MODEL_FILE},
        seed=model.seed,
        name=model.config.name,
        network=role,
        level="torch",
        units="spikes" if role in model.roles else "analog",
        backend="torch",
        step_ms=step_ms,
        dt_ms=step_ms,
    )
    return Responses(
        stimulus=stimuli.stimulus,
        counts={p.name: _counts(outputs[p.name], role in model.roles) for p in network.chain[:-1]},
        bin_edges_ms=np.arange(network.n_steps + 1) * step_ms,
        shapes={p.name: p.shape for p in network.chain[:-1]},
        readout=_readout(network, outputs),
        attributes={**facts, "stimuli_sha256": sha256(stimuli_path)},
    )


def _counts(outputs: np.ndarray, spiking: bool) -> np.ndarray:
    """Return (stimulus, 1, step, unit) counts from (step, stimulus, unit) spikes, or analog values as they are."""
    return outputs.astype(np.uint16 if spiking else np.float32).transpose(1, 0, 2)[:, None]


def _readout(
    network: SpikingNetwork, outputs: dict[str, np.ndarray]
) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    readout = outputs["readout"].transpose(1, 0, 2)[:, None]
    axes = ("stimulus", "repeat", "step", "unit")
    if network.role == "critic":
        score = readout[:, :, -1, 0] / network.n_steps
        return {"voltage": (axes, readout), "score": (axes[:2], score)}
    assert network.decoder is not None
    frame = readout if network.decoder.activation == "none" else 1 / (1 + np.exp(-readout))
    image = outputs["image"].reshape(len(frame), 1, -1)
    return {"frame": (axes, frame), "image": (("stimulus", "repeat", "unit"), image)}
