"""The dry runs that find out whether policies freeze: how many there are, and that one does not hold up the others."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import cast

import pytest

from inplace.cluster.cache import Cache
from inplace.cluster.key import Key
from inplace.controller.freeze_probe import PER_SECOND, PERIOD, FreezeProbe
from inplace.core.objects import names
from inplace.core.objects.workloads import Workload
from inplace.kube.client import Client
from inplace.kube.errors import Unreachable
from inplace.kube.outages import Outages
from inplace.runtime.clock import LoopClock
from inplace.runtime.observe import NullObserver
from tests.factories import decode

CLOCK = LoopClock(datetime(2026, 1, 1, tzinfo=UTC))


class _Server:
    """Answers dry runs at once, or never; notes when each was asked for."""

    def __init__(self):
        self.outages = Outages("server", NullObserver(), CLOCK)
        self.hangs = False
        self.asked: list[tuple[float, str]] = []

    async def patch(self, where, name, namespace, body, *, timeout, **_):
        self.asked.append((CLOCK.monotonic(), namespace))
        if self.hangs:
            await asyncio.sleep(timeout)
            raise Unreachable("no answer", outcome_unknown=True)
        return decode({"metadata": {"name": name}, "spec": {"paused": True}}, Workload)


@asynccontextmanager
async def probing(namespaces):
    server, cache, found = _Server(), Cache(), []
    for number in range(namespaces):
        meta = {"name": "web", "namespace": f"n{number}", "uid": f"u{number}", "labels": {names.MODE: "InPlaceOnly"}}
        spec = {"template": {"metadata": {}, "spec": {}}, "paused": False}
        cache.workloads["Deployment"].put(decode({"metadata": meta, "spec": spec}, Workload))
    probe = FreezeProbe(cast("Client", server), cache, CLOCK, NullObserver(), found.append)
    task = asyncio.create_task(probe.run())
    for number in range(namespaces):
        probe.add(Key("Deployment", f"n{number}", "web"))
    yield probe, server, cache
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.looptime
@pytest.mark.parametrize("namespaces", [3, 500])
async def test_the_dry_runs_of_all_namespaces_stay_below_a_rate(namespaces):
    async with probing(namespaces) as (probe, server, _):
        await asyncio.sleep(1)
        assert all(probe.is_active("Deployment", f"n{number}") is not None for number in range(namespaces)), (
            "the first at once"
        )
        first = len(server.asked)
        await asyncio.sleep(1000)
        rate = (len(server.asked) - first) / 1000
        assert rate <= PER_SECOND * 1.1
        assert rate >= min(namespaces / PERIOD, PER_SECOND) * 0.9, "and each is probed all the same"


@pytest.mark.looptime
async def test_those_that_are_not_answered_hold_up_few_others():
    async with probing(40) as (_, server, _):
        server.hangs = True
        await asyncio.sleep(29)
        assert len({namespace for _, namespace in server.asked}) == 40


@pytest.mark.looptime
async def test_a_namespace_without_workloads_is_forgotten():
    async with probing(3) as (probe, server, cache):
        await asyncio.sleep(1)
        for number in range(3):
            cache.workloads["Deployment"].remove((f"n{number}", "web"))
        await asyncio.sleep(2 * PERIOD)
        assert not probe.found()
        before = len(server.asked)
        await asyncio.sleep(100)
        assert len(server.asked) == before
