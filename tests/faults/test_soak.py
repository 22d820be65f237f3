"""A month of a cluster in which workloads come and go: in the end as much is remembered as on the first day."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import pytest

from inplace.controller.app import App, Options
from inplace.controller.metrics import TABLE
from inplace.core.rollout.memo import Bounded
from inplace.serve.metrics import Metrics
from tests.scenarios.embedded import AGENT, EmbeddedWorld, open_embedded
from tests.scenarios.kinds import DEPLOYMENT, STATEFULSET, WorkloadKind

HOUR: Final = 3600.0
#: So long every memory lasts at most: that of Events, for their rate.
CALM: Final = 3 * HOUR
#: More of each at the end than at first: of series of metrics some, for their labels are words of closed sets, and rare
#: outcomes (a lost race, say) come late. There are thirty times as many workloads.
MORE: Final = 2
MORE_SERIES: Final = 50
SERIES: Final = "app._observer."
#: It takes 20 minutes of a processor.
MONTH: Final = (pytest.mark.seldom, pytest.mark.timeout(3600))
#: What is bounded by a number, and may fill up to it.
FILLS: Final = (Bounded,)


def sizes(root: object) -> Counter[str]:
    """How much each container holds that is reachable from here, by its path; elements of a container are as one."""
    found, seen = Counter[str](), set[int]()
    waiting = deque([("app", root)])
    while waiting:
        path, one = waiting.popleft()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, dict | list | set | frozenset | tuple | deque | asyncio.Queue):
            size = one.qsize() if isinstance(one, asyncio.Queue) else len(one)
            found[path] += size
        waiting.extend((f"{path}{step}", each) for step, each in _below(one))
    return found


def _below(one: object) -> Iterator[tuple[str, Any]]:
    """What it holds: elements, and attributes of what is ours."""
    if isinstance(one, FILLS):
        return
    if isinstance(one, dict):
        yield from (("[]", each) for each in (*one.keys(), *one.values()))
    elif isinstance(one, list | set | frozenset | tuple | deque):
        yield from (("[]", each) for each in one)
    elif type(one).__module__.startswith("inplace") and not isinstance(one, msgspec.Struct):
        yield from ((f".{name}", each) for name, each in vars(one).items())


async def _come_and_go(world: EmbeddedWorld, name: str, flavour: WorkloadKind) -> None:
    """One workload from its creation to its deletion: upgraded, and then failing."""
    settings = {"progress-deadline-seconds": "60", "pre-pull": "Never"}
    world.flavour = flavour
    await world.create(world.manifest(name, replicas=2, annotations=settings))
    await world.set_image(world.app("v2"), name=name)
    await world.wait_upgraded(name)
    await world.set_image(world.app("missing"), name=name)
    await world.clock.sleep(90)
    await world.client.delete(flavour.resource, name, world.namespace)
    await world.clock.sleep(60)


@pytest.mark.parametrize(("days", "every"), [(0.5, 2), pytest.param(30, 4, marks=MONTH)])
async def test_what_is_remembered_does_not_grow_with_what_has_been(days, every):
    """One workload comes and goes after the other, so many hours apart."""
    async with open_embedded(controller=False) as world:
        metrics = Metrics(TABLE)
        client = world.cluster.client(AGENT, metrics, field_manager=AGENT, clock=world.clock)
        app = App(client, world.clock, metrics, Options(world.namespace, world.namespace), print, world.cluster.rng)
        running = asyncio.create_task(app.run(signals=False))
        at_first = Counter[str]()
        for hour in range(int(24 * days)):
            if hour % every == 0:
                await _come_and_go(world, f"web-{hour}", (STATEFULSET, DEPLOYMENT)[hour // every % 2])
            if hour == 2 * every:
                await world.clock.sleep(CALM)
                at_first = sizes(app)
            await world.clock.sleep(HOUR)
        await world.clock.sleep(CALM)
        at_last = sizes(app)
        running.cancel()
        await asyncio.wait([running])
    more = {path: MORE_SERIES if path.startswith(SERIES) else MORE for path in at_last}
    grown = {path: (at_first[path], size) for path, size in at_last.items() if size > at_first[path] + more[path]}
    assert not grown
    assert sum(at_first.values()) > 100, "and they were looked at"
