"""Which world the scenarios run in: `--world embedded|hollow|real`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from tests.twin.world import World

OpenWorld = Callable[[], AbstractAsyncContextManager[World]]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The embedded world lives in virtual time."""
    if config.getoption("--world") != "embedded":
        return
    for item in items:
        if Path(item.fspath).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.looptime)


@pytest.fixture
def open_world(request: pytest.FixtureRequest, tmp_path: Path) -> OpenWorld:
    """Opens a world inside the test: an async context manager."""
    chosen = request.config.getoption("--world")
    if chosen == "embedded":
        from tests.twin.embedded import open_embedded

        return open_embedded
    from tests.twin.real import HollowWorld, RealWorld, open_real

    return lambda: open_real(tmp_path, HollowWorld if chosen == "hollow" else RealWorld)
