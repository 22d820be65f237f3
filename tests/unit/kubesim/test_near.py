"""Clients in the same loop: as on a socket, whatever is cut, closed or large; and nothing is ever under way."""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from inplace.kube import resource as resources
from inplace.kube.client import Client
from inplace.kube.connection import plain
from inplace.kube.errors import Unreachable
from inplace.kube.watch import Changed, watch
from inplace.runtime.clock import LoopClock
from inplace.runtime.observe import NullObserver
from kubesim.api.faults import Cut, Delay
from kubesim.api.near import near
from kubesim.api.server import ApiServer
from tests.unit.kubesim.conftest import CONFIGMAPS

pytestmark = pytest.mark.looptime(noop_cycles=0)
CLOCK = LoopClock(datetime(2026, 1, 1, tzinfo=UTC))


@asynccontextmanager
async def served():
    async with ApiServer(CLOCK, random.Random(1)) as server:
        connection = near(plain(server.url, user_agent="tester", clock=CLOCK), server.answer, CLOCK)
        client = Client(connection, NullObserver(), CLOCK, timeout=20)
        await client.create(resources.NAMESPACES, None, {"metadata": {"name": "test"}}, type=dict)
        yield server, client


def create(client, name, text=""):
    return client.create(CONFIGMAPS, "test", {"metadata": {"name": name}, "data": {"text": text}}, type=dict)


async def present(client):
    return [one["metadata"]["name"] for one in (await client.list(CONFIGMAPS, "test", type=dict)).items]


def watched(client, seconds=60):
    options = {"type": dict, "resource_version": "1", "seconds": seconds, "observer": NullObserver()}
    return watch(client, CONFIGMAPS, "test", **options)


@pytest.mark.parametrize(("cut", "there"), [(Cut.BEFORE, []), (Cut.AFTER, ["a"])])
async def test_a_cut_write_has_an_unknown_outcome(cut, there):
    async with served() as (server, client):
        server.plan = lambda request: cut if request.verb == "create" else None
        with pytest.raises(Unreachable) as caught:
            await create(client, "a")
        assert caught.value.outcome_unknown
        assert await present(client) == there


async def test_bodies_larger_than_any_buffer_arrive_whole():
    async with served() as (_, client):
        text = "x" * 2**19
        assert (await create(client, "a", text))["data"]["text"] == text
        events = watched(client)
        event = await anext(events)
        await events.aclose()
        assert isinstance(event, Changed)
        assert event.object["data"]["text"] == text


async def test_calls_and_watches_take_no_time():
    async with served() as (_, client):
        began = CLOCK.monotonic()
        await create(client, "a")
        events = watched(client)
        assert (await anext(events)).object["metadata"]["name"] == "a"
        news = asyncio.create_task(anext(events))
        await create(client, "b")
        assert (await news).object["metadata"]["name"] == "b"
        assert CLOCK.monotonic() == began
        await events.aclose()


async def test_a_watch_ends_in_its_own_time_and_breaks_off_with_a_silenced_client():
    async with served() as (server, client):
        began = CLOCK.monotonic()
        assert [event async for event in watched(client, seconds=5)] == []
        assert CLOCK.monotonic() - began == pytest.approx(5)
        events = watched(client)
        waiting = asyncio.create_task(anext(events))
        await asyncio.sleep(1)
        server.silence("tester")
        with pytest.raises(Unreachable):
            await waiting
        with pytest.raises(Unreachable):
            await present(client)


async def test_who_is_dropped_and_told_to_stop_stops():
    async with served() as (server, client):
        server.plan = lambda _: Delay(30)
        asking = asyncio.create_task(present(client))
        await asyncio.sleep(1)
        server.silence("tester")
        asking.cancel()
        await asyncio.wait([asking], timeout=60)
        assert asking.cancelled()
