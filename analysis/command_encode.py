"""`python -m analysis encode`: prediction of single units, and other published protocols beside RSA."""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from analysis.baselines import BASELINES, baseline_patterns
from analysis.cell_classes import CELL_CLASSES, split_sites
from analysis.command_rsa import load_images, named_files
from analysis.encoding import PROTOCOLS, Neurons, chance, mean_of_defined, select
from analysis.model_rdms import BASELINE, Names, RdmChoices, layer_responses
from analysis.rdm import is_silent
from analysis.recording_file import Recording, load_recording
from analysis.sidecar import command_facts, save_sidecar, sidecar_path
from analysis.simulated_source import NOTICE
from analysis.table import NAN, save_table
from study.files import check_writable
from study.responses import layer_names

SHOWN = ("pixels", "gabor")  # baselines by default
OTHER_ANIMALS = (
    "other-animals"  # what animals share, and so a ceiling for what any model can have in common with all
)


@dataclasses.dataclass(frozen=True)
class EncodeRow:
    """One protocol on one layer and one site."""

    model: str
    network: str
    level: str
    layer: str
    site: str
    protocol: str
    score: float  # mean over units; NaN: the layer is constant
    median: float = NAN  # over units
    sem: float = NAN  # standard deviation over units / sqrt(units): how much units differ, not images
    corrected: float = NAN  # for noise, median over units
    chance: float = NAN  # mean score with shuffled images
    chance_high: float = NAN  # highest score with shuffled images
    n_images: int = 0
    n_silent: int = 0
    n_units: int = 0  # of the layer
    n_cells: int = 0  # of the site, reliable ones
    n_cells_recorded: int = 0
    min_reliability: float = NAN
    median_reliability: float = NAN  # of the cells kept; split half, Spearman-Brown corrected
    n_shuffles: int = 0
    seed: int = 0
    window: str = ""
    simulated: str = "false"
    recording: str = ""


def add(commands: Any) -> None:
    """Add this command to the parser."""
    parser = commands.add_parser(
        "encode", help="predict recorded units from layers: published protocols beside RSA"
    )
    parser.add_argument(
        "--recording", type=Path, required=True, metavar="recording.nc", help="with single trials"
    )
    parser.add_argument("--responses", nargs="+", default=[], metavar="NAME=FILE")
    parser.add_argument(
        "--images", type=Path, metavar="stimuli.nc", help="what the network saw, for the baselines"
    )
    parser.add_argument(
        "--baselines", nargs="+", default=list(SHOWN), choices=list(BASELINES), metavar="NAME"
    )
    parser.add_argument(
        "--protocols",
        nargs="+",
        default=list(PROTOCOLS),
        choices=list(PROTOCOLS),
        metavar="NAME",
        help=", ".join(PROTOCOLS),
    )
    parser.add_argument(
        "--window", nargs=2, type=float, metavar=("START", "STOP"), help="ms; default: everything"
    )
    parser.add_argument(
        "--cell-class",
        help=f"split sites by what is known of their cells: {', '.join(CELL_CLASSES)} (an animal)",
    )
    parser.add_argument(
        "--min-reliability",
        type=float,
        default=0.5,
        help="of units, split half, Spearman-Brown corrected (default 0.5)",
    )
    parser.add_argument(
        "--shuffles", type=int, default=5, help="of the images, for the level of chance (default 5)"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, metavar="encode.csv")
    parser.set_defaults(handler=handle)


def handle(arguments: argparse.Namespace) -> None:
    """Write the table."""
    if arguments.shuffles < 0:
        raise ValueError(f"--shuffles is {arguments.shuffles}; allowed is 0 or more.")
    began = time.perf_counter()
    for path in (arguments.out, sidecar_path(arguments.out)):
        check_writable(path)
    recording = load_recording(arguments.recording)
    if arguments.cell_class is not None:
        recording = split_sites(recording, arguments.cell_class)
        if recording.attributes["dropped_classes"]:
            print(f"too few units: {recording.attributes['dropped_classes']}")
    neurons = _neurons(recording, arguments.min_reliability)
    rows: list[EncodeRow] = []
    for names, features, window, sites in _tasks(arguments, recording, neurons):
        for site in sites:
            for protocol in arguments.protocols:
                row = _row(names, features, window, recording, site, neurons[site], protocol, arguments)
                rows.append(row)
                print(
                    f"{row.score:7.3f} (corrected {row.corrected:6.3f}, chance {row.chance:6.3f})  {protocol:14}"
                    f"{site} {' '.join(filter(None, names))}"
                )
    if not rows:
        raise ValueError(
            "there is nothing to compare; give --responses NAME=FILE, --images stimuli.nc or both."
        )
    facts = command_facts(arguments, named_files(arguments.responses), time.perf_counter() - began)
    save_sidecar(arguments.out, facts, recording, arguments.images)
    save_table(rows, arguments.out, EncodeRow)
    if recording.simulated:
        print(f"{NOTICE}.")
    print(f"{len(rows)} rows: {arguments.out}")


