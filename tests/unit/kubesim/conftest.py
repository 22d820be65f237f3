"""A running embedded API server and a client of it, in virtual time."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from inplace.kube import resource as resources
from inplace.kube.client import Client
from inplace.kube.connection import plain
from inplace.runtime.clock import LoopClock
from inplace.runtime.observe import NullObserver
from kubesim.api.server import ApiServer

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Served:
    """The server, and a client that it knows as `tester`."""

    server: ApiServer
    client: Client
    clock: LoopClock

    async def config_map(self, name: str, **labels: str) -> Any:
        """Create a ConfigMap in the namespace `test`."""
        return await self.client.create(CONFIGMAPS, "test", {"metadata": {"name": name, "labels": labels}}, type=dict)


CONFIGMAPS = resources.Resource("", "v1", "configmaps", "ConfigMap")
Serve = Callable[..., AbstractAsyncContextManager[Served]]


@pytest.fixture
def serve() -> Serve:
    """Opens a server inside the test, so that its time can be virtual."""

    @asynccontextmanager
    async def opened(**options: Any) -> AsyncIterator[Served]:
        clock = LoopClock(EPOCH)
        async with (
            ApiServer(clock, random.Random(1), **options) as server,
            plain(server.url, user_agent="tester", clock=clock) as connection,
        ):
            client = Client(connection, NullObserver(), clock, timeout=20)
            await client.create(resources.NAMESPACES, None, {"metadata": {"name": "test"}}, type=dict)
            yield Served(server, client, clock)

    return opened
