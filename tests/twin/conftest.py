"""Which world the scenarios run in: `--world embedded|hollow|real`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from tests.twin.shown import skip_others
from tests.twin.world import World

OpenWorld = Callable[[], AbstractAsyncContextManager[World]]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The embedded world lives in virtual time; what a world cannot show is skipped with the reason."""
    world = config.getoption("--world")
    own = [item for item in items if Path(item.fspath).parent == Path(__file__).parent]
    skip_others(own, world)
    if world == "embedded":
        for item in own:
            item.add_marker(pytest.mark.looptime)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`seeds(n)` runs a scenario with that many seeds, or with as many as --seeds allows."""
    mark = metafunc.definition.get_closest_marker("seeds")
    if mark is not None:
        wanted = metafunc.config.getoption("--seeds") or mark.args[0]
        metafunc.parametrize("seed", range(min(mark.args[0], wanted)))


@pytest.fixture
def open_world(request: pytest.FixtureRequest, tmp_path: Path) -> OpenWorld:
    """Opens a world inside the test: an async context manager."""
    chosen = request.config.getoption("--world")
    if chosen == "embedded":
        from tests.twin.embedded import open_embedded

        return open_embedded
    from tests.twin.real import HollowWorld, RealWorld, open_real

    return lambda: open_real(tmp_path, HollowWorld if chosen == "hollow" else RealWorld)
