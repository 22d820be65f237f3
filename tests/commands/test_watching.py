"""`status --watch`: one list of each resource, then events, and nothing left open."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from inplace.cluster.key import Key
from inplace.cluster.live import Live
from inplace.kube.errors import Forbidden
from tests.commands.conftest import COMMANDS, NAMESPACE
from tests.commands.test_truth import AT_ONCE, frozen_at_v1

WATCHED = ("statefulsets", "pods", "controllerrevisions", "endpointslices", "poddisruptionbudgets", "nodes")
KEY = Key("StatefulSet", NAMESPACE, "web")


async def test_one_list_of_each_resource_then_events(shop):
    async with shop.controller():
        await shop.create_ready(2, annotations=AT_ONCE)
        await shop.reported("UpToDate")
        await shop.set_image("v2")
        watched = await shop.inplace("status", "sts/web", "--watch", "--timeout", "20s")
    assert watched.code == 0, watched
    assert "ImageChanged" in watched.out
    lines = watched.out.splitlines()
    assert sum(line.startswith("statefulset/web: ") for line in lines) >= 2  # it was told as it went on
    assert lines[-1].startswith(("statefulset/web: UpToDate", "  web-"))
    verbs = Counter((request.verb, request.plural) for request in shop.requests)
    assert verbs == {
        ("get", "statefulsets"): 1,
        **{("list", plural): 1 for plural in WATCHED},
        **{("watch", plural): 1 for plural in WATCHED},
    }


@pytest.mark.parametrize(
    ("change", "phase", "code"),
    [
        pytest.param({"hostname": "x"}, "Refused", 3, id="refused"),
        pytest.param({"containers": [{"name": "app", "image": "shop:v9"}]}, "Degraded", 4, id="failed"),
    ],
)
async def test_exit_codes(shop, change, phase, code):
    async with shop.controller():
        await shop.create_ready(1, annotations={**AT_ONCE, "progress-deadline-seconds": "2"})
        await shop.reported("UpToDate")
        await shop.patch({"spec": {"template": {"spec": change}}})
        watched = await shop.inplace("status", "sts/web", "--watch", "--timeout", "20s")
    assert watched.code == code, watched
    assert phase in watched.out


async def test_a_workload_that_is_deleted_ends_the_watch(shop):
    await frozen_at_v1(shop)
    running = asyncio.create_task(shop.inplace("status", "sts/web", "--watch", "--timeout", "20s"))
    await shop.until(lambda: any(request.verb == "watch" for request in shop.requests), "the watch")
    await shop.delete()
    watched = await running
    assert (watched.code, watched.err) == (1, 'error: statefulsets.apps "web" not found in namespace default\n')


async def test_a_watch_that_breaks_is_named_and_goes_on(shop):
    await frozen_at_v1(shop)
    running = asyncio.create_task(shop.inplace("status", "sts/web", "--watch", "--timeout", "3s"))
    await shop.until(lambda: sum(request.verb == "watch" for request in shop.requests) == len(WATCHED), "the watches")
    shop.broken = lambda request: request.verb == "watch"
    shop.cluster.server.cut_watches()
    watched = await running
    assert watched.code == 124
    assert "note: out of date, retrying: Internal error occurred" in watched.err


async def test_watches_are_closed_when_the_block_ends(shop):
    await shop.create_ready(1, gate=False)
    live, before = Live(shop.cluster.client(COMMANDS + "live"), KEY), asyncio.all_tasks()
    async with live.watching():
        assert live.snapshot().pods[0].name == "web-0"
        await shop.until(lambda: sum(r.verb == "watch" for r in shop.requests) == len(WATCHED), "the watches")
        assert len(open_requests(shop)) == len(WATCHED)
    assert not watches(before)
    await shop.until(lambda: not open_requests(shop), "the connections to be closed")


async def test_an_error_of_the_block_closes_them_as_well(shop):
    await shop.create_ready(1, gate=False)
    live, before = Live(shop.cluster.client(COMMANDS + "live"), KEY), asyncio.all_tasks()
    with pytest.raises(ExceptionGroup) as raised:
        async with live.watching():
            raise ValueError
    assert raised.group_contains(ValueError)
    assert not watches(before)


async def test_what_is_required_and_forbidden_ends_the_block(shop):
    await shop.create_ready(1, gate=False)
    shop.denied = lambda request: request.plural == "pods" and request.verb == "watch"
    live = Live(shop.cluster.client(COMMANDS + "live"), KEY)
    with pytest.raises(ExceptionGroup) as raised:
        async with asyncio.timeout(10), live.watching():
            await asyncio.Event().wait()
    assert raised.group_contains(Forbidden)


def watches(before):
    """The tasks of ours that still watch; the cluster's own are not named so."""
    return [task for task in asyncio.all_tasks() - before if task.get_name() in {f"watch {name}" for name in WATCHED}]


def open_requests(shop):
    return [one for one in shop.cluster.server._open if one.agent.startswith(COMMANDS)]
