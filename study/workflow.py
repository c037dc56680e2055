"""`make study`: the Snakefile, run so that a kill at any moment costs only unfinished steps."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

from study.commands import unknown
from study.files import locked
from study.provenance import ROOT

PROFILES = ("tiny", "quick", "full")
SUMMARY_FILE = "summary.txt"
PR_SET_PDEATHSIG = 1  # from linux/prctl.h


def run_study(profile: str, root: Path, cores: int, extra: list[str] | None = None) -> int:
    """Run the whole way for a profile and print its summary.

    Parameters
    ----------
    profile : "tiny", "quick" or "full"
    root : path
        Where `runs/` and `results/` lie.
    cores : int
    extra : list of str, optional
        Further arguments for Snakemake, for example `--executor slurm`.

    Returns
    -------
    int
        Exit status.

    Raises
    ------
    ValueError
        For an unknown profile, no cores, or when Snakemake is not installed.
    """
    if profile not in PROFILES:
        raise unknown("profile", profile, PROFILES)
    if cores < 1:
        raise ValueError(f"cores is {cores}; at least 1 is needed.")
    if importlib.util.find_spec("snakemake") is None:
        raise ValueError(
            "Snakemake is not installed; `make study` installs it, or `pip install -e '.[workflow]'`."
        )
    root.mkdir(parents=True, exist_ok=True)
    # Snakemake's own lock outlives a killed process; this one does not. Jobs that outlive their Snakemake do no harm:
    # training has a lock of its own, everything else is written under a name of its own and renamed.
    with locked(root / ".study.lock"):
        status = _call(_command(profile, root, cores, extra or []))
    summary = root / "results" / profile / SUMMARY_FILE
    if status == 0 and summary.exists():
        print(summary.read_text(encoding="utf-8"), end="")
    return status


def _call(command: list[str]) -> int:
    process = subprocess.Popen(command, cwd=ROOT, env=_environment(), preexec_fn=_die_with_parent)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            # The terminal sends Ctrl-C to Snakemake too; it stops its jobs and cleans up: let it.
            print(
                "interrupted: waiting for running steps to stop; `make study` goes on from here", flush=True
            )


def _die_with_parent() -> None:
    """On Linux, have the system kill this process when its parent dies.

    A Snakemake whose terminal is gone can hang for ever on its own output.
    """
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _command(profile: str, root: Path, cores: int, extra: list[str]) -> list[str]:
    return [
        *(sys.executable, "-m", "snakemake"),
        *("--snakefile", str(ROOT / "Snakefile"), "--directory", str(root.resolve())),
        # Options that take any number of values come before one that takes none: what follows may be targets.
        *("--cores", str(cores), "--config", f"profile={profile}", "--quiet", "rules", "host"),
        *("--nolock", "--rerun-incomplete"),
        *extra,
    ]


def _environment() -> dict[str, str]:
    """Return the jobs' environment: this Python first on the path, unbuffered, progress bars that a log can hold."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**os.environ, "PATH": path, "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT)}
