"""Commands of the ladder: modifiers of `simulate`, `match` and `fidelity`."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bio.exported import load_role
from bio.matching import ROUNDS
from study.files import check_writable
from study.network import ROLES, Network, network_hash
from study.provenance import provenance

LADDER = ("lif", "cuba", "coba", "adex", "hh")


def quantity(unit: str) -> Any:
    """Return a reader of numbers with a unit, such as 2mV, for `argparse`."""

    def read(text: str) -> float:
        found = re.fullmatch(rf"\s*([0-9.eE+-]+)\s*{unit}\s*", text)
        if found is None:
            raise argparse.ArgumentTypeError(f"{text!r} is no number with the unit {unit}, such as 2{unit}")
        try:
            return float(found[1])
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is no number with the unit {unit}") from None

    return read


def add_modifiers(parser: argparse.ArgumentParser) -> None:
    """Add what any level takes to `simulate`."""
    group = parser.add_argument_group("changes to the level")
    group.add_argument("--gains", type=Path, metavar="FILE", help="gains that `match` found")
    group.add_argument("--noise", type=quantity("mV"), default=0.0, metavar="2mV", help="membrane noise, SD")
    group.add_argument("--delay", type=quantity("ms"), default=0.0, metavar="1ms", help="of every synapse")
    group.add_argument("--refractory", type=quantity("ms"), metavar="2ms", help="silence after a spike")
    group.add_argument("--weight-noise", type=float, default=0.0, metavar="0.1", help="SD, share of a weight")
    group.add_argument("--weight-bits", type=int, metavar="N", help="round weights to N bits")
    group.add_argument("--seed", type=int, default=0, help="of noise; default %(default)s")


def modified(arguments: argparse.Namespace, network: Network) -> tuple[Network, Any, dict[str, str]]:
    """Return (network, level, attributes) with gains and modifiers; weights are changed after they were scaled."""
    from bio.levels import find_level
    from bio.matching import apply_gains, load_gains
    from bio.modifiers import Modifiers, modify_level, modify_network
    from bio.timing import FLASH_MS

    chosen = Modifiers(
        arguments.noise,
        arguments.delay,
        arguments.refractory,
        arguments.weight_noise,
        arguments.weight_bits,
        arguments.seed,
    )
    level = find_level(arguments.level)
    attributes = {"gains": "none", "modifier_seed": str(arguments.seed)}
    if arguments.gains is not None:
        gains = load_gains(arguments.gains)
        network = apply_gains(network, gains, level.name)
        attributes["gains"] = str(dict(gains.gain)) + (f" biases {dict(gains.bias)}")
    network = modify_network(network, chosen)
    if chosen != Modifiers(seed=arguments.seed):
        level = modify_level(level, chosen, FLASH_MS / network.n_steps)
    return network, level, attributes


def add_commands(commands: Any) -> None:
    """Add `match` and `fidelity`."""
    match = commands.add_parser("match", help="find gains with which layers fire as often as at level exact")
    _add_network(match)
    match.add_argument("--level", required=True, help=f"{', '.join(LADDER)}")
    match.add_argument("--out", type=Path, required=True, metavar="FILE", help="gains.json")
    match.set_defaults(handler=match_command)
    fidelity = commands.add_parser("fidelity", help="compare levels with exact on inputs kept from matching")
    _add_network(fidelity)
    fidelity.add_argument("--levels", nargs="+", default=list(LADDER), help="default: %(default)s")
    fidelity.add_argument("--held-out", type=int, default=32, metavar="N", help="default %(default)s")
    fidelity.add_argument(
        "--gains", type=Path, metavar="FOLDER", help="where gains lie or are put; default: beside --out"
    )
    fidelity.add_argument("--unmatched", action="store_true", help="charges alone, no gains")
    fidelity.add_argument(
        "--alone",
        action="store_true",
        help="every layer also alone, given the spikes of exact (compiles each)",
    )
    fidelity.add_argument("--out", type=Path, required=True, metavar="FILE", help="fidelity.csv")
    fidelity.set_defaults(handler=fidelity_command)


def _add_network(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="RUN", help="run folder, or one .safetensors network file")
    parser.add_argument("--network", choices=ROLES, help="which network of the run folder")
    parser.add_argument("--backend", default="cpp_standalone", help="default %(default)s")
    parser.add_argument("--processes", type=int, default=1, help="default %(default)s")
    parser.add_argument(
        "--count", type=int, default=32, metavar="N", help="inputs to match on; default %(default)s"
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="simulations at most; default %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="of the inputs; default %(default)s")


def match_command(arguments: argparse.Namespace) -> int:
    """Match one level; status 1 if a layer stays off by more than 10 %."""
    from bio.matching import save_gains

    check_writable(arguments.out)
    network, _ = load_role(arguments.run, arguments.network)
    gains, reached = find_gains(network, arguments.level, arguments)
    save_gains(gains, arguments.out)
    print(f"wrote {arguments.out}: gains {_spoken(gains.gain)}; biases {_spoken(gains.bias)}")
    return int(not reached)


def find_gains(network: Network, level: str, arguments: argparse.Namespace) -> tuple[Any, bool]:
    """Return (gains, whether every layer came within 10 % of level `exact`)."""
    from bio.calibration import calibration_inputs
    from bio.fidelity import RATE_FLOOR
    from bio.levels import find_level
    from bio.matching import Gains, match
    from bio.simulate import simulate

    find_level(level)
    if arguments.rounds < 1:
        raise ValueError(f"--rounds is {arguments.rounds}; at least 1 is needed.")
    inputs = calibration_inputs(network, arguments.count, arguments.seed)

    def rates(candidate: Network, at: str = level) -> dict[str, np.ndarray]:
        found = simulate(candidate, inputs, at, arguments.backend, n_processes=arguments.processes)
        return {name: counts.mean(axis=(1, 2, 3)) for name, counts in found.counts.items()}

    target = rates(network, "exact")
    silent = [name for name, values in target.items() if not values.any()]
    if silent:
        raise ValueError(f"layer {silent[0]} is silent at level exact; there is no rate to match.")
    gain, bias, reached = match(network, target, rates, rounds=arguments.rounds)
    within = all(abs(reached[name].mean() / target[name].mean() - 1) <= RATE_FLOOR for name in target)
    attributes = provenance(
        level=level,
        backend=arguments.backend,
        calibration_seed=arguments.seed,
        calibration_count=arguments.count,
        rounds=arguments.rounds,
        matched=within,
        rates_exact=_spoken({name: values.mean() for name, values in target.items()}),
        rates=_spoken({name: values.mean() for name, values in reached.items()}),
    )
    return Gains(gain, bias, level, network_hash(network), attributes), within


def _spoken(values: Any) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in values.items())


def fidelity_command(arguments: argparse.Namespace) -> None:
    """Compare levels with exact; a level below its floor is reported as failing."""
    from bio.calibration import calibration_inputs
    from bio.fidelity import compare_levels, first_degraded, save_fidelity
    from bio.levels import find_level
    from bio.matching import apply_gains
    from bio.simulate import simulate

    for level in arguments.levels:
        find_level(level)
    check_writable(arguments.out)
    network, _ = load_role(arguments.run, arguments.network)
    held_out = calibration_inputs(network, arguments.held_out, arguments.seed + 1_000_000)

    def show(shown: Network, level: str) -> Any:
        return simulate(shown, held_out, level, arguments.backend, n_processes=arguments.processes)

    exact, rows = show(network, "exact"), []
    for level in arguments.levels:
        matched = level not in ("exact", "lif") and not arguments.unmatched
        shown = network
        if matched:
            shown = apply_gains(network, _gains_for(network, level, arguments), level)
        found = compare_levels(exact, show(shown, level), level, matched, image_shape=network.readout.shape)
        rows += found
        print(sentence(level, found, first_degraded(found)), flush=True)
        if arguments.alone:
            rows += _alone_rows(shown, exact, level, matched, arguments)
        save_fidelity(rows, arguments.out)
    print(f"wrote {arguments.out}: {len(rows)} rows")


def _alone_rows(
    network: Network, exact: Any, level: str, matched: bool, arguments: argparse.Namespace
) -> list[Any]:
    """Return the rows of every layer but the first, given the spikes of level exact."""
    from bio.fidelity import alone, compare_levels
    from bio.simulate import simulate

    rows: list[Any] = []
    for name in list(exact.counts)[1:]:
        single, spikes = alone(network, exact, name)
        found = simulate(single, spikes, level, arguments.backend, n_processes=arguments.processes)
        rows += compare_levels(exact, found, level, matched, alone=True)
        print(
            f"{level} {name} alone: r {rows[-1].count_correlation:.3f} rate {rows[-1].rate_ratio:.2f}",
            flush=True,
        )
    return rows


def _gains_for(network: Network, level: str, arguments: argparse.Namespace) -> Any:
    """Return the gains of a level: those in the folder if they are what was asked for, else newly matched."""
    from bio.matching import load_gains, save_gains

    path = (arguments.gains or arguments.out.parent) / f"gains-{network.role}-{level}.json"
    if path.exists():
        gains = load_gains(path)
        why = _why_again(gains, network, level, arguments, path)
        print(f"{level}: {why or f'gains of {path}'}", flush=True)
        if why is None:
            return gains
    gains, _ = find_gains(network, level, arguments)
    save_gains(gains, path)
    return gains


def _why_again(
    gains: Any, network: Network, level: str, arguments: argparse.Namespace, path: Path
) -> str | None:
    """Return why gains of a file cannot be used and are matched again; None if they can be used."""
    if gains.network_sha256 != network_hash(network) or gains.level != level:
        return f"{path} holds gains of another network or level, and is made again"
    known = [gains.attributes.get(f"calibration_{name}", "?") for name in ("seed", "count")]
    asked = [str(arguments.seed), str(arguments.count)]
    if known != asked:  # held-out inputs follow from the seed, and may be among those
        return (
            f"{path} was matched with --seed {known[0]} --count {known[1]}, not --seed {asked[0]} --count {asked[1]}, and is "
            "made again"
        )
    if gains.attributes.get("matched") != "True" and gains.attributes.get("rounds") != str(arguments.rounds):
        return f"{path} has a layer that is off by more than 10 %, and is made again with {arguments.rounds} rounds"
    return None


def sentence(level: str, rows: Sequence[Any], degraded: str | None) -> str:
    """Return what `fidelity` prints of one level."""
    layers = ", ".join(
        f"{row.layer} r {row.count_correlation:.3f} rate {row.rate_ratio:.2f}"
        for row in rows
        if row.layer != "image"
    )
    verdict = "passes" if all(row.passed for row in rows) else "FAILS its floors"
    image = next((f"; image MSE {row.image_mse:.2g}" for row in rows if not np.isnan(row.image_mse)), "")
    return f"{level} {verdict}: {layers}{image}; first below 0.9: {degraded or 'none'}"
