"""Command line: `python -m bio simulate`, `match`, `fidelity`, `import-nir`, `export-nir`, `verify` and `cache`."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path

from bio.command_ladder import add_commands, add_modifiers, modified
from bio.command_verify import add_command as add_verify
from bio.exported import load_role
from bio.nir.command import add_commands as add_nir_commands
from bio.shown import network_input
from study.commands import Parser, run
from study.files import check_writable, sha256
from study.network import ROLES, round_to_grid
from study.responses import save_responses
from study.stimuli import load_stimuli


def simulate_command(arguments: argparse.Namespace) -> None:
    """Simulate one network on a stimuli file and write its responses."""
    from bio.simulate import simulate

    check_writable(arguments.out)
    network, path = load_role(arguments.run, arguments.network)
    if arguments.limit is not None and arguments.limit < 1:
        raise ValueError(f"--limit is {arguments.limit}; at least 1 stimulus is needed.")
    stimuli = load_stimuli(arguments.stimuli)
    values, ids, draws = network_input(network, stimuli, arguments.limit)
    if arguments.dyadic is not None:
        network = round_to_grid(network, arguments.dyadic)
    network, level, changes = modified(arguments, network)
    responses = simulate(
        network,
        values,
        level,
        arguments.backend,
        draws=draws,
        stimulus_ids=ids,
        repeats=arguments.repeats,
        blank_steps=arguments.blank_steps,
        reset=not arguments.no_reset,
        n_processes=arguments.processes,
        dt_ms=arguments.dt_ms,
        n_bins=arguments.bins,
        precision=arguments.precision,
    )
    attributes = {
        **responses.attributes,
        **{f"network_{key}": str(value) for key, value in network.provenance.items()},
        "network_sha256": sha256(path),
        "stimuli_sha256": sha256(arguments.stimuli),
        **changes,
        "dyadic_bits": str(arguments.dyadic or "none"),
        "simulated": stimuli.attributes.get("simulated", "unknown"),
    }
    save_responses(dataclasses.replace(responses, attributes=attributes), arguments.out)
    rates = {name: x.mean() * x.shape[2] / network.n_steps for name, x in responses.counts.items()}
    spoken = ", ".join(f"{name} {rate:.3f}" for name, rate in rates.items())
    print(f"wrote {arguments.out}: {len(responses.stimulus)} stimuli, spikes per neuron and step: {spoken}")


def cache_command(arguments: argparse.Namespace) -> None:
    """Show or remove the compiled programs that were kept."""
    from bio.build_cache import cache_folder, clear, entries

    found = clear() if arguments.action == "clear" else entries()
    if arguments.action == "list":
        for entry in found:
            print(entry.line())
    size = f"{len(found)} programs, {sum(entry.n_bytes for entry in found) / 1e6:.1f} MB"
    print(f"{'removed from' if arguments.action == 'clear' else 'in'} {cache_folder()}: {size}")


def parser() -> Parser:
    """Return the command line's parser."""
    top = Parser(prog="python -m bio", description="Trained networks as Brian2 equations.")
    commands = top.add_subparsers(dest="command", required=True)
    _add_simulate(commands.add_parser("simulate", help="show stimuli to a network and write its responses"))
    add_commands(commands)
    add_nir_commands(commands)
    add_verify(commands, _add_numerics)
    cache = commands.add_parser("cache", help="list or remove the compiled programs that were kept")
    cache.add_argument("action", choices=("list", "clear"))
    cache.set_defaults(handler=cache_command)
    return top


def _add_simulate(simulate: argparse.ArgumentParser) -> None:
    simulate.add_argument(
        "run", type=Path, metavar="RUN", help="run folder, or one .safetensors network file"
    )
    simulate.add_argument("--network", choices=ROLES, help="which network of the run folder")
    simulate.add_argument(
        "--level", default="exact", help="exact, lif, cuba, coba, adex or hh; default %(default)s"
    )
    simulate.add_argument("--stimuli", type=Path, required=True, metavar="FILE", help="stimuli.nc")
    simulate.add_argument("--out", type=Path, required=True, metavar="FILE", help="responses.nc")
    simulate.add_argument("--dt-ms", type=float, help="simulation time step; default: the level's own")
    simulate.add_argument(
        "--bins",
        type=int,
        metavar="N",
        help="time bins of a stimulus in which spikes are counted; default: its network steps",
    )
    simulate.add_argument(
        "--processes", type=int, default=1, help="parts simulated at a time; default %(default)s"
    )
    simulate.add_argument("--limit", type=int, help="only the first N stimuli", metavar="N")
    simulate.add_argument(
        "--repeats", type=int, default=1, metavar="N", help="show the sequence N times; default %(default)s"
    )
    simulate.add_argument(
        "--blank-steps",
        type=int,
        default=0,
        metavar="N",
        help="network steps without input after every stimulus, not recorded; default %(default)s",
    )
    simulate.add_argument(
        "--no-reset", action="store_true", help="stimuli begin from the state that the one before left"
    )
    _add_numerics(simulate)
    add_modifiers(simulate)
    simulate.set_defaults(handler=simulate_command)


def _add_numerics(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--backend",
        default="cpp_standalone",
        help="cpp_standalone, numpy, cuda_standalone or cuda_host; default %(default)s",
    )
    command.add_argument(
        "--precision",
        default="float64",
        help="float64 or float32, of Brian2's variables; default %(default)s",
    )
    command.add_argument(
        "--dyadic",
        type=int,
        metavar="BITS",
        help="round weights to multiples of 2^-BITS: their sums are then exact in float32 too",
    )


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    return run(parser(), argv)


if __name__ == "__main__":
    sys.exit(main())
