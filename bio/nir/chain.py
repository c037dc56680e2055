"""The order of a graph's populations: a chain from Input to Output, with recurrent input backwards."""

from __future__ import annotations

import dataclasses

import numpy as np

from bio.nir.graph import Shape, kind
from bio.nir.signals import Signal, Terms, Tracer
from study.network import Conv2d

SILENT = ("CubaLI", "I", "LI")


@dataclasses.dataclass(frozen=True)
class Link:
    """One population and what reaches it.

    Parameters
    ----------
    name : str
        The population's node, or the Output's where linear nodes stand before it.
    shape : tuple of int
    source : str
        The population before, or the Input.
    forward : dict of delay to matrix
        From `source`.
    recurrent : dict of source to dict of delay to matrix
        From this population or later ones. A delay of 0 means the next step.
    drive : array, (n_units,)
    kernels : dict of source to Conv2d
        Where the matrix from a source is one convolution.
    untouched : bool
        Whether the only input is the output of the population before as it is, apart from a delay.
    """

    name: str
    shape: Shape
    source: str
    forward: Terms
    recurrent: dict[str, Terms]
    drive: np.ndarray
    kernels: dict[str, Conv2d]
    untouched: bool


def chain(tracer: Tracer) -> list[Link]:
    """Return the populations from Input to Output.

    Raises
    ------
    ValueError
        If nothing stands between Input and Output, two populations follow the same one, one jumps over another, the Output does not listen to the last, or one
        that does not fire is not the last.
    """
    graph = tracer.graph
    signals = {name: tracer.into(name) for name in graph.populations}
    order = _order(signals, graph.source)
    links = [_link(name, signals[name], order) for name in order[1:]]
    shown = tracer.into(graph.sink)
    last = order[-1]
    if len(order) == 1 and shown.untouched:
        raise ValueError(
            f"nothing stands between node {graph.source} (Input) and node {graph.sink} (Output); export the whole network."
        )
    if set(shown.terms) != {last}:
        listened = ", ".join(sorted(shown.terms)) or "nothing"
        raise ValueError(
            f"node {graph.sink} (Output) listens to {listened}, but the last population is {last}; only the last may be "
            "an output."
        )
    if len(order) == 1 or not (shown.untouched and set(shown.terms[last]) == {0}):
        links.append(_link(graph.sink, shown, [*order, graph.sink]))
    for link in links:
        for source in [link.source, *link.recurrent]:
            if kind(graph.nodes[source]) in SILENT:
                raise ValueError(
                    f"node {source} ({kind(graph.nodes[source])}) does not fire, but feeds node {link.name}; only the last "
                    "population may give its membrane, straight to the Output."
                )
    return links


def _order(signals: dict[str, Signal], first: str) -> list[str]:
    """Return the populations by their distance from the Input, which comes first."""
    order, waiting = [first], set(signals)
    while waiting:
        following = sorted(name for name in waiting if order[-1] in signals[name].terms)
        if not following:
            after = f"population {order[-1]}" if len(order) > 1 else "the Input"
            raise ValueError(
                f"node {min(waiting)} gets nothing from {after}, the one before it; populations must form a chain."
            )
        if len(following) > 1:
            raise ValueError(
                f"nodes {' and '.join(following)} both get input from {order[-1]}: branches and connections that skip a "
                "population are not expressible, for layers form a chain."
            )
        order += following
        waiting -= set(following)
    return order


def _link(name: str, signal: Signal, order: list[str]) -> Link:
    source = order[order.index(name) - 1]
    recurrent = {other: terms for other, terms in signal.terms.items() if other != source}
    return Link(
        name,
        signal.shape,
        source,
        signal.terms.get(source, {}),
        recurrent,
        signal.constant,
        signal.kernels,
        signal.untouched,
    )
