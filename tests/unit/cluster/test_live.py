"""A cache for one workload, read with a user's own rights: what is done without, and what is not."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from inplace.cluster.key import Key
from inplace.cluster.live import Live, NoSuchWorkload
from inplace.cluster.watching import UNSEEN
from inplace.kube import resource as resources
from inplace.kube.client import Client
from inplace.kube.connection import plain
from inplace.kube.errors import Forbidden
from inplace.runtime.clock import LoopClock
from inplace.runtime.observe import NullObserver
from kubesim.api.faults import Answer
from kubesim.api.server import ApiServer

pytestmark = pytest.mark.looptime(noop_cycles=0)
LABELS = {"app": "web"}
CONTAINERS = [{"name": "app", "image": "app:v1"}]
TEMPLATE = {"metadata": {"labels": LABELS}, "spec": {"containers": CONTAINERS}}


@asynccontextmanager
async def reading(*forbidden: str) -> AsyncIterator[Live]:
    """A StatefulSet with one Pod on a node, read by somebody who may not read these."""
    clock = LoopClock(datetime(2026, 1, 1, tzinfo=UTC))
    async with ApiServer(clock, random.Random(1)) as server, plain(server.url, user_agent="user", clock=clock) as link:
        client = Client(link, NullObserver(), clock, timeout=20)
        await client.create(resources.NAMESPACES, None, {"metadata": {"name": "test"}}, type=dict)
        await client.create(resources.NODES, None, {"metadata": {"name": "node"}}, type=dict)
        spec = {"replicas": 1, "serviceName": "web", "selector": {"matchLabels": LABELS}, "template": TEMPLATE}
        body = {"metadata": {"name": "web"}, "spec": spec}
        made = await client.create(resources.find("apps", "statefulsets"), "test", body, type=dict)
        owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": made["metadata"]["uid"]}
        meta = {"name": "web-0", "labels": LABELS, "ownerReferences": [{**owner, "controller": True}]}
        one = {"metadata": meta, "spec": {"containers": CONTAINERS, "nodeName": "node"}}
        await client.create(resources.PODS, "test", one, type=dict)
        server.plan = lambda request: Answer(403) if request.plural in forbidden else None
        yield Live(client, Key("StatefulSet", "test", "web"))


async def test_everything_is_read_by_those_who_may():
    async with reading() as live:
        await live.load()
        found = live.snapshot()
        assert ([pod.name for pod in found.pods], list(found.nodes), live.notes) == (["web-0"], ["node"], [])


@pytest.mark.parametrize("plural", UNSEEN)
async def test_without_rights_there_is_an_answer_and_a_note(plural):
    async with reading(plural) as live:
        await live.load()
        found = live.snapshot()
        assert [pod.name for pod in found.pods] == ["web-0"]
        assert found.unseen == {plural}
        assert live.notes == [f"cannot list {plural}: {UNSEEN[plural]}"]
    async with reading(plural) as live, live.watching():
        assert live.snapshot().unseen == {plural}


@pytest.mark.parametrize("plural", ["pods", "statefulsets"])
async def test_nobody_can_do_without_the_workload_and_its_pods(plural):
    async with reading(plural) as live:
        with pytest.raises(Forbidden):
            await live.load()
    with pytest.raises((Forbidden, ExceptionGroup)) as failure:
        async with reading(plural) as live, live.watching():
            pass
    others = failure.value.split(Forbidden)[1] if isinstance(failure.value, ExceptionGroup) else None
    assert others is None


async def test_a_workload_that_there_is_not():
    async with reading() as live:
        other = Live(live.client, Key("StatefulSet", "test", "other"))
        async with other.watching():
            with pytest.raises(NoSuchWorkload, match='"other" not found'):
                other.snapshot()
