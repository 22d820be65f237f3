"""Which world the scenarios run in: `--world embedded|hollow|real`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from tests.scenarios.kinds import WorkloadKind
from tests.scenarios.markers import flavours_of, in_turn, skip_others, stands_for_others
from tests.scenarios.world import World
from tests.virtual_time import VirtualLoop

OpenWorld = Callable[[], AbstractAsyncContextManager[World]]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What a world cannot show is skipped with the reason."""
    own = [item for item in items if Path(item.fspath).parent == Path(__file__).parent]
    skip_others(own, config.getoption("--world"))


def pytest_asyncio_loop_factories(config: pytest.Config) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The embedded world lives in virtual time."""
    return {"loop": VirtualLoop if config.getoption("--world") == "embedded" else asyncio.new_event_loop}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every scenario runs for every kind that can show it."""
    if "open_world" in metafunc.fixturenames:
        marks, world = metafunc.definition.get_closest_marker, metafunc.config.getoption("--world")
        found = flavours_of(marks, world)
        wanted = metafunc.config.getoption("--kinds")
        found = [one for one in found if wanted is None or one.id in wanted.split(",")]
        turn = metafunc.config.getoption("--turn")
        if turn is not None and stands_for_others(marks, world):
            found = in_turn(found, metafunc.function.__name__, turn)
        metafunc.parametrize("flavour", found)


@pytest.fixture
def open_world(request: pytest.FixtureRequest, tmp_path: Path, flavour: WorkloadKind) -> OpenWorld:
    """Opens a world for workloads of a kind inside the test: an async context manager."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[World]:
        async with _opener(request, tmp_path)() as world:
            world.flavour = flavour
            yield world

    return opened


def _opener(request: pytest.FixtureRequest, tmp_path: Path) -> OpenWorld:
    chosen = request.config.getoption("--world")
    if chosen == "embedded":
        from tests.scenarios.embedded import open_embedded

        return open_embedded
    from tests.scenarios.real import HollowWorld, RealWorld, open_real

    if request.config.getoption("--controller") == "in-cluster":
        from tests.scenarios.in_cluster import InClusterWorld

        return lambda: open_real(tmp_path, InClusterWorld)
    return lambda: open_real(tmp_path, HollowWorld if chosen == "hollow" else RealWorld)
