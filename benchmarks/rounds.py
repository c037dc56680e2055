"""Interleaved timing: every candidate once per round, so that what disturbs the machine disturbs all alike."""

from __future__ import annotations

import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

Times = dict[str, list[float]]
ALLOCATORS = {"installed": "allocator as installed", "kept": "pages kept (trained.process.keep_pages)"}


def measure(works: Mapping[str, Callable[[], object]], n_rounds: int) -> Times:
    """Return the milliseconds of every candidate in every round, after one round to warm up."""
    times: Times = {name: [] for name in works}
    for round_number in tqdm(range(n_rounds + 1), desc="rounds"):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            if round_number:
                times[name].append(1000 * (time.perf_counter() - start))
    return times


def table(times: Times, against: Sequence[str]) -> list[str]:
    """Return a line per candidate: median, range, and the median over rounds of its ratio to those in `against`."""
    width = max(map(len, times))
    lines = []
    for name, values in times.items():
        ratios = "".join(
            f"  {ratio(times, name, other):7.2f} x {other}" for other in against if other in times
        )
        spread = f"{min(values):.1f} to {max(values):.1f}"
        lines.append(
            f"{name:{width}}  {statistics.median(values):8.1f} ms ({spread}, n = {len(values)}){ratios}"
        )
    return lines


def ratio(times: Times, name: str, other: str) -> float:
    """Return the median over rounds of time `name` / time `other` in the same round."""
    return statistics.median(a / b for a, b in zip(times[name], times[other], strict=True))


def in_both_allocators(script: str, arguments: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Run `script` once per allocator, in processes of their own (what glibc is told cannot be taken back); return what they print last."""
    results = {}
    for allocator in ALLOCATORS:
        command = [sys.executable, script, "--allocator", allocator, *arguments]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            sys.exit(done.returncode)
        results[allocator] = json.loads(done.stdout.splitlines()[-1])
    return results


def machine() -> str:
    """Return the processor, torch's version and the number of threads."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.split(":")[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line
        ]
        model = f"{len(names)} x {names[0]}" if names else model
    amx = "AMX" if torch.cpu._is_amx_tile_supported() else "no AMX"
    return f"{model} ({amx}), {torch.get_num_threads()} threads, torch {torch.__version__}"


def write_json(path: str, results: Mapping[str, Any]) -> None:
    """Write all times to `path`."""
    Path(path).write_text(json.dumps(results, indent=1) + "\n")
