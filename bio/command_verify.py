"""Command `verify`: level exact against torch, spike by spike, for one run or many."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bio.exported import load_role, roles_in
from study.files import check_writable, write_text
from study.network import ROLES

MODEL = "model.safetensors"


def add_command(commands: Any, add_numerics: Callable[[argparse.ArgumentParser], None]) -> None:
    """Add `verify`."""
    verify = commands.add_parser("verify", help="compare level exact with torch, spike by spike")
    verify.add_argument(
        "runs",
        type=Path,
        nargs="+",
        metavar="RUN",
        help="run folder with the model and its exports, or a folder of such folders",
    )
    verify.add_argument(
        "--network", choices=("all", *ROLES), default="all", help="default: all that were exported"
    )
    verify.add_argument("--stimuli-count", type=int, default=16, help="distinct inputs; default %(default)s")
    verify.add_argument("--seed", type=int, default=0, help="of the inputs; default %(default)s")
    verify.add_argument(
        "--perturb-decay",
        type=float,
        default=0.0,
        help="make Brian2's decay wrong by this share: the check must then fail; default %(default)s",
    )
    verify.add_argument("--out", type=Path, metavar="FILE", help="also write what is said, if all is equal")
    add_numerics(verify)
    verify.set_defaults(handler=verify_command)


def verify_command(arguments: argparse.Namespace) -> int:
    """Check networks of run folders against torch; status 1 if anything differs."""
    if arguments.stimuli_count < 1:
        raise ValueError(f"--stimuli-count is {arguments.stimuli_count}; at least 1 is needed.")
    if not 0 <= arguments.perturb_decay < 1:
        raise ValueError(f"--perturb-decay is {arguments.perturb_decay}; allowed is 0 to below 1.")
    if arguments.out is not None:
        check_writable(arguments.out)
    # All are looked for before the first is simulated: a missing export is said at once.
    said: list[str] = []
    wanted = _wanted(arguments, said)
    found: list[tuple[Path, Any]] = []
    for run, role in wanted:
        if len(wanted) > 1 and (not found or run != found[-1][0]):
            _say([f"{run}:"], said)
        verification = _verify(run, role, arguments)
        found.append((run, verification))
        _say(verification.lines(), said)
    if len(found) > 1:
        _say([totals([verification for _, verification in found])], said)
    passed = all(verification.passed for _, verification in found)
    if passed and arguments.out is not None:
        write_text(arguments.out, "".join(f"{line}\n" for line in said))
    return int(not passed)


def _wanted(arguments: argparse.Namespace, said: list[str]) -> list[tuple[Path, str]]:
    """Return runs and roles to check. Models that have nothing to export, such as an autoencoder, are named and left out."""
    from bio.verify import spikes

    wanted: list[tuple[Path, str]] = []
    for run in find_runs(arguments.runs):
        try:
            wanted += [(run, role) for role in _roles(run, arguments.network)]
        except ValueError:
            if not (run / MODEL).exists() or spikes(run):
                raise
            _say([f"{run}: does not spike, nothing to verify"], said)
    if not wanted:
        raise ValueError("none of the runs has a network that spikes; give one that was exported.")
    return wanted


def find_runs(folders: Sequence[Path]) -> list[Path]:
    """Return run folders: those given, and those below given folders that hold no model themselves.

    Raises
    ------
    ValueError
        If something is no folder, or there is no run in it.
    """
    runs: list[Path] = []
    for folder in folders:
        if not folder.is_dir():
            raise ValueError(f"{folder} is not a folder; verification needs a run folder with its model.")
        below = [] if (folder / MODEL).exists() else sorted(path.parent for path in folder.rglob(MODEL))
        runs += below or [folder]  # without any, what it lacks is said when its networks are looked for
    return list(dict.fromkeys(runs))


def _roles(run: Path, network: str) -> list[str]:
    if network != "all":
        load_role(run, network)
        return [network]
    return roles_in(run)


def _verify(run: Path, role: str, arguments: argparse.Namespace) -> Any:
    from bio.verify import verify_run

    return verify_run(
        run,
        load_role(run, role)[0],
        backend=arguments.backend,
        n_stimuli=arguments.stimuli_count,
        seed=arguments.seed,
        perturb=arguments.perturb_decay,
        precision=arguments.precision,
        dyadic_bits=arguments.dyadic,
    )


def _say(lines: Sequence[str], said: list[str]) -> None:
    said += lines
    for line in lines:
        print(line, file=sys.stderr if line.startswith("warning") else sys.stdout, flush=True)


def totals(verifications: Sequence[Any]) -> str:
    """Return the sentence that sums up several networks."""
    layers = [layer for verification in verifications for layer in verification.layers]
    mismatches, spikes, steps = (
        sum(getattr(layer, name) for layer in layers) for name in ("mismatches", "spikes", "neuron_steps")
    )
    probabilities = [layer.probability for layer in layers]
    differing = sum(not verification.equal for verification in verifications)
    return (
        f"all {len(verifications)} networks, {len(layers)} layers: mismatched spikes: {mismatches} of {spikes} spikes "
        f"({steps} neuron-steps, spike probability {min(probabilities):.3f} to {max(probabilities):.3f} per layer); "
        f"{differing} networks differ"
    )
