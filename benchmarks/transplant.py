"""Images through a spiking critic: ours against Brian2 with explicit synapses and one run per image, and against torch.

    PYTHONPATH=. python benchmarks/transplant.py --images 1180 trained/checkpoints/quick-patches/sgad/seed-0
    PYTHONPATH=. python benchmarks/transplant.py --images 1180 --one-by-one 50 mnist/sgad

RUN is a run folder, or the name of a configuration, whose untrained critic is then taken (batch norm set by 512 images).
Every way runs in a process of its own; its peak memory is that of its largest process. Images are random patches of the
photographs inside scikit-image and scikit-learn. `--one-by-one N` times Brian2's straightforward way on N images and scales
its runs (not its build) to all of them. `--processes N` lets ours split the images over N processes; the other ways have one.
Ends with an error if any image's spike counts differ. `--json FILE` keeps the numbers.
"""

from __future__ import annotations

import argparse
import functools
import json
import pickle
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bio.connectivity import edges, weights
from study.network import Network, load_network, save_network

WAYS = ("ours", "one by one", "torch")


def patches(n: int, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Return n distinct gray patches of photographs, (image, *shape), in [0, 1]."""
    from study.images import photographs

    rng, found = np.random.default_rng(seed), []
    pictures = [picture for _, picture in photographs()]
    height, width = shape[-2:]
    for _ in range(n):
        picture = pictures[rng.integers(len(pictures))]
        y, x = (
            rng.integers(size - side + 1) for size, side in zip(picture.shape, (height, width), strict=False)
        )
        found.append(picture[y : y + height, x : x + width])
    values = np.array(found, np.float64)
    values = values.mean(axis=-1) if values.ndim == 4 else values
    return (values / max(1.0, values.max())).reshape(n, *shape)


def load_critic(run: str) -> Any:
    """Return the torch model of a run folder, or the untrained one of a configuration, in float64."""
    import torch

    if Path(run).is_dir():
        from trained.runs import load_model

        return load_model(Path(run), torch.float64)
    from trained.configurations import named_config
    from trained.families import family_of

    config = named_config(run)
    model = family_of(config).model(config, 0).to(torch.float64)
    model.critic.train()
    shape = model.export("critic", {}).input_shape
    with torch.no_grad():
        for part in np.array_split(patches(512, shape, seed=1), 8):
            model.critic(torch.from_numpy(part))
    return model.eval()


# ------------------------------------------------------------------------------------------- the ways, each in a process


def ours(folder: Path, images: np.ndarray, n_processes: int = 1) -> dict[str, Any]:
    """Simulate with `bio`, twice: the first run compiles."""
    from bio.simulate import simulate

    network = load_network(folder / "critic.safetensors")
    begun = time.perf_counter()
    simulate(network, images[:1], "exact", "cpp_standalone", progress=False)
    # One bin: the straightforward way, too, adds up the spikes of an image.
    how = {"n_bins": 1, "n_processes": n_processes, "progress": False}
    show = functools.partial(simulate, network, images, "exact", "cpp_standalone", **how)
    show()
    cold = time.perf_counter() - begun
    begun = time.perf_counter()
    found = show()
    seconds = time.perf_counter() - begun
    counts = {name: values[:, 0, 0] for name, values in found.counts.items()}
    return {"build_s": max(0.0, cold - seconds), "run_s": seconds, "counts": counts}


def one_by_one(folder: Path, images: np.ndarray, n_processes: int = 1) -> dict[str, Any]:
    """Simulate with explicit synapses, one run per image."""
    from explicit_synapses import simulate_one_by_one

    return simulate_one_by_one(load_network(folder / "critic.safetensors"), images)


def through_torch(folder: Path, images: np.ndarray, n_processes: int = 1) -> dict[str, Any]:
    """Run the trained model in float64, 118 images at a time."""
    import torch

    from trained.trace import trace

    critic = load_critic((folder / "run").read_text()).critic
    counts: dict[str, list[np.ndarray]] = {}
    begun = time.perf_counter()
    for part in np.array_split(images, -(-len(images) // 118)):
        for name, spikes in trace(critic, torch.from_numpy(part)).items():
            if name != "readout":
                counts.setdefault(name, []).append(spikes.sum(axis=0))
    seconds = time.perf_counter() - begun
    return {
        "build_s": 0.0,
        "run_s": seconds,
        "counts": {name: np.concatenate(parts) for name, parts in counts.items()},
    }


FUNCTIONS: dict[str, Callable[[Path, np.ndarray, int], dict[str, Any]]] = {
    "ours": ours,
    "one by one": one_by_one,
    "torch": through_torch,
}


def own_peak_kib() -> int:
    """Return the peak memory of this process (Linux). What `getrusage` says of it begins with that of the process that started it."""
    (line,) = (x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmHWM"))
    return int(line.split()[1])


def measure_here(way: str, folder: Path, n_images: int, n_processes: int) -> None:
    """Measure one way in this process and leave the result in `folder`."""
    images = np.load(folder / "images.npy")[:n_images]
    result = FUNCTIONS[way](folder, images, n_processes)
    of_children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    result["peak_mb"] = max(own_peak_kib(), of_children) * 1024 / 1e6
    result["images"] = len(images)
    (folder / f"{way}.pickle").write_bytes(pickle.dumps(result))


def measure(way: str, folder: Path, n_images: int, n_processes: int) -> dict[str, Any]:
    """Measure one way in a process of its own."""
    command = [sys.executable, __file__, "--measure", way, str(folder), "--images", str(n_images)]
    subprocess.run([*command, "--processes", str(n_processes)], check=True)
    found: dict[str, Any] = pickle.loads((folder / f"{way}.pickle").read_bytes())
    return found


# --------------------------------------------------------------------------------------------------- synaptic events


def events_and_loop(network: Network, counts: dict[str, np.ndarray], folder: Path) -> tuple[float, float]:
    """Return (synaptic events of all images, events per second of a bare C++ loop over those of the largest layer).

    The second is 0 if that layer has none.
    """
    total, largest, rate = 0.0, 0, 0.0
    for before, layer in zip(network.layers, network.layers[1:], strict=False):
        i, j, k = edges(layer.connection)
        fan_out = np.bincount(i, minlength=before.n_units)
        fired = counts[before.name].sum(axis=0)
        total += float(fired @ fan_out)
        if len(i) > largest:
            largest, order = len(i), np.argsort(i, kind="stable")
            spikes = _in_steps(counts[before.name], fan_out)
            arrays = [
                np.concatenate([[0], np.cumsum(fan_out)]).astype(np.int64),
                j[order].astype(np.int32),
                k[order].astype(np.int32),
                weights(layer.connection),
                spikes.astype(np.int32),
            ]
            rate = fan_out[spikes].sum() / _bare_loop(arrays, folder) if len(spikes) else 0.0
    return total, rate


def _in_steps(counts: np.ndarray, fan_out: np.ndarray, n_events: float = 5e8) -> np.ndarray:
    """Return units as they fire, image by image and, as if in the first steps, step by step in their order."""
    found, done = [], 0.0
    for image in counts:
        for step in range(int(image.max(initial=0))):
            found.append(np.flatnonzero(image > step))
            done += fan_out[found[-1]].sum()
        if done >= n_events:
            break
    return np.concatenate(found) if found else np.empty(0, np.int64)


def _bare_loop(arrays: list[np.ndarray], folder: Path) -> float:
    """Return the seconds of the bare loop, the least of three."""
    source, program = Path(__file__).with_name("event_loop.cpp"), folder / "event_loop"
    subprocess.run(["g++", "-O3", "-std=c++17", str(source), "-o", str(program)], check=True)
    names = [str(folder / f"array{n}") for n in range(len(arrays))]
    for name, array in zip(names, arrays, strict=True):
        np.ascontiguousarray(array).tofile(name)
    runs = [subprocess.run([program, *names], check=True, capture_output=True, text=True) for _ in range(3)]
    return min(float(done.stdout.split()[0]) for done in runs)


def main() -> None:
    """Measure all ways and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", help="run folder, or a configuration's name")
    parser.add_argument("--images", type=int, default=1180)
    parser.add_argument("--one-by-one", type=int, help="images of the straightforward way; default: all")
    parser.add_argument("--processes", type=int, default=1, help="of ours; default %(default)s")
    parser.add_argument("--measure", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--json", help="keep the numbers here")
    arguments = parser.parse_args()
    if arguments.measure:
        measure_here(arguments.measure, Path(arguments.run), arguments.images, arguments.processes)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "run").write_text(arguments.run)
        save_network(load_critic(arguments.run).export("critic", {}), folder / "critic.safetensors")
        network = load_network(folder / "critic.safetensors")
        np.save(folder / "images.npy", patches(arguments.images, network.input_shape))
        few = min(arguments.images, arguments.one_by_one or arguments.images)
        found = {
            way: measure(way, folder, few if way == "one by one" else arguments.images, arguments.processes)
            for way in WAYS
        }
        report(network, found, arguments.images, events_and_loop(network, found["ours"]["counts"], folder))
    if arguments.json:
        kept = {way: {k: v for k, v in result.items() if k != "counts"} for way, result in found.items()}
        Path(arguments.json).write_text(json.dumps(kept, indent=1))


def report(
    network: Network, found: dict[str, dict[str, Any]], n_images: int, events: tuple[float, float]
) -> None:
    """Print the table; exit if spikes differ."""
    n_synapses = sum(len(edges(layer.connection)[0]) for layer in network.layers[1:])
    print(f"{n_images} images, {n_synapses:,} synapses, T = {network.n_steps}")
    for way, result in found.items():
        scaled = result["build_s"] + result["run_s"] * n_images / result["images"]
        result["total_s"] = scaled
        note = "" if result["images"] == n_images else f" (runs of {result['images']} images, scaled)"
        print(
            f"{way:10}  build {result['build_s']:7.1f} s  run {result['run_s']:8.1f} s  total {scaled:8.1f} s"
            f"  {scaled / found['ours']['total_s']:6.2f} x ours  peak {result['peak_mb']:6.0f} MB{note}"
        )
        for name, counts in result["counts"].items():
            differing = int((counts != found["ours"]["counts"][name][: len(counts)]).sum())
            if differing:
                sys.exit(f"{way}: {differing} spike counts of {name} differ from ours")
    total, bare = events
    if not total or not bare:
        print(f"{total:.0f} synaptic events: too few to compare with a bare loop")
        return
    rate = total / found["ours"]["run_s"]
    print(
        f"synaptic events {total:.3g}; ours {rate / 1e6:.1f} million/s over the whole run, a bare loop "
        f"{bare / 1e6:.1f} million/s ({bare / rate:.1f} x)"
    )


if __name__ == "__main__":
    main()
