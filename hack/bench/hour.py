"""Whether the controller's memory grows with time: an hour of upgrades, workloads that come and go among them.

The controller is the installed program in a process of its own, on hollow nodes of a real API server, in real time.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from itertools import cycle
from pathlib import Path

from msgspec import Struct

from hack.bench.process import cost
from inplace.kube import resource as resources
from tests.scenarios.manifests import statefulset
from tests.scenarios.real import HollowWorld, RealWorld, open_real

MINUTE = 60.0
#: StatefulSets that are upgraded in each round, and the Pods of each; one more comes with each round, and one goes.
SETS, PODS = 10, 10
#: Seconds from the beginning of one round to that of the next, at least, and after which a round is given up.
ROUND, PATIENCE = 20.0, 300.0


class Result(Struct, frozen=True):
    """Resident memory in MB after so many minutes and upgraded Pods; the ratio is to the first row's."""

    minutes: int
    upgraded_pods: int
    rss_mb: float
    ratio: float


async def measure(minutes: int = 60, rows: int = 6) -> list[Result]:
    """One row after the first sixth, when everything has been done many times over, and one after each other."""
    with tempfile.TemporaryDirectory() as scratch:
        async with open_real(Path(scratch), HollowWorld, controller=False, recorded=False) as world:
            await world.start_controller()
            for number in range(SETS):
                await _create(world, f"set-{number}")
            return await _upgrade_on_and_on(world, minutes, rows)


async def _upgrade_on_and_on(world: RealWorld, minutes: int, rows: int) -> list[Result]:
    pid, began, found, upgraded = world.pids()[0], time.monotonic(), list[Result](), 0
    for number, tag in enumerate(cycle(("v2", "v1"))):
        next_round = asyncio.create_task(asyncio.sleep(ROUND))
        async with asyncio.timeout(PATIENCE):
            await _create(world, f"passing-{number}")
            await asyncio.gather(*(world.set_image(world.app(tag), name=f"set-{one}") for one in range(SETS)))
            await asyncio.gather(*(_upgraded(world, f"set-{one}") for one in range(SETS)))
        upgraded += SETS * PODS
        if number:
            await world.client.delete(resources.STATEFULSETS, f"passing-{number - 1}", world.namespace)
        await next_round
        passed = time.monotonic() - began
        if passed >= (len(found) + 1) * minutes * MINUTE / rows:
            rss = cost(pid).rss_now
            first = found[0].rss_mb if found else rss
            found.append(Result(round(passed / MINUTE), upgraded, round(rss, 1), round(rss / first, 3)))
        if len(found) == rows:
            return found
    raise AssertionError("a cycle has no end")


async def _create(world: RealWorld, name: str) -> None:
    settings = {"max-unavailable": "50%", "pre-pull": "Never"}
    body = statefulset(name, world.app("v1"), replicas=PODS, annotations=settings, mode="InPlaceOnly")
    body["metadata"]["namespace"] = world.namespace
    await world.client.create(resources.STATEFULSETS, world.namespace, body, type=dict)


async def _upgraded(world: RealWorld, name: str) -> None:
    """Until the StatefulSet controller counts every Pod as updated and ready."""
    while True:
        await asyncio.sleep(0.5)
        one = await world.workload(name)
        seen = one.status.observed_generation >= one.metadata.generation
        if seen and (one.status.updated_replicas, one.status.ready_replicas) == (PODS, PODS):
            return
