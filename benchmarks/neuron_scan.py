"""LIF forward and backward over 16 steps: ours against a loop written by hand, snnTorch, SpikingJelly, and a copy of the bytes.

    python benchmarks/neuron_scan.py                  ours, the loop and the copy, in the project's environment
    PYTHONPATH=. .venv-peers/bin/python benchmarks/neuron_scan.py       the peers too; benchmarks/peers.txt says how to make .venv-peers

float32 unless a row says otherwise. Every candidate runs in every round; once with glibc's allocator as installed, once with pages kept.
Ends with an error if spikes of ours or of SpikingJelly differ from the loop's, or gradients by more than 1e-5. snnTorch is timed
only. The spikes of `bfloat16` are those of the rounded currents. `--json FILE` keeps every time.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable

import torch
from neurons import DECAY, GAIN, Scan, hand_written, installed, snntorch_scan, spikingjelly_scan
from rounds import ALLOCATORS, in_both_allocators, machine, measure, ratio, table, write_json
from torch import Tensor

from study.network import LIF
from trained import scan_kernel
from trained.neuron import Membrane
from trained.process import keep_pages

SHAPE = (16, 64, 64, 14, 14)  # (time, batch, channel, y, x): convt1 of SGAD's MNIST generator, batch 64
NEURON = LIF(decay=DECAY, gain=GAIN)
GOALS = (("hand-written loop", 8.0), ("SpikingJelly", 4.0))


def plain(current: Tensor) -> Tensor:
    """Return what our scan does where nothing is compiled (a GPU, no compiler)."""
    usable, scan_kernel.usable = scan_kernel.usable, lambda _: False
    try:
        return Membrane(NEURON)(current)
    finally:
        scan_kernel.usable = usable


def candidates() -> dict[str, tuple[Scan, torch.dtype]]:
    """Return every neuron to measure and the type of its currents."""
    ours = Membrane(NEURON)
    found: dict[str, tuple[Scan, torch.dtype]] = {
        "ours": (ours, torch.float32),
        "ours, bfloat16": (ours, torch.bfloat16),
        "ours, leak and threshold learned": (
            Membrane(NEURON, learn_decay=True, learn_threshold=True),
            torch.float32,
        ),
        "ours, plain torch": (plain, torch.float32),
        "hand-written loop": (hand_written, torch.float32),
    }
    if installed("spikingjelly"):
        found["SpikingJelly"] = (spikingjelly_scan(), torch.float32)
    if installed("snntorch"):
        found["snnTorch"] = (snntorch_scan(), torch.float32)
    return found


def forward_backward(scan: Scan, current: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return spikes and the gradient of the current."""
    current.grad = None
    spikes = scan(current)
    spikes.backward(weight)
    assert current.grad is not None
    return spikes.detach(), current.grad


def check(found: dict[str, tuple[Scan, torch.dtype]], current: Tensor, weight: Tensor) -> float:
    """Return the largest difference of a gradient from the loop's; exit if there is too large a one."""
    expected = forward_backward(hand_written, current, weight)
    largest = 0.0
    for name in ("ours", "ours, leak and threshold learned", "ours, plain torch", "SpikingJelly"):
        if name in found:
            spikes, grad = forward_backward(found[name][0], current, weight)
            difference = (grad - expected[1]).abs().max().item()
            if not torch.equal(spikes, expected[0]) or difference > 1e-5:
                sys.exit(
                    f"{name}: spikes or gradients are not the loop's; largest difference {difference:.2g}"
                )
            largest = max(largest, difference)
    return largest


def run(allocator: str, n_rounds: int) -> None:
    """Measure under one allocator and print the times as JSON."""
    if allocator == "kept":
        keep_pages()
    torch.manual_seed(0)
    inputs = {
        dtype: torch.randn(SHAPE).to(dtype).requires_grad_() for dtype in (torch.float32, torch.bfloat16)
    }
    weights = {dtype: torch.randn(SHAPE).to(dtype) for dtype in inputs}
    targets = {dtype: torch.empty(SHAPE, dtype=dtype) for dtype in inputs}
    found = candidates()
    largest = check(found, inputs[torch.float32], weights[torch.float32])
    works: dict[str, Callable[[], object]] = {
        "copy": lambda: targets[torch.float32].copy_(weights[torch.float32]),
        "copy, bfloat16": lambda: targets[torch.bfloat16].copy_(weights[torch.bfloat16]),
    }
    for name, (scan, dtype) in found.items():
        works[name] = lambda scan=scan, dtype=dtype: forward_backward(scan, inputs[dtype], weights[dtype])
    print(json.dumps({"times": measure(works, n_rounds), "difference": largest}))


def report(results: dict[str, dict]) -> None:
    """Print tables and where the goals are."""
    print(f"{machine()}; (time, batch, channel, y, x) = {SHAPE}, forward and backward")
    for allocator, title in ALLOCATORS.items():
        print(f"\n{title}; ratios are medians over rounds")
        print("\n".join(table(results[allocator]["times"], ("ours", "copy"))))
    print(f"\nlargest difference of a gradient from the loop's: {results['kept']['difference']:.1e}")
    kept = results["kept"]["times"]
    for name, goal in GOALS:
        if name in kept:
            print(f"{name} / ours, pages kept: {ratio(kept, name, 'ours'):.1f} (goal: at least {goal:g})")
    print(f"ours / copy, pages kept: {ratio(kept, 'ours', 'copy'):.1f} (goal: at most 6)")


def main() -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--json", metavar="FILE", help="write every time to FILE")
    parser.add_argument(
        "--allocator", choices=ALLOCATORS, help="measure in this process under one allocator only"
    )
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.allocator:
        run(options.allocator, options.rounds)
        return
    arguments = ["--threads", str(options.threads), "--rounds", str(options.rounds)]
    results = in_both_allocators(__file__, arguments)
    report(results)
    if options.json:
        write_json(options.json, {"machine": machine(), **results})


if __name__ == "__main__":
    main()
