"""Watches of the embedded server: what is sent, through which selectors, and how a watch ends."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing

import pytest

from inplace.kube.client import PatchType
from inplace.kube.errors import Expired
from inplace.kube.watch import Bookmark, Changed, Deleted, watch
from inplace.runtime.observe import NullObserver
from tests.unit.kubesim.conftest import CONFIGMAPS

pytestmark = pytest.mark.looptime


async def lines(served, query):
    """The raw events of a watch as they come."""
    response = await served.client.open_watch(CONFIGMAPS, "test", query)
    async with response:
        async for line in response.content:
            yield json.loads(line)


async def take(source, count):
    found = []
    async with aclosing(source), asyncio.timeout(30):
        async for one in source:
            found.append(one)
            if len(found) == count:
                break
    return found


def named(events):
    return [(one["type"], one["object"]["metadata"].get("name")) for one in events]


async def test_from_nothing_it_begins_with_what_is_there(serve):
    async with serve() as served:
        await served.config_map("a")
        assert named(await take(lines(served, {}), 1)) == [("ADDED", "a")]


async def test_from_a_version_it_sends_what_came_after(serve):
    async with serve() as served:
        first = await served.config_map("a")
        await served.config_map("b")
        await served.client.delete(CONFIGMAPS, "a", "test")
        query = {"resourceVersion": first["metadata"]["resourceVersion"]}
        assert named(await take(lines(served, query), 2)) == [("ADDED", "b"), ("DELETED", "a")]


async def test_through_a_selector_objects_come_and_go(serve):
    async with serve() as served:
        start = await served.config_map("a", tier="old")
        source = lines(served, {"resourceVersion": start["metadata"]["resourceVersion"], "labelSelector": "tier=new"})
        for value in ("new", "old"):
            body = {"metadata": {"labels": {"tier": value}}}
            await served.client.patch(CONFIGMAPS, "a", "test", body, patch_type=PatchType.MERGE, type=dict)
        assert named(await take(source, 2)) == [("ADDED", "a"), ("DELETED", "a")]


async def test_initial_events_end_with_a_marked_bookmark(serve):
    async with serve() as served:
        await served.config_map("a")
        query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}
        added, mark = await take(lines(served, query), 2)
        assert (added["type"], mark["type"]) == ("ADDED", "BOOKMARK")
        assert mark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


async def test_our_client_gets_bookmarks_and_a_clean_end(serve):
    async with serve() as served:
        made = await served.config_map("a")
        version = made["metadata"]["resourceVersion"]
        seen = NullObserver()
        found = [
            event
            async for event in watch(
                served.client, CONFIGMAPS, "test", type=dict, resource_version=version, seconds=130, observer=seen
            )
        ]
        assert [type(one) for one in found] == [Bookmark, Bookmark]
        assert served.clock.monotonic() >= 130


async def test_a_version_that_is_forgotten_is_410(serve):
    async with serve() as served:
        made = await served.config_map("a")
        await served.config_map("b")
        served.server.forget_history()
        version = made["metadata"]["resourceVersion"]
        events = watch(
            served.client, CONFIGMAPS, "test", type=dict, resource_version=version, seconds=10, observer=NullObserver()
        )
        with pytest.raises(Expired):
            await anext(events)


async def test_history_is_bounded(serve):
    async with serve(history=3) as served:
        first = await served.config_map("a")
        for name in "bcde":
            await served.config_map(name)
        (error,) = await take(lines(served, {"resourceVersion": first["metadata"]["resourceVersion"]}), 1)
        assert (error["type"], error["object"]["code"]) == ("ERROR", 410)


async def test_a_cut_watch_ends_and_can_be_opened_again(serve):
    async with serve() as served:
        made = await served.config_map("a")
        version = made["metadata"]["resourceVersion"]

        async def follow():
            options = {"type": dict, "resource_version": version, "seconds": 100, "observer": NullObserver()}
            return [one async for one in watch(served.client, CONFIGMAPS, "test", **options)]

        task = asyncio.create_task(follow())
        await served.clock.sleep(1)
        served.server.cut_watches()
        assert await task == []
        await served.config_map("b")
        await served.client.delete(CONFIGMAPS, "b", "test")
        task = asyncio.create_task(follow())
        await served.clock.sleep(1)
        served.server.cut_watches()
        assert [type(one) for one in await task] == [Changed, Deleted]
