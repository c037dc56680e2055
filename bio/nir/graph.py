"""NIR graphs without graphs in them: nodes, and who feeds whom."""

from __future__ import annotations

import dataclasses
from typing import Any

Shape = tuple[int, ...]
POPULATIONS = ("CubaLI", "CubaLIF", "I", "IF", "LI", "LIF", "Threshold")
LINEAR = (
    "Affine", "AvgPool2d", "Conv1d", "Conv2d", "Delay", "Flatten", "Identity", "Linear", "Scale", "SumPool2d",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class FlatGraph:
    """A graph whose inner graphs were opened.

    Parameters
    ----------
    nodes : dict of str to NIR node
        Inner nodes are called `<graph>.<node>`; the Inputs and Outputs of inner graphs pass on what they get.
    before : dict of str to list of str
        The nodes that feed each node.
    source, sink : str
        The Input and the Output of the whole graph.
    input_shape : tuple of int
    """

    nodes: dict[str, Any]
    before: dict[str, list[str]]
    source: str
    sink: str
    input_shape: Shape

    @property
    def populations(self) -> list[str]:
        """Return the nodes that have a state or a threshold."""
        return [name for name, node in self.nodes.items() if kind(node) in POPULATIONS]


def kind(node: Any) -> str:
    """Return the name of a node's class."""
    return type(node).__name__


def flatten(graph: Any) -> FlatGraph:
    """Open all inner graphs.

    Raises
    ------
    ValueError
        For a node of an unknown kind, an edge from or to nowhere, or other than one Input with a shape and one Output.
    """
    if kind(graph) != "NIRGraph":
        raise ValueError(f"the file holds one {kind(graph)} node and no graph; export the whole network.")
    nodes, edges = _open(graph, "")
    if len(set(edges)) < len(edges):
        twice = next(edge for edge in edges if edges.count(edge) > 1)
        raise ValueError(f"node {twice[0]} feeds node {twice[1]} by two edges; leave one.")
    source, sink = _only(nodes, "Input"), _only(nodes, "Output")
    shape = nodes[source].input_type["input"]
    if shape is None:
        raise ValueError(f"node {source} (Input) has no shape; export the network with its input's shape.")
    before: dict[str, list[str]] = {name: [] for name in nodes}
    for pre, post in edges:
        before[post].append(pre)
    return FlatGraph(nodes, before, source, sink, tuple(int(n) for n in shape))


def _open(graph: Any, prefix: str) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    nodes: dict[str, Any] = {}
    edges: list[tuple[str, str]] = []
    for name, node in graph.nodes.items():
        if kind(node) == "NIRGraph":
            inner_nodes, inner_edges = _open(node, f"{prefix}{name}.")
            nodes |= inner_nodes
            edges += inner_edges
        elif kind(node) in (*POPULATIONS, *LINEAR, "Input", "Output"):
            nodes[f"{prefix}{name}"] = node
        else:
            raise ValueError(
                f"node {prefix}{name} is a {kind(node)}, which has no equation here; "
                f"allowed are {', '.join(sorted((*POPULATIONS, *LINEAR)))}."
            )
    for pre, post in graph.edges:
        edges.append((_port(graph, prefix, pre, "Output"), _port(graph, prefix, post, "Input")))
    return nodes, edges


def _port(graph: Any, prefix: str, name: str, port: str) -> str:
    """Return the node that an edge joins; of an inner graph, its Input or Output."""
    if name not in graph.nodes:
        raise ValueError(f"an edge names node {prefix}{name}, which the graph does not have.")
    if kind(graph.nodes[name]) != "NIRGraph":
        return f"{prefix}{name}"
    inner = _only(graph.nodes[name].nodes, port, f"{prefix}{name}: ")
    return _port(graph.nodes[name], f"{prefix}{name}.", inner, port)


def _only(nodes: dict[str, Any], port: str, where: str = "") -> str:
    """Return the one outermost node of a kind."""
    found = [name for name, node in nodes.items() if kind(node) == port and (where or "." not in name)]
    if len(found) != 1:
        named = f", {', '.join(found)}" if found else ""
        raise ValueError(
            f"{where}the graph has {len(found)} nodes {port}{named}; exactly one is needed, for layers form a chain."
        )
    return found[0]
