"""A network: layers in a chain, what they are shown and what their output means."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from study.commands import unknown
from study.network.arrays import Shape, checked_shape, whole_number
from study.network.connections import MaxPool2d, Pick
from study.network.decoders import AttentionScoring, Decoder, FirstSpikeTime, TemporalAttention, WeightedSum
from study.network.inputs import INPUTS
from study.network.layer import Layer

ROLES = ("generator", "critic", "encoder", "classifier")
DECISIONS = {
    "membrane": "the readout's membrane after the last step; the readout does not spike",
    "spike_count": "spikes of every readout unit",
    "earliest_spike": "step of every readout unit's first spike; none is later than any",
}


@dataclasses.dataclass(frozen=True)
class Network:
    """A chain of spiking layers.

    At step t of T, every layer l in turn receives, and answers at once,

        I_l[t] = connection_l(s_{l-1}[t - latency]) + Σ_r connection_r(s_r[t-1]) + drive_l

    where s_0 is the input, s is 0/1 otherwise, and everything before step 0 is 0. An input of kind "constant" is
    the same analog value at all steps, and latency does not delay it. r runs over the layer's recurrent inputs.

    Parameters
    ----------
    role : "generator", "critic", "encoder" or "classifier"
    input_shape : tuple of int
        (n_latent,) or (channel, y, x); with input "draws", (n_out,) of its `Pick`.
    n_steps : int
        T, steps per stimulus.
    layers : tuple of Layer
        All spike but the last (the readout), which may.
    decoder : decoder, optional
        Generator only: how the readout becomes one image in [0, 1].
    provenance : mapping of str to str
    input : "constant", "spikes", "first_spike" or "draws"
        See `study.network.inputs`. A network with a `Pick` takes draws beside its input.
    latency : 0 or 1
        Steps that a spike takes to the next layer.
    decision : "membrane", "spike_count" or "earliest_spike", optional
        What a classifier's readout is judged by; the largest (or earliest) unit wins. A critic's is "membrane" when
        absent.
    zero_spikes : bool
        With input "first_spike": whether values of 0 spike at the last step instead of never.
    """

    role: str
    input_shape: Shape
    n_steps: int
    layers: tuple[Layer, ...]
    decoder: Decoder | None = None
    provenance: Mapping[str, str] = dataclasses.field(default_factory=dict)
    input: str = "constant"
    latency: int = 0
    decision: str | None = None
    zero_spikes: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "input_shape", checked_shape(self.input_shape, "input_shape"))
        object.__setattr__(self, "n_steps", whole_number(self.n_steps, "n_steps"))
        object.__setattr__(self, "layers", tuple(self.layers))
        if self.role not in ROLES:
            raise unknown("network role", self.role, ROLES)
        if self.input not in INPUTS:
            raise unknown("input", self.input, INPUTS)
        if self.n_steps < 1:
            raise ValueError(f"n_steps is {self.n_steps}; at least 1 is needed.")
        if self.latency not in (0, 1):
            raise ValueError(f"latency is {self.latency}; allowed are 0 and 1 steps per layer.")
        if self.zero_spikes and self.input != "first_spike":
            raise ValueError(f"zero_spikes is set, but the input is {self.input}; it belongs to first_spike.")
        if not self.layers:
            raise ValueError("the network has no layers; at least one is needed.")
        self._check_names()
        self._check_chain()
        self._check_input()
        self._check_recurrent()
        self._check_decoder()
        self._check_decision()

    def _check_names(self) -> None:
        names = [layer.name for layer in self.layers]
        if len(set(names)) < len(names):
            raise ValueError(f"layer names {names} repeat; each must be unique.")

    def _check_chain(self) -> None:
        n_before, before = int(np.prod(self.input_shape)), "the input"
        for number, layer in enumerate(self.layers):
            if layer.connection is None:
                if number or self.input != "draws":
                    raise ValueError(
                        f"layer {layer.name} has no connection from {before}; only the first layer of a network "
                        "whose input is draws may have none."
                    )
            elif not number and self.input == "draws":
                raise ValueError(
                    f"layer {layer.name} has a connection, but the input is draws, which drive no layer; "
                    "give the first layer recurrent input only."
                )
            elif layer.connection.n_in != n_before:
                raise ValueError(
                    f"layer {layer.name} takes {layer.connection.n_in} units, but {before} has {n_before}."
                )
            n_before, before = layer.n_units, f"layer {layer.name}"
        silent = [layer.name for layer in self.layers[:-1] if not layer.spikes]
        if silent:
            raise ValueError(f"layer {silent[0]} does not spike, but is not the last; only the last may not.")

    def _check_input(self) -> None:
        first, picks = self.layers[0], [x for x in self.layers if isinstance(x.connection, Pick)]
        if isinstance(first.connection, MaxPool2d | Pick) and self.input == "constant":
            raise ValueError(
                f"layer {first.name} is a {first.connection.kind}, which takes spikes, but the input is constant "
                "analog values; put a layer that spikes before it or use input spikes."
            )
        if len(picks) > 1:
            raise ValueError(f"layers {[x.name for x in picks]} pick; a network may have one such layer.")
        if picks and self.latency:
            raise ValueError(
                f"layer {picks[0].name} picks, but latency is {self.latency}; spikes that take a step to arrive have "
                "no draw: use latency 0."
            )
        if self.input == "draws" and (not picks or self.input_shape != (picks[0].n_units,)):
            raise ValueError(
                f"the input is draws of shape {self.input_shape}, but the network has "
                f"{f'a pick of {picks[0].n_units} outputs' if picks else 'no pick'}; input_shape must be (n_out,)."
            )

    def _check_recurrent(self) -> None:
        later = {layer.name: number for number, layer in enumerate(self.layers)}
        for number, layer in enumerate(self.layers):
            sources = [recurrent.source for recurrent in layer.recurrent]
            if len(set(sources)) < len(sources):
                raise ValueError(f"layer {layer.name} has recurrent input from {sources}; name each once.")
            for recurrent in layer.recurrent:
                name = recurrent.source
                if later.get(name, -1) < number or not self.layers[later[name]].spikes:
                    raise ValueError(
                        f"layer {layer.name} has recurrent input from {name!r}; allowed are spiking layers from "
                        f"{layer.name} itself to the last: {', '.join(x.name for x in self.layers[number:] if x.spikes)}."
                    )
                if recurrent.connection.n_in != self.layers[later[name]].n_units:
                    raise ValueError(
                        f"layer {layer.name} takes {recurrent.connection.n_in} recurrent units from {name}, which has "
                        f"{self.layers[later[name]].n_units}."
                    )

    def _check_decoder(self) -> None:
        decoder, readout = self.decoder, self.readout
        if decoder is None:
            return
        if self.role != "generator":
            raise ValueError(
                f"role {self.role} has no images, but there is a decoder {decoder.kind}; leave it out."
            )
        if getattr(decoder, "takes_spikes", False) != readout.spikes:
            raise ValueError(
                f"decoder {decoder.kind} does not fit readout {readout.name} of {readout.neuron.kind} neurons; "
                "first_spike_time and spike_rate need one that spikes, all others one that does not."
            )
        problem = _misfit(decoder, self.n_steps, readout)
        if problem:
            raise ValueError(f"decoder {decoder.kind}: {problem}; export the network again.")

    def _check_decision(self) -> None:
        if self.decision is None:
            if self.role == "classifier" or (self.role == "critic" and self.readout.spikes):
                raise ValueError(
                    f"a {self.role} of {self.readout.neuron.kind} readout needs a decision; "
                    f"allowed are {', '.join(DECISIONS)}."
                )
            return
        if self.decision not in DECISIONS:
            raise unknown("decision", self.decision, DECISIONS)
        if self.role not in ("critic", "classifier"):
            raise ValueError(
                f"role {self.role} decides nothing, but decision is {self.decision}; leave it out."
            )
        if (self.decision == "membrane") == self.readout.spikes:
            raise ValueError(
                f"decision {self.decision} does not fit readout {self.readout.name} of "
                f"{self.readout.neuron.kind} neurons; membrane needs one that does not spike, the others one that does."
            )

    @property
    def readout(self) -> Layer:
        """The last layer."""
        return self.layers[-1]

    @property
    def pick(self) -> Layer | None:
        """The layer that picks among spikes by draws, if there is one."""
        return next((layer for layer in self.layers if isinstance(layer.connection, Pick)), None)


def _misfit(decoder: Decoder, n_steps: int, readout: Layer) -> str | None:
    """Return what does not fit between a decoder and its readout."""
    if isinstance(decoder, WeightedSum) and decoder.weights.shape != (n_steps,):
        return f"{len(decoder.weights)} weights for {n_steps} steps"
    if isinstance(decoder, TemporalAttention):
        if decoder.weight.shape != (n_steps, n_steps):
            return f"weight {decoder.weight.shape} for {n_steps} steps"
        if readout.n_units % decoder.n_channels:
            return f"{decoder.n_channels} channels do not divide {readout.n_units} readout units"
    if isinstance(decoder, FirstSpikeTime) and decoder.first_step >= n_steps:
        return f"first_step {decoder.first_step} is not below {n_steps} steps"
    if isinstance(decoder, AttentionScoring) and decoder.n_pixels != readout.n_units:
        return f"weights for {decoder.n_pixels} pixels, but the readout has {readout.n_units}"
    return None
