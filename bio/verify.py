"""Check Brian2 against torch: the same inputs into both, spike by spike. The only module of `bio` that sees torch."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from bio.decode import frames
from bio.exported import check_fresh
from bio.simulate import simulate
from study.network import Network
from study.responses import Responses

# Voltages, frames and images differ by the order of float64 sums; 1e-5 is the allowed difference.
TOLERANCE = 1e-5
# Outside this range of spike probabilities equal spikes say little: nearly all are zero, or nearly all one.
TELLING = (0.02, 0.5)


@dataclasses.dataclass(frozen=True)
class SpikeCheck:
    """How one layer's spikes compare.

    Parameters
    ----------
    layer : str
    mismatches : int
        Pairs of neuron and step whose spike is there in one and not in the other.
    spikes : int
        Spikes in torch.
    neuron_steps : int
        How many could have been.
    """

    layer: str
    mismatches: int
    spikes: int
    neuron_steps: int

    @property
    def probability(self) -> float:
        """Spikes per neuron and step, 0 to 1."""
        return self.spikes / self.neuron_steps

    def sentence(self, role: str) -> str:
        """Return what to print."""
        return (
            f"{role}/{self.layer}: mismatched spikes: {self.mismatches} of {self.spikes} spikes "
            f"({self.neuron_steps} neuron-steps, spike probability {self.probability:.3f})"
        )

    def warning(self, role: str) -> str | None:
        """Return what to warn of, if anything."""
        if TELLING[0] <= self.probability <= TELLING[1]:
            return None
        return (
            f"warning: {role}/{self.layer} has spike probability {self.probability:.3f}, outside {TELLING[0]} to "
            f"{TELLING[1]}: equal spikes say little about this layer"
        )


@dataclasses.dataclass(frozen=True)
class Verification:
    """How one network compares.

    Parameters
    ----------
    role : str
    layers : tuple of SpikeCheck
    differences : dict of str to float
        Largest absolute difference of every output (`frame` and `image`, or `voltage`), dimensionless.
    """

    role: str
    layers: tuple[SpikeCheck, ...]
    differences: dict[str, float]

    @property
    def passed(self) -> bool:
        """Whether every spike is equal and every output within 1e-5."""
        spikes_equal = all(layer.mismatches == 0 for layer in self.layers)
        return spikes_equal and all(value <= TOLERANCE for value in self.differences.values())

    def lines(self) -> list[str]:
        """Return what to print, one sentence a line."""
        lines = []
        for layer in self.layers:
            warning = layer.warning(self.role)
            lines += [layer.sentence(self.role), *([warning] if warning else [])]
        for name, value in self.differences.items():
            lines.append(f"{self.role}/{name}: largest difference {value:.2e} (allowed {TOLERANCE:g})")
        lines.append(f"{self.role}: {'equal to torch' if self.passed else 'NOT equal to torch'}")
        return lines


def compare(network: Network, reference: dict[str, np.ndarray], responses: Responses) -> Verification:
    """Compare responses with a reference trace.

    Parameters
    ----------
    network : Network
    reference : dict of str to array
        Per spiking layer 0/1 (time, batch, unit); `readout` (time, batch, unit), the generator's current before the
        sigmoid or the critic's membrane; `image` (batch, unit) of a generator.
    responses : Responses
        Of level `exact` to the same inputs.

    Raises
    ------
    ValueError
        If the reference lacks a layer or has it in another shape.
    """
    layers = []
    for name, counts in responses.counts.items():
        spikes = _of(reference, name, counts[:, 0].transpose(1, 0, 2).shape).transpose(1, 0, 2) > 0.5
        differing = int((spikes != (counts[:, 0] > 0)).sum() + (counts[:, 0] > 1).sum())
        layers.append(SpikeCheck(name, differing, int(spikes.sum()), spikes.size))
    (name, (_, values)), *_ = responses.readout.items()
    n_stimuli, _, n_steps, n_units = values.shape
    readout = _of(reference, "readout", (n_steps, n_stimuli, n_units)).transpose(1, 0, 2)
    expected = {name: readout if network.role == "critic" else frames(readout)}
    if "image" in responses.readout:
        expected["image"] = _of(reference, "image", (n_stimuli, n_units))
    differences = {
        name: float(np.abs(responses.readout[name][1][:, 0] - value).max())
        for name, value in expected.items()
    }
    return Verification(network.role, tuple(layers), differences)


def _of(reference: dict[str, np.ndarray], name: str, shape: tuple[int, ...]) -> np.ndarray:
    found = reference[name].shape if name in reference else None
    if found != shape:
        raise ValueError(
            f"the torch model gives {name} in the shape {found}, the export {shape}; export the network again."
        )
    return np.asarray(reference[name], np.float64)


def perturb_decay(network: Network, share: float) -> Network:
    """Return `network` with every membrane's decay changed by `share`: the negative control.

    The decay grows by the share where it stays within 1, else it shrinks by it.
    """
    layers = []
    for layer in network.layers:
        neuron = layer.neuron
        decay = getattr(neuron, "decay", None)
        if decay is not None and share:
            changed = decay * (1 + share) if decay * (1 + share) <= 1 else decay * (1 - share)
            neuron = dataclasses.replace(neuron, decay=changed)
        layers.append(dataclasses.replace(layer, neuron=neuron))
    return dataclasses.replace(network, layers=tuple(layers))


def verify_run(
    run: Path,
    network: Network,
    *,
    backend: str = "cpp_standalone",
    n_stimuli: int = 16,
    seed: int = 0,
    perturb: float = 0.0,
    progress: bool = True,
) -> Verification:
    """Run the trained model in torch and its export in Brian2 on the same inputs.

    Parameters
    ----------
    run : path
        Run folder with `model.safetensors`.
    network : Network
        Read from that folder.
    backend : str
        A name in `bio.backends.BACKENDS`.
    n_stimuli, seed : int
        How many distinct inputs, and the seed that draws them.
    perturb : float
        Share by which the decay in Brian2 is made wrong; a check that finds nothing then is no check.
    progress : bool

    Raises
    ------
    ValueError, FileNotFoundError
        If the run folder is incomplete or the export is not of its model.
    """
    check_fresh(network, run)
    reference, inputs = torch_trace(run, network.role, n_stimuli, seed)
    responses = simulate(
        perturb_decay(network, perturb), inputs, level="exact", backend=backend, progress=progress
    )
    return compare(network, reference, responses)


def torch_trace(run: Path, role: str, n_stimuli: int, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return (trace of the trained model in float64, the inputs it was given as an array).

    The model is the one that was trained: evaluation mode, batch norm and pooling of its own, nothing folded.
    """
    # Imported here, for torch takes seconds to load and `bio` works without it.
    import torch

    from trained.runs import load_model

    model = load_model(run, dtype=torch.float64)
    inputs = model.verification_inputs(role, n_stimuli, seed).to(torch.float64)
    with torch.no_grad():
        return model.trace(role, inputs), inputs.numpy()
