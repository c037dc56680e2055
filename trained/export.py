"""Export: the networks of a run as files that `bio` simulates."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch

from study.files import sha256
from study.network import save_network
from study.provenance import provenance
from trained.checkpoint import MODEL_FILE
from trained.runs import load_model


def export_run(run: str | Path) -> list[Path]:
    """Write <role>.safetensors beside a run's checkpoint for each of its networks.

    Returns
    -------
    list of Path

    Raises
    ------
    FileNotFoundError, ValueError
        If the run has no whole checkpoint or cannot be written.
    """
    run = Path(run)
    model = load_model(run, torch.float64)
    facts = provenance(
        dataclasses.asdict(model.config),
        model_sha256=sha256(run / MODEL_FILE),
        name=model.config.name,
        seed=model.seed,
    )
    paths = []
    for role in model.roles:
        paths.append(run / f"{role}.safetensors")
        save_network(model.export(role, facts), paths[-1])
    return paths
