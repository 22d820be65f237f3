"""How many Pods per second, beside the floor, on hollow nodes of a real API server.

Both do fresh Pods of StatefulSets of their own, one after the other and then in the other order, and the ratio is that
of the sums. The controller is the installed program in a process of its own.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from msgspec import Struct

from hack.bench.floor import Floor, Watched
from hack.bench.process import cost
from inplace.core.objects import names
from inplace.core.objects.workloads import Workload, WorkloadStatus
from inplace.kube import resource as resources
from tests.scenarios.manifests import statefulset
from tests.scenarios.real import HollowWorld, RealWorld, open_real

FROZEN = {"type": "RollingUpdate", "rollingUpdate": {"partition": names.FROZEN_PARTITION}}
#: Seconds after which a step is given up.
PATIENCE = 600.0


class Shape(Struct, frozen=True):
    """So many StatefulSets of so many Pods."""

    sets: int
    pods: int

    @property
    def total(self) -> int:
        """All Pods."""
        return self.sets * self.pods

    def __str__(self) -> str:
        return f"{self.sets} x {self.pods} Pods"


class Run(Struct, frozen=True):
    """One upgrade of all Pods: seconds, and what the controller cost in it (none for the floor)."""

    seconds: float
    cpu: float = 0.0
    rss: float = 0.0


class Result(Struct, frozen=True):
    """A shape's figures; the ratio is ours to the floor's, 1 means as fast as it can be."""

    shape: str
    ratio: float
    pods_per_second: float
    floor_pods_per_second: float
    cpu_ms_per_pod: float
    rss_mb: float
    loop_lag_ms: float


async def measure(shape: Shape, rounds: int = 2) -> Result:
    """Alternate between the floor and the controller."""
    ours: list[Run] = []
    floor: list[Run] = []
    lag = 0.0
    for number in range(rounds):
        order = (floor_run, own_run) if number % 2 == 0 else (own_run, floor_run)
        for run in order:
            with tempfile.TemporaryDirectory() as scratch:
                async with open_real(Path(scratch), HollowWorld, controller=False, recorded=False) as world:
                    found = await run(world, shape)
                    (floor if run is floor_run else ours).append(found)
                    lag = max(lag, await world.loop_lag()) if run is own_run else lag
    spent, least = sum(run.seconds for run in ours), sum(run.seconds for run in floor)
    return Result(
        shape=str(shape),
        ratio=round(least / spent, 3),
        pods_per_second=round(rounds * shape.total / spent, 1),
        floor_pods_per_second=round(rounds * shape.total / least, 1),
        cpu_ms_per_pod=round(1000 * sum(run.cpu for run in ours) / (rounds * shape.total), 2),
        rss_mb=round(max(run.rss for run in ours), 1),
        loop_lag_ms=round(1000 * lag, 1),
    )


async def floor_run(world: RealWorld, shape: Shape) -> Run:
    """The bare client."""
    watched = Watched(world.client, world.namespace)
    floor = Floor(world.client, watched, world.namespace)
    task = asyncio.create_task(watched.reflector.run())
    try:
        async with asyncio.timeout(PATIENCE):
            for name in _names(shape):
                await _create(world, name, shape, mode=None)
            await asyncio.gather(*(floor.serve(pod) for pod in _pods(shape)))
            began = time.monotonic()
            async with asyncio.TaskGroup() as group:
                for name in _names(shape):
                    group.create_task(_upgrade_by_rote(world, floor, name))
                group.create_task(_settled(world, shape))
            return Run(time.monotonic() - began)
    finally:
        task.cancel()


async def _upgrade_by_rote(world: RealWorld, floor: Floor, name: str) -> None:
    before = (await world.workload(name)).status.update_revision
    await world.set_image(world.app("v2"), name=name)
    while (workload := await world.workload(name)).status.update_revision == before:  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    await floor.upgrade(workload, world.app("v2"))


async def own_run(world: RealWorld, shape: Shape) -> Run:
    """The controller."""
    watched = Watched(world.client, world.namespace)
    task = asyncio.create_task(watched.reflector.run())
    try:
        async with asyncio.timeout(PATIENCE):
            await world.start_controller()
            for name in _names(shape):
                await _create(world, name, shape, mode="InPlaceOnly")
            await asyncio.gather(*(watched.until(pod, lambda one: one.ready) for pod in _pods(shape)))
            await asyncio.sleep(3)
            pid = world.pids()[0]
            image, began, before = world.app("v2"), time.monotonic(), cost(pid)
            task.cancel()  # nobody watches but the controller
            await asyncio.gather(*(world.set_image(image, name=name) for name in _names(shape)))
            await _settled(world, shape)
            seconds, after = time.monotonic() - began, cost(pid)
            return Run(seconds, after.cpu - before.cpu, after.rss)
    finally:
        task.cancel()


async def _create(world: RealWorld, name: str, shape: Shape, mode: str | None) -> None:
    settings = {"max-unavailable": "100%", "pre-pull": "Never"} if mode else {}  # the native one pulls nothing ahead
    strategy = None if mode else FROZEN
    body = statefulset(name, world.app("v1"), replicas=shape.pods, annotations=settings, mode=mode, strategy=strategy)
    body["metadata"]["namespace"] = world.namespace
    await world.client.create(resources.STATEFULSETS, world.namespace, body, type=dict)


def _names(shape: Shape) -> list[str]:
    return [f"set-{number}" for number in range(shape.sets)]


def _pods(shape: Shape) -> list[str]:
    return [f"{name}-{ordinal}" for name in _names(shape) for ordinal in range(shape.pods)]


async def _settled(world: RealWorld, shape: Shape) -> None:
    """Until the StatefulSet controller counts every Pod as updated and ready: the same end for both."""
    while True:
        await asyncio.sleep(0.2)
        found = await world.client.list(resources.STATEFULSETS, world.namespace, type=Workload)
        states = [(item.status.observed_generation >= item.metadata.generation, item.status) for item in found.items]
        if all(seen and _counts(status) == (shape.pods, shape.pods) for seen, status in states):
            return


def _counts(status: WorkloadStatus) -> tuple[int, int]:
    return status.updated_replicas, status.ready_replicas
