"""A world of the real cluster for each test."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from tests.scenarios.real import RealWorld, open_real


@pytest.fixture
def open_world(tmp_path: Path) -> Callable[..., AbstractAsyncContextManager[RealWorld]]:
    """Opens a real world inside the test; takes `controller=False`."""
    return functools.partial(open_real, tmp_path)
