"""What a picture of the live view costs of CPU, with 1,000 Pods on 24 rows and on 200: LIMIT_MS is what it may."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from msgspec import Struct
from rich.console import Console

from hack.bench import hostile
from inplace.cli.render.screen import Screen
from inplace.cluster.cache import Cache
from inplace.cluster.gather import gather
from inplace.cluster.key import Key
from inplace.core.objects.model import Node, Pod
from inplace.core.objects.workloads import Revision, Workload
from inplace.core.plan.plan import Planner
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.views import workload as view
from inplace.runtime.clock import SystemClock

LIMIT_MS: Final = 20
PODS: Final = 1000
TIMES: Final = 50
KEY: Final = Key("StatefulSet", hostile.NAMESPACE, "web")


class Result(Struct, frozen=True):
    """Milliseconds of CPU for one picture: drawing it, and before that the decision of which it is a picture."""

    ratio: float
    draw_ms: float
    decide_ms: float
    size: str


def measure() -> list[Result]:
    """At the size of a common terminal, and of a large one."""
    clock = SystemClock()
    now, cache, planner = clock.now(), _filled(), Planner()
    decided = iter(range(TIMES + 1))

    def decide() -> view.WorkloadView:
        snapshot, at = gather(cache, None, KEY, now), now + timedelta(seconds=next(decided))
        assert isinstance(snapshot, Snapshot)
        return view.build(snapshot, planner.plan(snapshot, at))

    seen = decide()  # the first one is not remembered anything of
    assert len(seen.pods) == PODS
    decide_ms = _cpu_ms(decide)
    return [_drawn(seen, now, width, height, decide_ms) for width, height in ((80, 24), (200, 200))]


def _drawn(seen: view.WorkloadView, now: datetime, width: int, height: int, decide_ms: float) -> Result:
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, highlight=False)
    with Screen(lambda: now, console) as screen:
        draw_ms = _cpu_ms(lambda: screen.draw(seen.status, seen))
    return Result(round(draw_ms / LIMIT_MS, 2), round(draw_ms, 1), round(decide_ms, 1), f"{width}x{height}")


def _cpu_ms(work: Callable[[], object]) -> float:
    began = time.process_time()
    for _ in range(TIMES):
        work()
    return 1000 * (time.process_time() - began) / TIMES


def _filled() -> Cache:
    """The Pods of an upgrade that has just begun."""
    cache, template = Cache(), hostile.PLAIN
    stores: dict[str, tuple[Any, type[Any]]] = {
        "statefulsets": (cache.workloads["StatefulSet"], Workload),
        "controllerrevisions": (cache.revisions, Revision),
        "pods": (cache.pods, Pod),
        "nodes": (cache.nodes, Node),
    }
    for plural, items in hostile.upgrade(*template, PODS).items():
        store, type_ = stores[plural]
        for item in items:
            store.put(msgspec.json.decode(item, type=type_))
    return cache
