"""The whole way as one command: refusals, and kills at random moments."""

from __future__ import annotations

import importlib.util
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from analysis.compare import METRICS
from study.workflow import run_study

N_KILLS = 20
LONGEST_WAIT_S = 25.0
TABLES = (
    "rsa.csv",
    "metrics.csv",
    "verify/tiny-patches/sgad/seed-0.txt",
    "verify/tiny-digits/sgad/seed-0.txt",
)


def start(root: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "study", "run", "--profile", "tiny", "--root", str(root), "--cores", "2"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)


def finish(root: Path) -> str:
    process = start(root)
    output = process.communicate(timeout=900)[0].decode()
    assert process.returncode == 0, output[-3000:]
    return output


def tables(root: Path) -> dict[str, bytes]:
    return {name: (root / "results" / "tiny" / name).read_bytes() for name in TABLES}


def test_no_cores_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cores is 0; at least 1 is needed"):
        run_study("tiny", tmp_path, 0)


@pytest.mark.skipif(importlib.util.find_spec("snakemake") is None, reason="needs Snakemake: .[workflow]")
def test_the_optional_targets_and_one_table_for_every_measure(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "study", "run", "--profile", "quick", "--root", str(tmp_path)]
    targets = ["--", "twins", "ladder", "metrics", "--dry-run"]
    done = subprocess.run([*command, *targets], capture_output=True, text=True, check=False)
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", done.stdout + done.stderr, re.M))
    assert done.returncode == 0, done.stderr[-2000:]
    assert {name: int(jobs[name]) for name in ("rsa_metric", "rsa_twins", "draw_ladder")} == {
        "rsa_metric": len(METRICS) - 2,  # two names of one number, and kendall-tau-a takes hours
        "rsa_twins": 1,
        "draw_ladder": 1,
    }
    assert "rsa" not in jobs  # the table of the study itself does not depend on them


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_killed_twenty_times_it_ends_with_the_same_tables(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    finish(whole)
    moments = random.Random(0)
    parts = tmp_path / "parts"
    killed = 0
    for attempt in range(N_KILLS):
        process = start(parts)
        assert process.stdout is not None
        time.sleep(moments.uniform(1, LONGEST_WAIT_S))
        if process.poll() is None:
            killed += 1
            if attempt % 3 == 0:  # only the top: its children live on as orphans
                process.kill()
            else:
                os.killpg(process.pid, signal.SIGKILL if attempt % 3 == 1 else signal.SIGINT)
        process.stdout.close()
        process.wait()
    assert killed >= 5, "too few runs were still going when they were to be killed"
    finish(parts)
    assert tables(parts) == tables(whole)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_run_twice_the_second_does_nothing(tmp_path: Path) -> None:
    finish(tmp_path)
    before = {
        p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file() and ".snakemake" not in p.parts
    }
    assert "Nothing to be done" in finish(tmp_path)
    after = {
        p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file() and ".snakemake" not in p.parts
    }
    before.pop(tmp_path / ".study.lock", None)
    after.pop(tmp_path / ".study.lock", None)
    assert before == after
