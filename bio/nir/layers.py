"""A chain of populations as layers; delays beyond what a `study.network.Network` has become layers of relays.

A line of relays after a population repeats its spikes, every stage one step later. Who needs a spike d steps late takes
it from stage d, and recurrent input, which comes one step later anyway, from stage d - 1.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import scipy.sparse

from bio.nir.chain import Link
from bio.nir.linear_maps import Matrix
from bio.nir.signals import Terms
from study.network import RELAY, Current, Dense, Layer, Neuron, Recurrent, Sparse, Weighted


def make_layers(
    links: list[Link], neurons: list[Neuron], names: dict[str, str], *, analog: bool
) -> tuple[int, list[Layer]]:
    """Return (latency, layers) of a network.

    Parameters
    ----------
    links : list of Link
    neurons : list of Neuron
        Of every link.
    names : dict of node to layer name
    analog : bool
        Whether the input is analog values.

    Raises
    ------
    ValueError
        If analog values are delayed.
    """
    first = links[0]
    if analog and set(first.forward) != {0}:
        raise ValueError(
            f"a Delay stands between the analog input and node {first.name}, whose current would then begin late; leave it "
            "out or give --input spikes."
        )
    links, neurons = _relayed_output(links, neurons)
    late = [link for link in links if not (analog and link is first)]
    latency = int(bool(late) and all(set(link.forward) == {1} for link in late))
    if latency:
        links = [
            dataclasses.replace(link, forward={0: link.forward[1]}) if link in late else link
            for link in links
        ]
    return latency, _assemble(links, neurons, names, n_stages(links))


def n_stages(links: list[Link]) -> dict[str, int]:
    """Return how many stages the line after a source needs; sources without one are left out."""
    stages: dict[str, int] = {}
    for link in links:
        needed = {link.source: max(link.forward)}
        for source, terms in link.recurrent.items():
            needed[source] = max(needed.get(source, 0), max(terms) - 1)
        for source, stage in needed.items():
            stages[source] = max(stages.get(source, 0), stage)
    return {source: stage + 1 for source, stage in stages.items() if stage > 0}


def _relayed_output(links: list[Link], neurons: list[Neuron]) -> tuple[list[Link], list[Neuron]]:
    """Let relays give an Output of delayed spikes, and the spikes of a last population that a line follows."""
    last = links[-1]
    if last.untouched and isinstance(neurons[-1], Current):
        return links, [*neurons[:-1], RELAY]
    if last.name not in n_stages(links):
        return links, neurons
    n = math.prod(last.shape)
    same: Terms = {0: scipy.sparse.identity(n, format="csr")}
    output = Link("output", last.shape, last.name, same, {}, np.zeros(n), {}, untouched=True)
    return [*links, output], [*neurons, RELAY]


def _assemble(
    links: list[Link], neurons: list[Neuron], names: dict[str, str], stages: dict[str, int]
) -> list[Layer]:
    layers: list[Layer] = []
    lines = {source: _line_name(names.get(source, "input"), names) for source in stages}
    if links[0].source in lines:
        n = next(iter(links[0].forward.values())).shape[1]
        layers.append(_line(lines[links[0].source], n, stages[links[0].source]))
    for link, neuron in zip(links, neurons, strict=True):
        recurrent = tuple(
            _recurrent(link, source, names[source], lines.get(source), stages.get(source, 1))
            for source in link.recurrent
        )
        forward = link.forward
        kernel = None if link.source in lines else link.kernels.get(link.source)
        connection = kernel or _connection(_staged(forward, stages.get(link.source, 1), 0))
        name = names.get(link.name) or _line_name("output", names)
        layers.append(Layer(name, link.shape, connection, link.drive, neuron, recurrent))
        if link.name in lines:
            layers.append(_line(lines[link.name], math.prod(link.shape), stages[link.name]))
    return layers


def _recurrent(link: Link, source: str, name: str, line: str | None, n: int) -> Recurrent:
    terms = link.recurrent[source]
    if line is None:
        return Recurrent(name, link.kernels.get(source) or _connection(sum(terms.values())))
    return Recurrent(line, _connection(_staged(terms, n, 1)))


def _staged(terms: Terms, n: int, earlier: int) -> Matrix:
    """Return the matrix from a line of n stages: delay d is read from stage d - earlier."""
    shape = next(iter(terms.values())).shape
    blocks = [scipy.sparse.csr_matrix(shape) for _ in range(n)]
    for delay, one in terms.items():
        stage = max(delay - earlier, 0)
        blocks[stage] = blocks[stage] + one
    return scipy.sparse.hstack(blocks, format="csr")


def _line(name: str, n: int, stages: int) -> Layer:
    """Return relays (n_stages · n,); stage k + 1 repeats stage k a step later."""
    total = n * stages
    unit = np.arange(total)
    into = Sparse(unit[:n], unit[:n], np.ones(n), n, total)
    on = Sparse(unit[:-n], unit[n:], np.ones(total - n), total, total)
    return Layer(name, (total,), into, np.zeros(total), RELAY, (Recurrent(name, on),))


def _line_name(base: str, names: dict[str, str]) -> str:
    name = f"{base}delay" if base != "output" else base
    while name in names.values():
        name += "x"
    return name


def _connection(matrix: Matrix) -> Weighted:
    """Return all to all synapses where at least half of the pairs are joined, else a list."""
    listed = scipy.sparse.coo_matrix(matrix)
    listed.sum_duplicates()
    n_out, n_in = listed.shape
    if 2 * np.count_nonzero(listed.data) >= n_out * n_in:
        return Dense(listed.toarray())
    some = listed.data != 0
    return Sparse(listed.col[some], listed.row[some], listed.data[some], n_in, n_out)
