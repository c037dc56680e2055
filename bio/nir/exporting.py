"""A `study.network.Network` as a NIR graph, where NIR has nodes for it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.sparse

from bio.connectivity import edges, weights
from bio.nir.export_neurons import neuron_node
from bio.nir.files import require_nir
from bio.nir.graph import Shape
from study.network import Connection, Conv2d, Current, Dense, Layer, MaxPool2d, Network, Pick

MAX_DENSE = 20_000_000  # weights of a connection that must be written as a matrix: 160 MB


def export_graph(network: Network, dt_ms: float) -> Any:
    """Return a graph from which `import_graph` at the same time step makes a network that fires the same spikes.

    Transposed convolutions, listed synapses, and convolutions whose drive differs within a channel, reach a layer with
    recurrent input or follow one become matrices. A decoder and the way values become spikes are not part of NIR.

    Parameters
    ----------
    network : Network
    dt_ms : float
        Duration of a network step: it sets the time constants.

    Returns
    -------
    nir.NIRGraph

    Raises
    ------
    ValueError
        For what NIR has no node for (soft reset, a spike per stimulus, picks), with the layer's name, for matrices of
        over 20 million weights, or if `nir` is not installed.
    """
    nir = require_nir()
    if not (math.isfinite(dt_ms) and dt_ms > 0):
        raise ValueError(f"dt_ms is {dt_ms:g}; a positive number of milliseconds is needed.")
    graph = _Graph(nir, network, dt_ms * 1e-3)
    for number, layer in enumerate(network.layers):
        graph.add_layer(layer, analog=number == 0 and network.input == "constant")
    for layer in network.layers:
        graph.add_recurrent(layer)
    graph.add("output", nir.Output(np.array(graph.shape)))
    return nir.NIRGraph(nodes=graph.nodes, edges=graph.edges, type_check=False)


class _Graph:
    """Nodes and edges so far; `last` is the node that ends the chain, `shape` that of its output."""

    def __init__(self, nir: Any, network: Network, dt_s: float) -> None:
        self.nir, self.network, self.dt_s = nir, network, dt_s
        self.last, self.shape = "input", network.input_shape
        self.nodes: dict[str, Any] = {"input": nir.Input(np.array(network.input_shape))}
        self.edges: list[tuple[str, str]] = []
        self.shapes: dict[str, Shape] = {}  # of populations

    def add(self, name: str, node: Any, shape: Shape | None = None) -> None:
        """Put a node at the end of the chain."""
        self.nodes[name] = node
        self.edges.append((self.last, name))
        self.last, self.shape = name, self.shape if shape is None else shape

    def add_layer(self, layer: Layer, analog: bool) -> None:
        """Add a layer's synapses and its neurons."""
        if layer.connection is None or isinstance(layer.connection, Pick):
            raise ValueError(
                f"layer {layer.name} picks spikes by draws, or has none before it; NIR has no such node."
            )
        if self.network.latency and not analog:
            self.add(f"{layer.name}_delay", self.nir.Delay(np.full(self.shape, self.dt_s)))
        self._add_synapses(layer, layer.connection)
        if layer.recurrent and len(self.shape) > 1:
            self._flatten(f"{layer.name}_flat")
        if not isinstance(layer.neuron, Current):
            self.add(layer.name, neuron_node(self.nir, layer, self.shape, self.dt_s))
        self.shapes[layer.name] = self.shape

    def add_recurrent(self, layer: Layer) -> None:
        """Add the synapses from the same or later layers; NIR's cycles take one step."""
        for recurrent in layer.recurrent:
            name, source = f"{layer.name}_from_{recurrent.source}", recurrent.source
            node = self.nir.Linear(_matrix(layer, recurrent.connection))
            shape = self.shapes[source]
            if len(shape) > 1:
                self.nodes[f"{name}_flat"] = self.nir.Flatten({"input": np.array(shape)}, start_dim=0)
                self.edges.append((source, f"{name}_flat"))
                source = f"{name}_flat"
            self.nodes[name] = node
            self.edges += [(source, name), (name, layer.name)]

    def _add_synapses(self, layer: Layer, connection: Connection) -> None:
        name = f"{layer.name}_synapses"
        on_grid = self.shape == getattr(connection, "input_shape", None)
        if isinstance(connection, MaxPool2d) and on_grid:  # or of spikes: their sum is above 0.5
            size = np.array([connection.size] * 2)
            self.add(name, self.nir.SumPool2d(size, size, np.zeros(2, int)), connection.output_shape)
            return
        if isinstance(connection, Conv2d) and on_grid:
            drive = layer.drive.reshape(connection.output_shape[0], -1)
            if (drive == drive[:, :1]).all():
                self.add(name, self._conv(connection, drive[:, 0]), connection.output_shape)
                return
        matrix = _matrix(layer, connection)
        if len(self.shape) > 1:
            self._flatten(f"{name}_flat")
        node = self.nir.Affine(matrix, layer.drive.copy()) if layer.drive.any() else self.nir.Linear(matrix)
        self.add(name, node, (layer.n_units,))

    def _conv(self, connection: Conv2d, bias: np.ndarray) -> Any:
        return self.nir.Conv2d(
            input_shape=self.shape[1:],
            weight=connection.weight.copy(),
            stride=connection.stride,
            padding=connection.padding,
            dilation=1,
            groups=1,
            bias=bias.copy(),
        )

    def _flatten(self, name: str) -> None:
        self.add(
            name, self.nir.Flatten({"input": np.array(self.shape)}, start_dim=0), (math.prod(self.shape),)
        )


def _matrix(layer: Layer, connection: Connection) -> np.ndarray:
    """Return the weights (n_out, n_in) of any connection."""
    if isinstance(connection, Dense):
        return connection.weight.copy()
    if connection.n_in * connection.n_out > MAX_DENSE:
        raise ValueError(
            f"layer {layer.name}: NIR has no {connection.kind} that fits here, and a matrix of {connection.n_out} x "
            f"{connection.n_in} weights is above the limit of {MAX_DENSE:,}; export a smaller network."
        )
    i, j, k = edges(connection)
    found = scipy.sparse.coo_matrix(
        (weights(connection)[k], (j, i)), shape=(connection.n_out, connection.n_in)
    )
    return found.toarray()
