"""A namespace that does not exist is said, by whoever may find out."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from inplace.controller.watched_namespace import PERIOD, WatchedNamespace
from inplace.kube import resource as resources
from inplace.kube.client import Client
from inplace.kube.connection import plain
from inplace.runtime.clock import LoopClock
from inplace.runtime.observe import NullObserver
from kubesim.api.faults import Answer, Request
from kubesim.api.server import ApiServer
from tests.unit.kube.server import Recorder

pytestmark = pytest.mark.looptime(noop_cycles=0)


@asynccontextmanager
async def looking(
    *, exists: bool, denied: Callable[[Request], bool] = lambda _: False, reads_only: bool = False
) -> AsyncIterator[tuple[Client, Recorder, list[str]]]:
    """A server, with the namespace or without, that denies some requests; what is said, and which are asked."""
    clock, said, asked = LoopClock(datetime(2026, 1, 1, tzinfo=UTC)), Recorder(), list[str]()
    async with ApiServer(clock, random.Random(1)) as server, plain(server.url, user_agent="x", clock=clock) as link:
        client = Client(link, NullObserver(), clock)
        if exists:
            await client.create(resources.NAMESPACES, None, {"metadata": {"name": "shop"}}, type=dict)

        def plan(request: Request) -> Answer | None:
            asked.append(f"{request.verb} {request.plural}")
            return Answer(403) if denied(request) else None

        server.plan = plan
        task = asyncio.create_task(WatchedNamespace(client, said, "shop", reads_only=reads_only).run())
        await asyncio.sleep(3 * PERIOD)
        server.plan = lambda _: None
        yield client, said, asked
        task.cancel()
        await asyncio.wait([task])


async def test_one_that_exists_is_looked_at_once_and_nothing_is_written():
    async with looking(exists=True) as (client, said, asked):
        assert asked == ["create events"]
        assert not (await client.list(resources.EVENTS, "shop", type=dict)).items, "a dry run"
        assert said.events == []


async def test_one_that_is_missing_is_said_once_and_once_when_it_is_there():
    async with looking(exists=False) as (client, said, _):
        assert [name for name, _ in said.events] == ["namespace.missing"]
        assert (said.events[0][1]["level"], said.events[0][1]["name"]) == ("error", "shop")
        await client.create(resources.NAMESPACES, None, {"metadata": {"name": "shop"}}, type=dict)
        await asyncio.sleep(2 * PERIOD)
        assert [name for name, _ in said.events] == ["namespace.missing", "namespace.found"]


async def test_who_may_only_read_reads():
    async with looking(exists=False, reads_only=True) as (_, said, asked):
        assert set(asked) == {"get namespaces"}
        assert [name for name, _ in said.events] == ["namespace.missing"]
    async with looking(exists=False, denied=lambda request: request.plural == "events") as (_, said, asked):
        assert set(asked) == {"create events", "get namespaces"}
        assert [name for name, _ in said.events] == ["namespace.missing"]


async def test_who_may_do_neither_claims_nothing():
    async with looking(exists=False, denied=lambda _: True) as (_, said, _asked):
        assert said.events == []
