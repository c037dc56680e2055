"""What torch's networks do with stimuli, in the same files that Brian2's simulations fill (level `torch`)."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import torch

from study import network as spec
from study.commands import unknown
from study.files import sha256
from study.provenance import provenance
from study.responses import Responses
from study.stimuli import Stimuli, load_stimuli
from trained.checkpoint import MODEL_FILE
from trained.gan_network import GanModel
from trained.model import AbstractModel
from trained.readout import STEPS, UNITS, Named, readout_of
from trained.runs import load_model

FLASH_MS = 250.0  # one stimulus, as long as an image of the Allen natural scenes was shown
HINT = (
    "make images with `python -m analysis stimuli --size`, latents with `python -m trained invert` or "
    "`python -m trained latents`."
)


@dataclasses.dataclass(frozen=True)
class Ran:
    """One network and what it did.

    Parameters
    ----------
    counts : mapping of layer name to array, (stimulus, 1, time_bin, unit)
    shapes : mapping of layer name to shape
    readout : see `study.responses.Responses`
    units : "spikes" or "analog"
    """

    counts: dict[str, np.ndarray]
    shapes: dict[str, tuple[int, ...]]
    readout: Named
    units: str = "spikes"


def network_input(
    stimuli: Stimuli, role: str, shape: tuple[int, ...], kind: str = "", n_steps: int = 1
) -> torch.Tensor:
    """Return stimuli as a network's input: (stimulus, *shape), or (stimulus, step, unit) of spikes and draws.

    Parameters
    ----------
    stimuli : Stimuli
        Images in colour have their colours last.
    role : str
    shape : tuple of int
        Of one input of the network.
    kind : "spikes", "draws" or ""
        What the network takes; analog values when empty.
    n_steps : int
        Steps of spikes and draws.

    Raises
    ------
    ValueError
        If they are of another kind or size.
    """
    values, needed = stimuli.values, shape
    if kind:
        needed = (n_steps, int(np.prod(shape)))
        values = values.reshape(*values.shape[:2], -1)
    elif stimuli.kind == "image":
        values = values[:, None] if values.ndim == 3 else np.moveaxis(values, -1, 1)
    taken = kind or ("latent" if len(shape) == 1 else "image")
    if stimuli.kind != taken or tuple(values.shape[1:]) != needed:
        raise ValueError(
            f"stimuli have the shape {tuple(stimuli.values.shape[1:])} each, the {role} takes {needed}: {taken} "
            f"where the file holds {stimuli.kind}; {HINT}"
        )
    return torch.from_numpy(np.ascontiguousarray(values, np.float64))


def respond(run: str | Path, role: str, stimuli_path: str | Path) -> Responses:
    """Run a trained network in float64 on a stimuli file.

    Parameters
    ----------
    run : path
    role : str
        A network that the run's family exports, or an analog generator or critic of a GAN.
    stimuli_path : path

    Returns
    -------
    Responses

    Raises
    ------
    ValueError
        If the run has no such network, or it takes other stimuli.
    """
    run = Path(run)
    model, stimuli = load_model(run, torch.float64), load_stimuli(stimuli_path)
    if isinstance(model, GanModel) and role in GanModel.roles and role not in model.roles:
        ran, n_steps = _run_analog(model, role, stimuli), 1
    else:
        network = _described(model, role)
        ran, n_steps = _run_spiking(model, network, stimuli), network.n_steps
    step_ms = FLASH_MS / n_steps
    facts = provenance(
        dataclasses.asdict(model.config),
        inputs={"stimuli": stimuli_path, "model": run / MODEL_FILE},
        seed=model.seed,
        name=model.config.name,
        network=role,
        level="torch",
        units=ran.units,
        backend="torch",
        step_ms=step_ms,
        dt_ms=step_ms,
    )
    return Responses(
        stimulus=stimuli.stimulus,
        counts=ran.counts,
        bin_edges_ms=np.arange(n_steps + 1) * step_ms,
        shapes=ran.shapes,
        readout=ran.readout,
        attributes={**facts, "stimuli_sha256": sha256(stimuli_path)},
    )


def _described(model: AbstractModel, role: str) -> spec.Network:
    if not model.roles:
        raise ValueError(
            f"{model.config.name} has no spiking network to respond; give the run of one that `python -m trained export` writes."
        )
    if role not in model.roles:
        raise unknown(f"network of {model.config.name}", role, model.roles)
    return model.export(role, {})


def _run_spiking(model: AbstractModel, network: spec.Network, stimuli: Stimuli) -> Ran:
    kind = network.input if network.input in ("spikes", "draws") else ""
    inputs = network_input(stimuli, network.role, network.input_shape, kind, network.n_steps)
    outputs = model.trace(network.role, inputs)
    layers = [layer for layer in network.layers if layer.spikes]
    return Ran(
        {layer.name: outputs[layer.name].astype(np.uint16).transpose(1, 0, 2)[:, None] for layer in layers},
        {layer.name: layer.shape for layer in layers},
        readout_of(network, outputs),
    )


def _run_analog(model: GanModel, role: str, stimuli: Stimuli) -> Ran:
    """Run an analog generator or critic: the values of its units, in a single bin."""
    network = model.network(role)
    outputs = model.trace(role, network_input(stimuli, role, network.input_shape))
    readout = outputs["readout"].transpose(1, 0, 2)[:, None]
    named: Named = {"voltage": (STEPS, readout), "score": (UNITS[:2], readout[:, :, -1, 0])}
    if network.decoder is not None:
        of_frames = network.decoder.activation == "sigmoid_frames"
        frame = 1 / (1 + np.exp(-readout)) if of_frames else readout
        image = outputs["image"].reshape(len(frame), 1, -1)
        named = {"frame" if of_frames else "current": (STEPS, frame), "image": (UNITS, image)}
    hidden = network.chain[:-1]
    return Ran(
        {p.name: outputs[p.name].astype(np.float32).transpose(1, 0, 2)[:, None] for p in hidden},
        {p.name: p.shape for p in hidden},
        named,
        "analog",
    )
