"""What reaches a node: linear maps of the populations' outputs, each with its delay, and a constant."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import scipy.sparse

from bio.nir.graph import POPULATIONS, FlatGraph, Shape, kind
from bio.nir.linear_maps import Matrix, bias, matrix, output_shape, per_unit, plain_conv
from study.network import Conv2d

Terms = dict[int, Matrix]  # delay in steps: (n_units, n_source)


@dataclasses.dataclass(frozen=True)
class Signal:
    """value[t] = Σ_source Σ_d terms[source][d] s_source[t - d] + constant.

    Parameters
    ----------
    shape : tuple of int
    terms : dict of source to dict of delay to matrix (n_units, n_source)
        A source is the name of a population or of the Input.
    constant : array, (n_units,)
    kernels : dict of source to Conv2d
        Where one convolution without dilation or groups is all there is between the source and here.
    untouched : bool
        Whether the value is a source's output as it is, apart from one delay.
    """

    shape: Shape
    terms: dict[str, Terms]
    constant: np.ndarray
    kernels: dict[str, Conv2d] = dataclasses.field(default_factory=dict)
    untouched: bool = False

    @classmethod
    def of(cls, source: str, shape: Shape) -> Signal:
        """Return the output of a source."""
        n = math.prod(shape)
        terms = {source: {0: scipy.sparse.identity(n, format="csr")}}
        return cls(shape, terms, np.zeros(n), untouched=True)


class Tracer:
    """Finds the signals of a graph.

    Parameters
    ----------
    graph : FlatGraph
    dt_s : float
        Time step in seconds.
    """

    def __init__(self, graph: FlatGraph, dt_s: float) -> None:
        self.graph, self.dt_s = graph, dt_s
        self.shapes = _shapes(graph)  # of what every node gives
        self._open: list[str] = []  # linear nodes that are being traced

    def into(self, name: str) -> Signal:
        """Return the sum of what feeds a node.

        Raises
        ------
        ValueError
            If nothing does, the shapes differ, linear nodes feed one another in a ring, or a delay is no multiple of
            the time step.
        """
        parts = [self._out_of(before) for before in self.graph.before[name]]
        if not parts:
            raise ValueError(f"node {name} gets nothing; connect it to the graph or leave it out.")
        if len(parts) == 1:
            return parts[0]
        if len({part.shape for part in parts}) > 1:
            shapes = ", ".join(f"{part.shape}" for part in parts)
            raise ValueError(f"node {name} gets a sum of the shapes {shapes}; they must be equal.")
        terms: dict[str, Terms] = {}
        kernels: dict[str, Conv2d] = {}
        for part in parts:
            alone = part.kernels.keys() - terms.keys()
            kernels = {source: kernels[source] for source in kernels.keys() - part.terms.keys()}
            kernels |= {source: part.kernels[source] for source in alone}
            for source, delayed in part.terms.items():
                for delay, one in delayed.items():
                    _add(terms.setdefault(source, {}), delay, one)
        return Signal(parts[0].shape, terms, np.sum([part.constant for part in parts], axis=0), kernels)

    def _out_of(self, name: str) -> Signal:
        node = self.graph.nodes[name]
        if name == self.graph.source or kind(node) in POPULATIONS:
            return Signal.of(name, self.shapes[name])
        if name in self._open:
            ring = " -> ".join([*self._open[self._open.index(name) :], name])
            raise ValueError(
                f"nodes {ring} feed one another without a neuron among them; put one into the ring."
            )
        self._open.append(name)
        signal = self.into(name)
        self._open.pop()
        if kind(node) == "Delay":
            return self._delayed(name, signal)
        if kind(node) in ("Flatten", "Identity", "Input", "Output"):
            return dataclasses.replace(signal, shape=self.shapes[name])
        linear, shape = matrix(name, node, signal.shape), self.shapes[name]
        terms = {
            source: {delay: linear @ one for delay, one in delayed.items()}
            for source, delayed in signal.terms.items()
        }
        constant = linear @ signal.constant + bias(name, node, shape)
        plain = plain_conv(name, node, signal.shape) if signal.untouched else None
        if plain is None:
            return Signal(shape, terms, constant)
        (source,) = signal.terms
        return Signal(shape, terms, constant, {source: Conv2d(node.weight, signal.shape, *plain)})

    def _delayed(self, name: str, signal: Signal) -> Signal:
        steps = per_unit(name, "delay", self.graph.nodes[name].delay, signal.shape) / self.dt_s
        whole = np.rint(steps)
        if (np.abs(steps - whole) > 1e-3).any() or (whole < 0).any():
            wrong = steps[np.argmax((np.abs(steps - whole) > 1e-3) | (whole < 0))] * self.dt_s * 1e3
            raise ValueError(
                f"node {name} delays by {wrong:g} ms, which is no multiple of the time step of {self.dt_s * 1e3:g} ms; "
                "give a --dt-ms that divides all delays."
            )
        if signal.constant.any() and whole.any():
            raise ValueError(
                f"node {name} delays a bias, which would then begin late; put the Delay before the node with the bias."
            )
        terms: dict[str, Terms] = {}
        for source, delayed in signal.terms.items():
            for delay, one in delayed.items():
                for more in np.unique(whole):
                    rows = scipy.sparse.diags((whole == more).astype(float)) @ one
                    _add(terms.setdefault(source, {}), delay + int(more), rows.tocsr())
        same = len(np.unique(whole)) == 1
        return dataclasses.replace(
            signal,
            terms=terms,
            kernels=signal.kernels if same else {},
            untouched=signal.untouched and same,
        )


def _add(terms: Terms, delay: int, one: Matrix) -> None:
    terms[delay] = terms[delay] + one if delay in terms else one


def _shapes(graph: FlatGraph) -> dict[str, Shape]:
    """Follow the edges from the Input; the first that reaches a node gives its shape."""
    after: dict[str, list[str]] = {name: [] for name in graph.nodes}
    for post, pres in graph.before.items():
        for pre in pres:
            after[pre].append(post)
    shapes, waiting = {graph.source: graph.input_shape}, [graph.source]
    while waiting:
        name = waiting.pop(0)
        for post in after[name]:
            if post not in shapes:
                shapes[post] = output_shape(post, graph.nodes[post], shapes[name])
                waiting.append(post)
    missing = [name for name in graph.nodes if name not in shapes]
    if missing:
        raise ValueError(f"nothing leads from the Input to node {missing[0]}; connect it or leave it out.")
    return shapes
