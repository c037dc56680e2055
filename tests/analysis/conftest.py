"""Fixtures of the tests of recordings."""

from tests.analysis.allen_server import allen_server  # noqa: F401
