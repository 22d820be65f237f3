"""gather -> plan -> apply, for one workload. Read this file first.

A plan costs time in proportion to the workload. So a workload is planned at once, and then at most every 40 times the
last plan's duration, for each workload that is being planned (10 ms at least, 500 ms at most): planning takes a
fortieth of the time as long as that is quick enough for people. Events in between are folded into the next look.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from inplace.cluster.gather import Gone, Incomplete, gather
from inplace.cluster.world import Key, World
from inplace.core.actions.actions import Action
from inplace.core.objects import names
from inplace.core.plan import plan
from inplace.core.plan.result import Plan
from inplace.core.pod.states import InProgress
from inplace.core.rollout import disruption_budgets
from inplace.core.rollout.snapshot import Snapshot
from inplace.kube import resource as resources
from inplace.kube.client import Client
from inplace.kube.errors import NotFound
from inplace.runtime.clock import Clock
from inplace.runtime.observe import Observer
from inplace.runtime.worker import Done, RequeueAfter, Result

LEAST_PAUSE: Final = 0.010
#: The longest pause: a plan that took long because the machine was busy must not make a workload wait for seconds.
MOST_PAUSE: Final = 0.500
#: Rest for each second of planning, and how long a workload counts as being planned after its rest.
REST: Final = 40.0
ACTIVE_SECONDS: Final = 1.0
#: Writes of statuses in a second that only report progress, over all workloads: each costs as much as one on a Pod.
STATUS_RATE: Final = 2.0
#: How long the caches may disagree before the API server is asked.
PATIENCE: Final = 5.0

Carry = Callable[[Key, Snapshot, Action], None]


class Reconciler:
    """Makes the plans. Holds no state of an upgrade, only when each workload was last looked at."""

    def __init__(
        self,
        world: World,
        client: Client,
        clock: Clock,
        observer: Observer,
        carry_out: Carry,
        not_before: Callable[[], datetime | None],
        ask: Callable[[Key], None],
    ) -> None:
        self._world = world
        self._client = client
        self._clock = clock
        self._observer = observer
        self._carry_out = carry_out
        self._not_before = not_before
        self._ask_policies = ask
        #: Until when each workload that was planned lately rests, in the order of their plans.
        self._rested: OrderedDict[Key, float] = OrderedDict()
        self._incomplete: dict[Key, float] = {}
        self._absent: frozenset[str] = frozenset()
        self._phases: dict[Key, str] = {}

    async def reconcile(self, key: Key) -> Result:
        """One look at one workload."""
        match gather(self._world, key, self._not_before(), self._absent):
            case Gone():
                self._forget(key)
                return Done()
            case Incomplete() as incomplete:
                return await self._wait_for(key, incomplete)
            case snapshot:
                self._incomplete.pop(key, None)
                pause = timedelta(seconds=max(1.0, len(self._rested) / STATUS_RATE))
                return self._act(key, replace(snapshot, status_every=pause))

    def _act(self, key: Key, snapshot: Snapshot) -> Result:
        if snapshot.interlock is None and snapshot.workload.metadata.label(names.MODE) is not None:
            self._ask_policies(key)
        began, now = self._clock.monotonic(), self._clock.now()
        made = plan.plan(snapshot, now)
        rest = self._rest(key, self._clock.monotonic() - began)
        for action in made.actions:
            self._carry_out(key, snapshot, action)
        self._note_budgets(key, snapshot, made)
        self._measure(key, made.status.phase if made.status is not None else None)
        if made.requeue_at is None:
            return Done(rest)
        return RequeueAfter(max(rest, (made.requeue_at - now).total_seconds()), rest)

    def _note_budgets(self, key: Key, snapshot: Snapshot, made: Plan) -> None:
        """Remember who looks at PodDisruptionBudgets, and since when one is stuck for want of them."""
        uid, moving = snapshot.workload.metadata.uid, any(isinstance(one.state, InProgress) for one in made.members)
        short = disruption_budgets.is_short(made.waiting.values())
        if moving or short:
            self._world.reserving.add(key)
        else:
            self._world.reserving.discard(key)
        if short and not moving:
            self._world.short_since.setdefault(uid, self._clock.now())
        else:
            self._world.short_since.pop(uid, None)

    def _rest(self, key: Key, took: float) -> float:
        """How long to leave a workload alone: the longer, the more its plan took and the more others there are."""
        now = self._clock.monotonic()
        while self._rested and next(iter(self._rested.values())) < now - ACTIVE_SECONDS:
            self._rested.popitem(last=False)
        rest = min(MOST_PAUSE, max(LEAST_PAUSE, REST * took * max(1, len(self._rested))))
        self._rested[key] = now + rest
        self._rested.move_to_end(key)
        return rest

    def _measure(self, key: Key, phase: str | None) -> None:
        """Keep the gauge of workloads by phase."""
        before = self._phases.pop(key, None)
        if phase is not None:
            self._phases[key] = phase
        for one in {before, phase} - {None}:
            count = sum(kept == one and other.kind == key.kind for other, kept in self._phases.items())
            self._observer.gauge("inplace_workloads", count, kind=key.kind, phase=str(one))

    async def _wait_for(self, key: Key, incomplete: Incomplete) -> Result:
        """Wait for an event; after a while ask the API server whether the missing revisions exist at all."""
        since = self._incomplete.setdefault(key, self._clock.monotonic())
        left = since + PATIENCE - self._clock.monotonic()
        if left > 0:
            return RequeueAfter(left)
        for name in incomplete.missing:
            await self._ask(incomplete.workload.metadata.namespace, name)
        self._observer.event("snapshot.incomplete", level="warning", reason=incomplete.reason, workload=str(key))
        self._incomplete.pop(key, None)
        return RequeueAfter(LEAST_PAUSE)

    async def _ask(self, namespace: str, revision: str) -> None:
        try:
            await self._client.get(resources.CONTROLLERREVISIONS, revision, namespace, type=dict)
        except NotFound:
            self._absent |= {revision}

    def _forget(self, key: Key) -> None:
        self._world.reserving.discard(key)
        self._rested.pop(key, None)
        self._incomplete.pop(key, None)
        self._measure(key, None)
