"""Check Brian2 against torch: the same inputs into both, spike by spike. The only module of `bio` that sees torch."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from bio import equations
from bio.exported import check_fresh
from bio.precision import PRECISIONS
from bio.readout import read_out
from bio.simulate import simulate
from study.network import Network, round_to_grid
from study.responses import Responses

# Voltages, frames and images differ by the order of float64 sums; 1e-5 is the allowed difference.
TOLERANCE = 1e-5
# Outside this range of spike probabilities equal spikes say little: nearly all are zero, or nearly all one.
TELLING = (0.02, 0.5)
# Outputs to compare; the others are made of them.
COMPARED = ("frame", "current", "voltage", "image", "decision")


Trace = dict[str, np.ndarray]


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
        Largest absolute difference of every output (`frame` or `current`, `image`, `voltage`, `decision`),
        dimensionless.
    against : str
        What Brian2 is compared with.
    judged : bool
        Whether differences are failures. In float32, without weights on a grid, they are counted only.
    notes : tuple of str
        What else to say.
    """

    role: str
    layers: tuple[SpikeCheck, ...]
    differences: dict[str, float]
    against: str = "torch"
    judged: bool = True
    notes: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether every spike is equal and every output within 1e-5."""
        spikes_equal = all(layer.mismatches == 0 for layer in self.layers)
        return spikes_equal and all(value <= TOLERANCE for value in self.differences.values())

    @property
    def passed(self) -> bool:
        """Whether all is equal, where that is demanded."""
        return self.equal or not self.judged

    def lines(self) -> list[str]:
        """Return what to print, one sentence a line."""
        lines = []
        for layer in self.layers:
            warning = layer.warning(self.role)
            lines += [layer.sentence(self.role), *([warning] if warning else [])]
        for name, value in self.differences.items():
            lines.append(f"{self.role}/{name}: largest difference {value:.2e} (allowed {TOLERANCE:g})")
        lines += [f"{self.role}: {note}" for note in self.notes]
        lines.append(f"{self.role}: {'equal' if self.equal else 'NOT equal'} to {self.against}")
        return lines


def compare(network: Network, reference: Trace, responses: Responses) -> Verification:
    """Compare responses with a reference trace.

    Parameters
    ----------
    network : Network
    reference : dict of str to array
        Per spiking layer 0/1 (time, batch, unit); `readout` (time, batch, unit), current or membrane of a last layer
        that does not spike; `image` (batch, unit) of a generator.
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
    expected = _expected(network, reference, len(responses.stimulus))
    differences = {
        name: float(np.abs(responses.readout[name][1][:, 0] - value).max())
        for name, value in expected.items()
    }
    return Verification(network.role, tuple(layers), differences)


def _expected(network: Network, reference: Trace, n_stimuli: int) -> dict[str, np.ndarray]:
    """Return the outputs to compare; an image is torch's own, everything else follows from the reference's readout."""
    last = network.readout
    name = last.name if last.spikes else "readout"
    readout = _of(reference, name, (network.n_steps, n_stimuli, last.n_units)).transpose(1, 0, 2)
    named = {name: values[:, 0] for name, (_, values) in read_out(network, readout[:, None]).items()}
    if "image" in named:
        named["image"] = _of(reference, "image", (n_stimuli, last.n_units))
    return {name: values for name, values in named.items() if name in COMPARED}


def _of(reference: Trace, name: str, shape: tuple[int, ...]) -> np.ndarray:
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


def spikes(run: Path) -> bool:
    """Return whether the model of a run has a network that can be exported; analog twins and judges have none."""
    from trained.runs import load_model

    return bool(load_model(run).roles)


def verify_run(
    run: Path,
    network: Network,
    *,
    backend: str = "cpp_standalone",
    n_stimuli: int = 16,
    seed: int = 0,
    perturb: float = 0.0,
    precision: str = "float64",
    dyadic_bits: int | None = None,
    progress: bool = True,
) -> Verification:
    """Run the trained model in torch and its export in Brian2 on the same inputs.

    With `dyadic_bits` Brian2 gets rounded weights. Torch has none, so the rounded network is compared with its equations
    in numpy, of the same precision, and what rounding changed in torch's spikes is said beside.

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
    precision : "float64" or "float32"
        Of Brian2's variables; torch computes in float64. Spikes that differ in float32 are counted, no failure.
    dyadic_bits : int, optional
        Round weights and drives to multiples of 2^-bits.
    progress : bool

    Raises
    ------
    ValueError, FileNotFoundError
        If the run folder is incomplete or the export is not of its model.
    """
    check_fresh(network, run)
    reference, inputs, draws = torch_trace(run, network.role, n_stimuli, seed)
    notes: tuple[str, ...] = ()
    against = "torch"
    if dyadic_bits is not None:
        network, trained = round_to_grid(network, dyadic_bits), reference
        reference = equations.trace(network, inputs, draws, PRECISIONS[precision])
        reference["image"] = _image(network, reference["readout"])
        notes = (_changed(network, trained, reference, dyadic_bits),)
        against = f"its equations in numpy, {precision}, weights in multiples of 2^-{dyadic_bits}"
    responses = simulate(
        perturb_decay(network, perturb),
        inputs,
        draws=draws,
        level="exact",
        backend=backend,
        precision=precision,
        progress=progress,
    )
    judged = precision == "float64" or dyadic_bits is not None
    if not judged:
        notes = (f"Brian2 in {precision}, torch in float64: differences are counted, not judged",)
    found = compare(network, reference, responses)
    return dataclasses.replace(found, against=against, judged=judged, notes=notes)


def _image(network: Network, readout: np.ndarray) -> np.ndarray:
    named = read_out(network, np.asarray(readout, np.float64).transpose(1, 0, 2)[:, None])
    return named["image"][1][:, 0] if "image" in named else np.empty(0)


def _changed(network: Network, one: Trace, other: Trace, bits: int) -> str:
    """Say how many spikes rounding changed."""
    names = [layer.name for layer in network.layers if layer.spikes]
    changed = sum(int(((one[name] > 0.5) != (other[name] > 0.5)).sum()) for name in names)
    spikes = sum(int((one[name] > 0.5).sum()) for name in names)
    return (
        f"weights rounded to multiples of 2^-{bits} change {changed} neuron-steps; torch has {spikes} spikes"
    )


def torch_trace(
    run: Path, role: str, n_stimuli: int, seed: int
) -> tuple[Trace, np.ndarray, np.ndarray | None]:
    """Return (trace of the trained model in float64, the inputs it was given, the draws beside them if any).

    The model is the one that was trained: evaluation mode, batch norm and pooling of its own, nothing folded.
    """
    # Imported here, for torch takes seconds to load and `bio` works without it.
    import torch

    from trained.runs import load_model

    model = load_model(run, dtype=torch.float64)
    inputs = model.verification_inputs(role, n_stimuli, seed)
    values, draws = inputs if isinstance(inputs, tuple) else (inputs.to(torch.float64), None)
    with torch.no_grad():
        trace = model.trace(role, inputs if isinstance(inputs, tuple) else values)
    return trace, values.numpy(), None if draws is None else draws.numpy()
