"""Learned networks as Brian2 equations: transplant, simulation and verification.

For Brian2 users: `bio.load_spec(path)` reads a network that `python -m trained export` wrote and
`bio.build_network(spec, stimuli, level=...)` makes Brian2 objects of it that can be edited and run like any others;
`examples/edit_a_network.py` does so. `bio.simulate.simulate` runs a network and returns its spike counts.
"""

from __future__ import annotations

import importlib
from typing import Any

# Imported when first used: Brian2 takes seconds to load.
_PUBLIC = {"build_network": "bio.network", "load_spec": "bio.exported"}
__all__ = ["build_network", "load_spec"]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'bio' has no attribute {name!r}; it gives {', '.join(__all__)}.")
    return getattr(importlib.import_module(_PUBLIC[name]), name)
