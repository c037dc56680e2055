"""A NIR graph as a `study.network.Network`."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from bio.nir.chain import chain
from bio.nir.graph import flatten, kind
from bio.nir.layers import make_layers
from bio.nir.neurons import neuron
from bio.nir.signals import Tracer
from bio.timing import FLASH_MS
from study.network import Network


def import_graph(
    graph: Any,
    dt_ms: float,
    *,
    n_steps: int | None = None,
    input_kind: str = "constant",
    role: str = "encoder",
    decision: str | None = None,
    provenance: dict[str, str] | None = None,
) -> Network:
    """Return the network whose level `exact` is Euler's method on the graph.

    Parameters
    ----------
    graph : nir.NIRGraph
        A chain of populations with recurrent input, after linear nodes were folded into connections.
    dt_ms : float
        Time step of Euler's method. NIR does not store it: it is the one that the graph was exported with.
    n_steps : int, optional
        Steps per stimulus; as many as 250 ms have when absent.
    input_kind, role, decision
        See `study.network.Network`.
    provenance : dict of str to str, optional

    Returns
    -------
    Network
        Layers are called after the graph's nodes, in lower case letters and digits.

    Raises
    ------
    ValueError
        For what is not expressible, with the node's name.
    """
    if not (np.isfinite(dt_ms) and dt_ms > 0):
        raise ValueError(f"dt_ms is {dt_ms:g}; a positive number of milliseconds is needed.")
    dt_s, flat = dt_ms * 1e-3, flatten(graph)
    links = chain(Tracer(flat, dt_s))
    neurons = [neuron(link.name, flat.nodes[link.name], link.shape, dt_s) for link in links]
    names = layer_names([link.name for link in links])
    latency, layers = make_layers(links, neurons, names, analog=input_kind == "constant")
    named = {f"nir_node_{layer}": f"{node} ({kind(flat.nodes[node])})" for node, layer in names.items()}
    return Network(
        role=role,
        input_shape=flat.input_shape,
        n_steps=n_steps if n_steps is not None else max(1, round(FLASH_MS / dt_ms)),
        layers=tuple(layers),
        provenance={"nir_dt_ms": str(float(dt_ms)), **named, **(provenance or {})},
        input=input_kind,
        latency=latency,
        decision=decision,
    )


def layer_names(nodes: list[str]) -> dict[str, str]:
    """Return a layer's name for every node: its letters and digits in lower case, a letter first, all different."""
    names: dict[str, str] = {}
    for node in nodes:
        plain = re.sub("[^a-z0-9]", "", node.lower())
        plain = plain if plain and plain[0].isalpha() else f"node{plain}"
        wanted, number = plain, 2
        while wanted in names.values():
            wanted, number = f"{plain}x{number}", number + 1
        names[node] = wanted
    return names
