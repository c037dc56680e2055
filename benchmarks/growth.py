"""What a simulation costs as it grows: synapses 10^5 to 5·10^7, stimuli 1 to 1180, every level.

    PYTHONPATH=. python benchmarks/growth.py --out docs/results/growth.csv --figure docs/figures/growth.png
    PYTHONPATH=. python benchmarks/growth.py --out growth.csv --synapses 1e5 1e6 --stimuli 1 10 --levels exact

A layer of n channels of 28 x 28 units, which fire with probability 0.1 per unit and step or so, reaches another of as many
through a 3 x 3 convolution: n² · 9 · 784 synapses less those at the border. Synapses vary at 10 stimuli, stimuli at 10^5 synapses.
Every simulation (backend cpp_standalone, T = 4, one process) runs twice, in processes of its own: the first compiles, the second is
timed, and its peak memory is that of its largest process. Times are processor seconds, so that other work on the machine hardly
counts. Results are appended as they come; what is there is not measured again.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np

from bio.connectivity import edges
from bio.levels import LEVELS
from bio.simulate import simulate
from study.network import LIF, Conv2d, Dense, Layer, LeakyIntegrator, Network

SIDE, TAPS, N_INPUT, N_STEPS = 28, 3, 4, 4
COLUMNS = ("level", "synapses", "stimuli", "first_s", "seconds", "peak_mb", "bytes_per_synapse", "events")
MANY = {"synapses": (1e5, 1e6, 1e7, 5e7), "stimuli": (1, 10, 100, 1180)}


def network_of(n_synapses: float, rng: np.random.Generator) -> Network:
    """Return a network with about `n_synapses` synapses between two layers of channels."""
    channels = max(1, round(math.sqrt(n_synapses / (TAPS**2 * SIDE**2))))
    shape, neuron = (channels, SIDE, SIDE), LIF(0.5, 0.5)
    n_units = math.prod(shape)
    weight = rng.normal(size=(channels, channels, TAPS, TAPS)) * (3.0 / math.sqrt(channels * TAPS**2))
    return Network(
        "critic",
        (N_INPUT,),
        N_STEPS,
        (
            Layer(
                "first", shape, Dense(rng.normal(size=(n_units, N_INPUT)) * 0.4), np.zeros(n_units), neuron
            ),
            Layer("second", shape, Conv2d(weight, shape, padding=1), np.zeros(n_units), neuron),
            Layer(
                "readout", (1,), Dense(np.full((1, n_units), 1e-3)), np.zeros(1), LeakyIntegrator(0.5, 0.5)
            ),
        ),
    )


def processor_seconds() -> float:
    """Return what this process and its ended children have used, user and system."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def measure_here(level: str, n_synapses: float, n_stimuli: int) -> None:
    """Simulate once and print seconds, memory, synapses and synaptic events as JSON."""
    rng = np.random.default_rng(0)
    network = network_of(n_synapses, rng)
    stimuli = rng.normal(size=(n_stimuli, N_INPUT))
    begun = processor_seconds()
    found = simulate(network, stimuli, level, "cpp_standalone", progress=False)
    seconds = processor_seconds() - begun
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    events, synapses = 0.0, 0
    for before, layer in zip(network.layers, network.layers[1:], strict=False):
        i, _, _ = edges(layer.connection)
        fan_out = np.bincount(i, minlength=before.n_units)
        events += float(found.counts[before.name].sum(axis=(0, 1, 2)) @ fan_out)
        synapses += len(i)
    print(json.dumps({"seconds": seconds, "peak": peak, "synapses": synapses, "events": events}))


def measure(level: str, n_synapses: float, n_stimuli: int) -> dict[str, float]:
    """Return what one simulation gave, in a process of its own."""
    command = [sys.executable, __file__, "--measure", level, str(n_synapses), str(n_stimuli)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def row_of(level: str, n_synapses: float, n_stimuli: int) -> dict[str, str]:
    """Return a row of the table."""
    first = measure(level, n_synapses, n_stimuli)
    second = measure(level, n_synapses, n_stimuli)
    values = (
        first["seconds"],
        second["seconds"],
        second["peak"] / 1e6,
        second["peak"] / second["synapses"],
        second["events"],
    )
    return dict(
        zip(COLUMNS, (level, f"{n_synapses:g}", str(n_stimuli), *(f"{v:.6g}" for v in values)), strict=True)
    )


def draw(table: Path, figure: Path) -> None:
    """Draw time and memory against synapses and stimuli, a line per level."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    pyplot.style.use("tableau-colorblind10")
    rows = list(csv.DictReader(table.open()))
    panels, axes = pyplot.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
    plots = (
        ("synapses", "seconds", "10", "processor s, 10 stimuli"),
        ("synapses", "peak_mb", "10", "MB at most, 10 stimuli"),
        ("stimuli", "seconds", "100000", "processor s, 10^5 synapses"),
    )
    for axis, (x, y, fixed, label) in zip(axes, plots, strict=True):
        other = "stimuli" if x == "synapses" else "synapses"
        for level in (name for name in LEVELS if any(row["level"] == name for row in rows)):
            points = sorted(
                (float(r[x]), float(r[y])) for r in rows if r["level"] == level and r[other] == fixed
            )
            axis.loglog(*zip(*points, strict=True), "o-", markersize=3, label=level)
        axis.set(xlabel=x, ylabel=label)
    axes[2].legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    panels.savefig(figure, dpi=150)


def main() -> None:
    """Measure what the table lacks, then draw it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, help="table, appended to")
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--levels", nargs="+", default=list(LEVELS), choices=list(LEVELS))
    parser.add_argument("--synapses", nargs="+", type=float, default=MANY["synapses"])
    parser.add_argument("--stimuli", nargs="+", type=int, default=MANY["stimuli"])
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        level, n_synapses, n_stimuli = arguments.measure
        measure_here(level, float(n_synapses), int(n_stimuli))
        return
    wanted = [(level, n, 10) for level in arguments.levels for n in arguments.synapses]
    wanted += [(level, 1e5, n) for level in arguments.levels for n in arguments.stimuli]
    is_new = not arguments.out.exists()
    known = (
        []
        if is_new
        else [
            (r["level"], float(r["synapses"]), int(r["stimuli"]))
            for r in csv.DictReader(arguments.out.open())
        ]
    )
    for case in dict.fromkeys(wanted):
        if case not in known:
            row = row_of(*case)
            with arguments.out.open("a", newline="") as file:
                writer = csv.DictWriter(file, COLUMNS)
                if is_new:
                    writer.writeheader()
                    is_new = False
                writer.writerow(row)
            print(" ".join(f"{name} {value}" for name, value in row.items()), flush=True)
    if arguments.figure:
        draw(arguments.out, arguments.figure)


if __name__ == "__main__":
    main()
