"""Fixtures for all tests: one random generator, a tiny trained run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of the tiny configuration, trained and exported."""
    from trained.configurations import named_config
    from trained.export import export_run
    from trained.runs import run_folder, train

    config = named_config("tiny-patches/sgad")
    run = train(config, 0, run_folder(tmp_path_factory.mktemp("runs"), config, 0))
    export_run(run)
    return run
