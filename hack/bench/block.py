"""The longest time that an input keeps the event loop: of tenants that mean harm, and of ten thousand Pods.

The objects come as pages of a list through the real caches to the real reconciler, whose writes go nowhere. A block is
what one callback costs the loop's thread in CPU time, so that a busy machine does not count. While the loop is blocked
no lease is renewed and no probe is answered: LIMIT_MS is a tenth of what the shortest of these deadlines leaves.
"""

from __future__ import annotations

import asyncio
import random
import time
from asyncio.events import Handle
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, cast

from msgspec import Struct

from hack.bench import hostile
from inplace.cluster.cache import Cache
from inplace.cluster.key import Key
from inplace.cluster.memory import Memory
from inplace.controller.handlers import EventHandlers
from inplace.controller.planning import Planning
from inplace.controller.reconciler import Process, Reconciler
from inplace.controller.tally import Tally
from inplace.core import kinds
from inplace.core.objects.model import Pod
from inplace.core.objects.nodes import Node
from inplace.core.objects.workloads import Pdb, Revision, Workload
from inplace.core.plan.plan import Planner
from inplace.core.plan.result import Plan
from inplace.core.rollout.snapshot import Snapshot
from inplace.kube import pages
from inplace.kube import resource as resources
from inplace.kube.client import PAGE, Client
from inplace.kube.outages import Outages
from inplace.kube.reflector import Reflector
from inplace.kube.resource import Resource
from inplace.runtime.backoff import Backoff
from inplace.runtime.clock import SystemClock
from inplace.runtime.observe import NullObserver
from inplace.runtime.queue import WorkQueue
from inplace.runtime.worker import Worker

LIMIT_MS: Final = 250
#: How long the workers go on planning, in seconds: several plans of each workload.
PLANS_FOR: Final = 3.0

Objects = Mapping[str, Iterable[bytes]]


class Result(Struct, frozen=True):
    """Milliseconds of the loop's thread; the ratio is to what is allowed."""

    ratio: float
    longest_ms: float
    #: The longest that others wait for their turn: the longest plan, wherever it was made.
    turn_ms: float
    all_ms: float
    actions: int
    input: str


def measure(only: str = "", seconds: float = PLANS_FOR) -> list[Result]:
    """Every input whose name contains `only`, the longest block first; each is planned for so many seconds."""
    found = [asyncio.run(one(name, seconds)) for name in hostile.INPUTS if only in name]
    return sorted(found, key=lambda result: -result.ratio)


async def one(name: str, seconds: float) -> Result:
    """One input of `hostile.INPUTS`."""
    objects: Objects = hostile.INPUTS[name]()
    blocks: list[float] = []
    with _timed(blocks):
        actions, turn = await _play({plural: list(items) for plural, items in objects.items()}, seconds)
    longest = 1000 * max(blocks)
    return Result(
        round(longest / LIMIT_MS, 2),
        round(longest, 1),
        round(1000 * turn, 1),
        round(1000 * sum(blocks), 1),
        actions,
        name,
    )


@contextmanager
def _timed(blocks: list[float]) -> Iterator[None]:
    """Note what each callback of the loop costs."""
    plain = Handle._run

    def run(handle: Handle) -> None:
        began = time.thread_time()
        plain(handle)
        blocks.append(time.thread_time() - began)

    Handle._run = run  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        Handle._run = plain  # type: ignore[method-assign]


class _Served:
    """A server that lists what it was given, and has nothing to say after that."""

    def __init__(self, objects: Mapping[str, list[bytes]], clock: SystemClock) -> None:
        self._objects = objects
        self.outages = Outages("bench", NullObserver(), clock)

    async def pages(self, resource: Resource, _namespace: str | None) -> AsyncIterator[pages.Page]:
        """As of the real client: only what it does with the bytes of an answer."""
        items = self._objects.get(resource.plural, [])
        for start in range(0, max(1, len(items)), PAGE):
            head = b'{"kind":"%sList","metadata":{"resourceVersion":"1"}' % resource.kind.encode()
            yield await pages.read(head + b',"items":[%s]}' % b",".join(items[start : start + PAGE]), resource.kind)

    async def open_watch(self, *_: object) -> Any:
        """No event ever comes."""
        await asyncio.Event().wait()


class _Noted(Planning):
    """Notes its longest plan, in seconds of computing: others wait for it, though the loop goes on."""

    longest = 0.0

    async def plan(self, snapshot: Snapshot, now: datetime) -> tuple[Plan, float]:
        made, took = await super().plan(snapshot, now)
        self.longest = max(self.longest, took)
        return made, took


async def _play(objects: Mapping[str, list[bytes]], seconds: float) -> tuple[int, float]:
    """Fill the caches, then plan for a while; how many actions there were, and the seconds of the longest plan."""
    clock, observer, cache = SystemClock(), NullObserver(), Cache()
    memory, queue, planning = Memory(clock, cache), WorkQueue[Key](clock), _Noted(Planner(), clock)
    handlers, client = EventHandlers(cache, memory, queue, planning.forget), cast("Client", _Served(objects, clock))
    served: list[tuple[Resource, Any, Any, Any]] = [
        (resources.PODS, cache.pods, Pod, handlers.pod),
        (resources.NODES, cache.nodes, Node, handlers.node),
        (resources.CONTROLLERREVISIONS, cache.revisions, Revision, handlers.revision),
        (resources.PODDISRUPTIONBUDGETS, cache.budgets, Pdb, handlers.budget),
    ]
    for kind in kinds.ALL:
        resource = resources.find(kind.group, kind.plural)
        served.append((resource, cache.workloads[kind.name], Workload, handlers.workload(kind.name)))
    actions = 0

    def carried_out(*_: object) -> None:
        nonlocal actions
        actions += 1

    reflectors = [
        Reflector(client, resource, store, type_, on_change=changed, clock=clock)
        for resource, store, type_, changed in served
    ]
    process = Process(lambda: None, lambda: "", lambda: None, lambda *_: True, lambda _: None, Tally(clock, observer))
    reconciler = Reconciler(cache, memory, planning, client, observer, carried_out, process)
    worker = Worker(queue, reconciler.reconcile, 10, Backoff[Key](random.Random(1)), clock, observer)
    tasks = [asyncio.ensure_future(reflector.run()) for reflector in reflectors]
    for reflector in reflectors:
        await reflector.wait_synced()
    tasks.append(asyncio.ensure_future(worker.run()))
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return actions, planning.longest
