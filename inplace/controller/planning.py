"""Where a plan is made: in the event loop, or, if it takes long, in a thread beside it.

A plan is a function of its snapshot, so it may be made anywhere; but it cannot be interrupted, and while the event loop
makes one the lease is not renewed, no probe is answered, and no other tenant is served. The interpreter takes turns
between threads every 5 ms, so that beside a plan in a thread the loop goes on. A plan in the loop is cheaper by two
switches, and nearly all are over in a millisecond.
"""

from __future__ import annotations

import asyncio
from collections.abc import Container
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Final

from inplace.core.plan.plan import Planner
from inplace.core.plan.result import Plan
from inplace.core.rollout.snapshot import Snapshot
from inplace.runtime.clock import Clock

#: A workload whose last plan took longer, in seconds, or that has so many Pods, is planned in the thread.
LONG_SECONDS: Final = 0.05
MANY_PODS: Final = 100


class Planning:
    """Makes plans with one planner here and another in the thread: what a planner remembers is not shared.

    One plan at a time is for the caller to see to: two could spend the same room.
    """

    def __init__(self, planner: Planner, clock: Clock) -> None:
        self._here = planner
        self._beside = Planner()
        self._thread: ThreadPoolExecutor | None = None
        self._clock = clock
        #: By uid of the workload: how long its last plan took, if that was long.
        self._long: dict[str, float] = {}

    async def plan(self, snapshot: Snapshot, now: datetime) -> tuple[Plan, float]:
        """The plan, and how long it took, in seconds."""
        uid, began = snapshot.workload.metadata.uid, self._clock.monotonic()
        if self.is_long(snapshot):
            self._thread = self._thread or ThreadPoolExecutor(1, thread_name_prefix="plan")
            made = await asyncio.get_running_loop().run_in_executor(self._thread, self._beside.plan, snapshot, now)
        else:
            made = self._here.plan(snapshot, now)
        took = self._clock.monotonic() - began
        if took > LONG_SECONDS:
            self._long[uid] = took
        else:
            self._long.pop(uid, None)
        return made, took

    def is_long(self, snapshot: Snapshot) -> bool:
        """Whether the next plan is likely to take long."""
        return len(snapshot.pods) >= MANY_PODS or snapshot.workload.metadata.uid in self._long

    def keep(self, workloads: Container[str], nodes: Container[str]) -> None:
        """Drop everything about workloads (uids) and nodes (names) that do not exist."""
        for uid in [uid for uid in self._long if uid not in workloads]:
            del self._long[uid]
        self._here.keep(workloads, nodes)
        if self._thread is not None:
            self._thread.submit(self._beside.keep, workloads, nodes)

    def forget(self, workload: str) -> None:
        """Drop everything about a deleted workload (uid); in the thread once it has finished what it is at."""
        self._long.pop(workload, None)
        self._here.forget(workload)
        if self._thread is not None:
            self._thread.submit(self._beside.forget, workload)
