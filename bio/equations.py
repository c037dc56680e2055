"""The equations of `study.network` as a loop over steps in numpy: what level `exact` must give, without Brian2."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse

from bio.connectivity import edges, weights
from bio.presentation import NEVER, Presentation
from study.network import LIF, Connection, CubaLI, CubaLIF, FirstSpike, LeakyIntegrator, Network, Neuron, Pick

Output = tuple[np.ndarray, np.ndarray]


def trace(
    network: Network, stimuli: np.ndarray, draws: np.ndarray | None = None, dtype: Any = np.float64
) -> dict[str, np.ndarray]:
    """Compute every layer's output to stimuli that begin from rest.

    Parameters
    ----------
    network : Network
    stimuli, draws : array
        As `bio.network.build_network` takes them.
    dtype : float type
        Of weights, currents and membranes. The analog input's current is computed in float64 and then rounded.

    Returns
    -------
    dict of str to array
        (step, stimulus, unit) per layer, 0/1 where it spikes; the last is also called `readout`.
    """
    presentation = Presentation(network)
    rows = presentation.rows(stimuli, draws)
    state = _State(network, len(rows), dtype)
    outputs: dict[str, list[np.ndarray]] = {layer.name: [] for layer in network.layers}
    before = np.zeros((len(rows), presentation.n_input), dtype)  # the input of the step before
    for step in range(network.n_steps):
        row = rows[:, step // presentation.row_steps]
        shown, drawn = row[:, : presentation.n_input], row[:, presentation.n_input :]
        if network.input == "first_spike":
            shown = (shown == step) & (shown != NEVER)
        shown = shown.astype(dtype)
        for name, output in state.advance(shown, before, drawn).items():
            outputs[name].append(output)
        before = shown
    found = {name: np.array(steps) for name, steps in outputs.items()}
    return found | {"readout": found[network.readout.name]}


class _State:
    """Membranes and last outputs of all layers, (stimulus, unit)."""

    def __init__(self, network: Network, n_stimuli: int, dtype: Any) -> None:
        self.network, self.dtype = network, dtype
        self.membrane = {x.name: np.zeros((n_stimuli, x.n_units), dtype) for x in network.layers}
        self.last = {name: np.zeros_like(v) for name, v in self.membrane.items()}
        self.synaptic = {name: np.zeros_like(v) for name, v in self.membrane.items()}
        for layer in network.layers:
            if isinstance(layer.neuron, CubaLI):
                self.membrane[layer.name] += layer.neuron.v_rest.astype(dtype)
        self.fired = {name: np.zeros(v.shape, bool) for name, v in self.membrane.items()}
        self.matrices = {
            (layer.name, source): _matrix(connection, dtype)
            for layer in network.layers
            for source, connection in [
                ("", layer.connection),
                *((r.source, r.connection) for r in layer.recurrent),
            ]
            if connection is not None
        }

    def advance(self, shown: np.ndarray, before: np.ndarray, drawn: np.ndarray) -> dict[str, np.ndarray]:
        """Advance all layers by one step."""
        now: dict[str, np.ndarray] = {}
        signal = before if self.network.latency else shown
        for depth, layer in enumerate(self.network.layers):
            name = layer.name
            if depth == 0 and self.network.input == "constant":
                current = shown  # its current, drive included
            else:
                current = np.broadcast_to(layer.drive.astype(self.dtype), self.membrane[name].shape)
                if isinstance(layer.connection, Pick):
                    chosen = drawn.astype(int) + np.arange(layer.n_units) * layer.connection.n_each
                    current = current + np.take_along_axis(signal, chosen, axis=1)
                elif layer.connection is not None:
                    current = self._arriving(name, "", signal) + current
            for recurrent in layer.recurrent:
                current = current + self._arriving(name, recurrent.source, self.last[recurrent.source])
            if isinstance(layer.neuron, CubaLIF | CubaLI):
                current = self._synaptic(name, layer.neuron, current)
            now[name], self.membrane[name] = _update(
                layer.neuron, self.membrane[name], current, self.fired[name]
            )
            signal = self.last[name] if self.network.latency else now[name]
        self.last = now
        return now

    def _synaptic(self, name: str, neuron: CubaLIF | CubaLI, current: np.ndarray) -> np.ndarray:
        """Advance the synaptic current of a layer and return it."""
        decay, gain = neuron.decay_syn.astype(self.dtype), neuron.gain_syn.astype(self.dtype)
        self.synaptic[name] = decay * self.synaptic[name] + gain * current
        return self.synaptic[name]

    def _arriving(self, target: str, source: str, signal: np.ndarray) -> np.ndarray:
        return np.asarray((self.matrices[target, source] @ signal.T).T)


def _matrix(connection: Connection, dtype: Any) -> scipy.sparse.csr_matrix:
    i, j, k = edges(connection)
    values = weights(connection).astype(dtype)[k]
    return scipy.sparse.csr_matrix((values, (j, i)), shape=(connection.n_out, connection.n_in))


def _update(neuron: Neuron, v: np.ndarray, current: np.ndarray, fired: np.ndarray) -> Output:
    """Return (output, membrane); `fired` is changed in place."""
    kind = v.dtype.type
    if isinstance(neuron, LIF):
        h = kind(neuron.decay) * v + kind(neuron.gain) * current
        spikes = _crosses(neuron, h)
        after = np.where(spikes, kind(neuron.v_reset), h) if neuron.reset == "hard" else h
        if neuron.reset == "soft":
            after = h - kind(neuron.v_threshold) * spikes
        return spikes.astype(kind), after
    if isinstance(neuron, CubaLIF):
        h = kind(neuron.decay) * v + kind(neuron.gain) * current
        spikes = h > kind(neuron.v_threshold)
        return spikes.astype(kind), np.where(spikes, kind(neuron.v_reset), h)
    if isinstance(neuron, CubaLI):
        rest = kind(neuron.v_rest)
        h = rest + kind(neuron.decay) * (v - rest) + kind(neuron.gain) * current
        return h, h
    if isinstance(neuron, FirstSpike):
        h = v + current
        spikes = _crosses(neuron, h) & ~fired
        fired |= spikes
        return spikes.astype(kind), h
    if isinstance(neuron, LeakyIntegrator):
        h = kind(neuron.decay) * v + kind(neuron.gain) * current
        return h, h
    return current, v


def _crosses(neuron: LIF | FirstSpike, h: np.ndarray) -> np.ndarray:
    threshold = h.dtype.type(neuron.v_threshold)
    return h > threshold if neuron.threshold_rule == ">" else h >= threshold
