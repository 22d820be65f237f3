"""What a picture of the live view costs of CPU, with 1,000 Pods on 24 rows and on 200: LIMIT_MS is what it may.

That of a moment in which nothing has changed, as most are; and what it costs more if a Pod has.
"""

from __future__ import annotations

import io
import itertools
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from rich.console import Console

from hack.bench import hostile
from inplace.cli.render.screen import Screen
from inplace.cluster.cache import Cache
from inplace.cluster.gather import gather
from inplace.cluster.key import Key
from inplace.core.objects.model import Pod
from inplace.core.objects.nodes import Node
from inplace.core.objects.workloads import Revision, Workload
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.views import workload as view
from inplace.core.views.looks import Looks
from inplace.runtime.clock import SystemClock

LIMIT_MS: Final = 20
PODS: Final = 1000
TIMES: Final = 50
KEY: Final = Key("StatefulSet", hostile.NAMESPACE, "web")


class Result(Struct, frozen=True):
    """Milliseconds of CPU for one picture: the look at what is to be drawn, and drawing it. `ratio`: their sum to the
    limit. `changed_ms` is the look instead if a Pod has changed since the last one, and something is to be decided.
    """

    ratio: float
    look_ms: float
    draw_ms: float
    changed_ms: float
    size: str


def measure() -> list[Result]:
    """At the size of a common terminal, and of a large one."""
    now, cache, looks = SystemClock().now(), _filled(), Looks()
    passed = itertools.count()

    def look() -> view.WorkloadView:
        snapshot, at = gather(cache, None, KEY, now), now + timedelta(milliseconds=next(passed))
        assert isinstance(snapshot, Snapshot)
        return looks.view(snapshot, at)

    pods = itertools.cycle([*cache.pods.values()])

    def changed() -> view.WorkloadView:
        pod = next(pods)
        version = f"{pod.metadata.resource_version}0"
        cache.pods.put(replace(pod, metadata=replace(pod.metadata, resource_version=version)))
        return look()

    seen = look()  # the first one is not remembered anything of
    assert len(seen.pods) == PODS
    look_ms, changed_ms = _cpu_ms(look), _cpu_ms(changed)
    return [_drawn(seen, now, size, look_ms, changed_ms) for size in ((80, 24), (200, 200))]


def _drawn(seen: view.WorkloadView, now: datetime, size: tuple[int, int], look_ms: float, changed_ms: float) -> Result:
    width, height = size
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, highlight=False)
    with Screen(lambda: now, console) as screen:
        draw_ms = _cpu_ms(lambda: screen.draw(seen.status, seen))
    ratio = round((look_ms + draw_ms) / LIMIT_MS, 2)
    return Result(ratio, round(look_ms, 1), round(draw_ms, 1), round(changed_ms, 1), f"{width}x{height}")


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
