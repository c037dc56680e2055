"""`python -m bio import-nir` and `export-nir`."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from study.files import check_writable, sha256
from study.network import DECISIONS, INPUTS, ROLES, Network, load_network, save_network


def import_command(arguments: argparse.Namespace) -> None:
    """Write the network file of a NIR graph."""
    from bio.nir.files import read_graph
    from bio.nir.importing import import_graph

    check_writable(arguments.out)
    graph = read_graph(arguments.file)
    with naming(arguments.file):
        network = import_graph(
            graph,
            arguments.dt_ms,
            n_steps=arguments.steps,
            input_kind=arguments.input,
            role=arguments.role,
            decision=arguments.decision,
            provenance={"name": arguments.file.stem, "nir_sha256": sha256(arguments.file)},
        )
    save_network(network, arguments.out)
    print(f"wrote {arguments.out}: {describe(network)}")


def export_command(arguments: argparse.Namespace) -> None:
    """Write the NIR graph of a network file."""
    from bio.nir.exporting import export_graph
    from bio.nir.files import write_graph

    check_writable(arguments.out)
    network = load_network(arguments.network)
    with naming(arguments.network):
        graph = export_graph(network, arguments.dt_ms)
    write_graph(graph, arguments.out)
    print(f"wrote {arguments.out}: {len(graph.nodes)} nodes for {describe(network)}")
    if network.decoder is not None:
        print(f"the decoder {network.decoder.kind} is not part of NIR: the graph gives what it decodes.")
    read = "spikes" if network.input == "first_spike" else network.input
    judged = f" --decision {network.decision}" if network.decision else ""
    print(
        f"the same network again: python -m bio import-nir {arguments.out} --dt-ms {arguments.dt_ms:g} "
        f"--steps {network.n_steps} --input {read} --role {network.role}{judged} --out FILE"
    )


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Put the file's name before what is wrong with what it holds."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def describe(network: Network) -> str:
    """Return the layers of a network in one line."""
    layers = ", ".join(
        f"{layer.name} ({layer.n_units} {layer.neuron.kind}, {layer.connection.kind if layer.connection else 'none'}"
        f"{', recurrent' if layer.recurrent else ''})"
        for layer in network.layers
    )
    return f"{network.n_steps} steps, latency {network.latency}, {layers}"


def add_commands(commands: Any) -> None:
    """Add `import-nir` and `export-nir`."""
    read = commands.add_parser("import-nir", help="make a network file from a NIR graph")
    read.add_argument("file", type=Path, metavar="FILE", help="NIR graph, .nir")
    read.add_argument("--out", type=Path, required=True, metavar="FILE", help="network .safetensors")
    read.add_argument(
        "--steps", type=int, metavar="T", help="steps per stimulus; default: as many as 250 ms have"
    )
    read.add_argument(
        "--input", choices=sorted(INPUTS.keys() - {"draws"}), default="constant", help="default %(default)s"
    )
    read.add_argument(
        "--role", choices=sorted({*ROLES}), default="encoder", help="what it is for; default %(default)s"
    )
    read.add_argument("--decision", choices=sorted(DECISIONS), help="what a classifier is judged by")
    _add_step(read)
    read.set_defaults(handler=import_command)
    write = commands.add_parser("export-nir", help="make a NIR graph from a network file")
    write.add_argument("network", type=Path, metavar="FILE", help="network .safetensors")
    write.add_argument("--out", type=Path, required=True, metavar="FILE", help="NIR graph, .nir")
    _add_step(write)
    write.set_defaults(handler=export_command)


def _add_step(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--dt-ms",
        type=float,
        required=True,
        help="time step of Euler's method, one network step; snnTorch exports for 0.1, SpikingJelly too unless told otherwise",
    )
