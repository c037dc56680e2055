"""What tests of this folder may ask for."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pytest

from study import images


@pytest.fixture(scope="module")
def digits_are_read_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(images, "load_digits", functools.cache(images.load_digits))
        yield
