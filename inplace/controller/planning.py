"""Where a plan is made: in the event loop, or, if it takes long, in a thread beside it.

A plan is a function of its snapshot, so it may be made anywhere; but it cannot be interrupted, and while the event loop
makes one the lease is not renewed, no probe is answered, and no other tenant is served. The interpreter takes turns
between threads every 5 ms, so that beside a plan in a thread the loop goes on; but each of the two then waits for the
other, and a plan in the loop is over sooner. Nearly all are over in a few milliseconds.
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

#: A workload whose last plan took longer, in seconds of computing, is planned in the thread; and so is one of so many
#: Pods for the first time.
LONG_SECONDS: Final = 0.05
MANY_PODS: Final = 100
#: With so many, such as thousands of ReplicaSets, always: Pods without a record are compared with each.
MANY_REVISIONS: Final = 100
#: How much of a longer plan counts after one more: an owner that makes every other plan long, by turns,
#: does not get the long ones into the loop. After one of a second, 14 short ones are made in the thread.
KEEPS: Final = 0.8


class Planning:
    """Makes plans with one planner here and another in the thread: what a planner remembers is not shared.

    One plan at a time is for the caller to see to: two could spend the same room.
    """

    def __init__(self, planner: Planner, clock: Clock) -> None:
        self._here = planner
        self._beside = Planner()
        self._thread: ThreadPoolExecutor | None = None
        self._clock = clock
        #: By uid of the workload: how long its last plan took, or what is left of a longer one before.
        self._took: dict[str, float] = {}

    async def plan(self, snapshot: Snapshot, now: datetime) -> tuple[Plan, float]:
        """The plan, and how long it took: seconds of computing, whatever else ran beside it."""
        if self.is_long(snapshot):
            self._thread = self._thread or ThreadPoolExecutor(1, thread_name_prefix="plan")
            loop = asyncio.get_running_loop()
            made, took = await loop.run_in_executor(self._thread, self._timed, self._beside, snapshot, now)
        else:
            made, took = self._timed(self._here, snapshot, now)
        uid = snapshot.workload.metadata.uid
        self._took[uid] = max(took, KEEPS * self._took.get(uid, 0.0))
        return made, took

    def _timed(self, planner: Planner, snapshot: Snapshot, now: datetime) -> tuple[Plan, float]:
        began = self._clock.computing()
        made = planner.plan(snapshot, now)
        return made, self._clock.computing() - began

    def is_long(self, snapshot: Snapshot) -> bool:
        """Whether the next plan is likely to take long."""
        if len(snapshot.revisions) >= MANY_REVISIONS:
            return True
        took = self._took.get(snapshot.workload.metadata.uid)
        return len(snapshot.pods) >= MANY_PODS if took is None else took > LONG_SECONDS

    def keep(self, workloads: Container[str], nodes: Container[str]) -> None:
        """Drop everything about workloads (uids) and nodes (names) that do not exist."""
        for uid in [uid for uid in self._took if uid not in workloads]:
            del self._took[uid]
        self._here.keep(workloads, nodes)
        if self._thread is not None:
            self._thread.submit(self._beside.keep, workloads, nodes)

    def forget(self, workload: str) -> None:
        """Drop everything about a deleted workload (uid); in the thread once it has finished what it is at."""
        self._took.pop(workload, None)
        self._here.forget(workload)
        if self._thread is not None:
            self._thread.submit(self._beside.forget, workload)