def _neurons(recording: Recording, minimum: float) -> dict[str, Neurons]:
    """Return the reliable units of every site; sites without any are left out, and named."""
    found = {}
    for site in map(str, recording.site):
        response = recording.site_response(site)
        try:
            found[site] = select(response, minimum)
        except ValueError as error:
            if len(recording.site) == 1:
                raise
            print(f"{site} left out: {error}")
    if not found:
        raise ValueError(
            f"no site has a unit with a reliability of {minimum:g} or more; lower --min-reliability."
        )
    return found


def other_animals(neurons: Mapping[str, Neurons]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield every animal's site, and the mean responses of all other animals' units there: (stimulus, unit).

    Parameters
    ----------
    neurons : mapping
        Of sites that were split by session, such as `VISp/715093703`.
    """
    for site in neurons:
        place = site.rpartition("/")[0]
        others = [n.mean for name, n in neurons.items() if name != site and name.rpartition("/")[0] == place]
        if others:
            yield site, np.concatenate(others, axis=1)


def _tasks(
    arguments: argparse.Namespace, recording: Recording, neurons: Mapping[str, Neurons]
) -> Iterator[tuple[Names, np.ndarray, str, list[str]]]:
    """Yield (names, features, window, sites) of all that is to be scored; models first, then what animals share."""
    for names, features, window in _features(arguments, recording):
        yield names, features, window, list(neurons)
    if arguments.cell_class == "session":
        for site, features in other_animals(neurons):
            yield (f"{BASELINE}/{OTHER_ANIMALS}", "", "", OTHER_ANIMALS), features, "none", [site]


def _features(arguments: argparse.Namespace, recording: Recording) -> Iterator[tuple[Names, np.ndarray, str]]:
    """Yield (names, features (stimulus, unit), window) of all layers and baselines."""
    window = tuple(arguments.window) if arguments.window else None
    files = named_files(arguments.responses)
    for _, path in files:
        layer_names(path)  # a missing file is to be found before the hours of the first
    for name, path in files:
        for names, response, shown in layer_responses(
            name, path, recording.stimulus, RdmChoices(window_ms=window)
        ):
            yield names, response.mean(axis=1), shown
    if arguments.images is not None:
        images, scenes = load_images(arguments.images, recording)
        for name in arguments.baselines:
            source = scenes if BASELINES[name].reference else images
            if source is not None:
                yield (f"{BASELINE}/{name}", "", "", name), baseline_patterns(name, source), "none"


def _row(
    names: Names,
    features: np.ndarray,
    window: str,
    recording: Recording,
    site: str,
    neurons: Neurons,
    protocol: str,
    arguments: argparse.Namespace,
) -> EncodeRow:
    generators = [np.random.default_rng([arguments.seed, stream]) for stream in range(2)]
    found = PROTOCOLS[protocol](features, neurons, generators[0])
    by_chance = chance(protocol, features, neurons, arguments.shuffles, generators[1])
    defined = found.raw[np.isfinite(found.raw)]
    corrected = found.corrected[np.isfinite(found.corrected)]
    return EncodeRow(
        *names,
        site=site,
        protocol=protocol,
        score=float(mean_of_defined(found.raw)),
        median=float(np.median(defined)) if len(defined) else NAN,
        sem=float(defined.std(ddof=1) / np.sqrt(len(defined))) if len(defined) > 1 else NAN,
        corrected=float(np.median(corrected)) if len(corrected) else NAN,
        chance=float(mean_of_defined(by_chance)),
        chance_high=float(by_chance.max()) if len(by_chance) else NAN,
        n_images=len(features),
        n_silent=int(is_silent(features).sum()),
        n_units=features.shape[1],
        n_cells=len(neurons.reliability),
        n_cells_recorded=recording.site_response(site).shape[2],
        min_reliability=arguments.min_reliability,
        median_reliability=float(np.median(neurons.reliability)),
        n_shuffles=arguments.shuffles,
        seed=arguments.seed,
        window=window,
        simulated=str(recording.simulated).lower(),
        recording=recording.attributes.get("source", ""),
    )
