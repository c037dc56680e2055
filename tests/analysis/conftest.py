"""Fixtures of the tests of recordings."""

from __future__ import annotations

import numpy as np
import pytest

from tests.analysis.allen_server import allen_server  # noqa: F401
from tests.analysis.allensdk_answers import EXPECTED


@pytest.fixture(scope="session")
def expected() -> dict[str, np.ndarray]:
    """What allensdk returned for the made-up sessions."""
    with np.load(EXPECTED) as file:
        return {name: file[name] for name in file.files}
