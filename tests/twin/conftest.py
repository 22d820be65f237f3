"""Which world the scenarios run in: `--world real`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from tests.twin.world import World

OpenWorld = Callable[[], AbstractAsyncContextManager[World]]


@pytest.fixture
def open_world(tmp_path: Path) -> OpenWorld:
    """Opens a world inside the test: an async context manager."""
    from tests.twin.real import open_real

    return lambda: open_real(tmp_path)
