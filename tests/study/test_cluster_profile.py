"""The study on a cluster: the profile for SLURM is one that Snakemake understands, and every step asks for what it needs."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from study.provenance import ROOT

PROFILE = ROOT / "profiles" / "slurm"
PLUGIN = "snakemake_executor_plugin_slurm"


def test_the_profile_limits_what_the_snakefile_does_not() -> None:
    profile = yaml.safe_load((PROFILE / "config.yaml").read_text(encoding="utf-8"))
    assert profile["executor"] == "slurm"
    assert set(profile["default-resources"]) == {"mem_mb", "runtime"}


@pytest.mark.skipif(
    importlib.util.find_spec(PLUGIN) is None, reason=f"needs {PLUGIN}: pip install .[cluster]"
)
def test_every_step_becomes_a_job_with_memory_and_time(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "study", "run", "--profile", "full", "--root", str(tmp_path), "--"]
    done = subprocess.run(
        [*command, "--profile", str(PROFILE), "--dry-run", "--quiet", "host"],
        capture_output=True,
        text=True,
        check=False,
    )
    text = done.stdout + done.stderr
    assert done.returncode == 0, text[-2000:]
    jobs = [block for block in text.split("\nrule ")[1:] if not block.startswith("all:")]
    assert len(jobs) > 100
    asked = {job.split(":")[0]: job.split("resources: ")[1].splitlines()[0] for job in jobs}
    assert all("mem_mb=" in line and "runtime=" in line for line in asked.values())
    assert "mem_mb=8000" in asked["train"]
    assert "runtime=2880" in asked["train"]
    assert "mem_mb=2000" in asked["figures"]
