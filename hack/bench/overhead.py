"""Our own overhead per upgraded Pod, on the real cluster.

    overhead = duration of the first PATCH
             + (Ready=False received -> image PATCH answered, less the grace period)
             + (evidence received -> gate True PATCH answered)

The controller runs in this process, so that its own events can be read; everything else is as in `make e2e`.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from collections import defaultdict
from pathlib import Path

from msgspec import Struct

from inplace.controller.app import App, Options
from inplace.kube.client import Client
from inplace.kube.connection import connect
from inplace.runtime.clock import SystemClock
from inplace.runtime.observe import NullObserver
from tests.scenarios.real import RealWorld, open_real

REPLICAS = 10
UPGRADES = ("v2", "v3", "v1")
STEPS = {"pod.drained": "drain", "pod.patched": "patch", "pod.completed": "complete"}


#: Without pre-pull: what is measured is our part of a Pod's upgrade, not a registry.
SETTINGS = {"max-unavailable": "3", "grace-period-seconds": "1", "pre-pull": "Never"}


class Recorder(NullObserver):
    """Keeps the overhead of each write, by Pod and attempt."""

    def __init__(self) -> None:
        self.steps: dict[str, list[float]] = defaultdict(list)
        self.pods: dict[str, list[float]] = defaultdict(list)

    def event(self, name: str, /, **fields: object) -> None:
        """Collect what the writers say."""
        overhead = fields.get("overhead_seconds")
        if name in STEPS and isinstance(overhead, float):
            self.steps[STEPS[name]].append(overhead)
            self.pods[str(fields["pod"])].append(overhead)

    def per_pod(self) -> list[float]:
        """The sum of the three writes of each upgrade of each Pod."""
        return [sum(found[i : i + 3]) for found in self.pods.values() for i in range(0, len(found) - 2, 3)]


async def measure(world: RealWorld) -> Recorder:
    """Upgrade a StatefulSet a few times with the controller in this process."""
    recorder, clock = Recorder(), SystemClock()
    connection = await connect(kubeconfig=str(world.credentials), user_agent="inplace/bench", clock=clock)
    async with connection, asyncio.TaskGroup() as group:
        options = Options(watch_namespace=world.namespace, leader_elect=False)
        app = App(Client(connection, recorder, clock), clock, recorder, options, print)
        running = group.create_task(app.run())
        await world.create_web(replicas=REPLICAS, annotations=SETTINGS)
        for tag in UPGRADES:
            await world.set_image(world.app(tag))
            await world.wait_upgraded(seconds=300)
        running.cancel()
    return recorder


class Row(Struct, frozen=True):
    """One kind of write, or all of a Pod; milliseconds."""

    write: str
    p50_ms: float
    p95_ms: float
    count: int


def report(recorder: Recorder) -> list[Row]:
    """p50 and p95."""
    rows = {"per Pod": recorder.per_pod(), **recorder.steps}
    return [
        Row(
            name,
            round(1000 * statistics.median(found), 1),
            round(1000 * statistics.quantiles(found, n=20)[18], 1),
            len(found),
        )
        for name, found in rows.items()
    ]


async def measure_all() -> list[Row]:
    """Measure in a namespace of the running real cluster."""
    with tempfile.TemporaryDirectory() as scratch:
        async with open_real(Path(scratch), controller=False) as world:
            return report(await measure(world))
