"""gather -> plan -> apply, for one workload. Read this file first.

A plan costs time in proportion to the size of the workload. So after a plan a workload rests for 40 times the duration
of the plan, times the number of workloads that are being planned (10 ms at least, 500 ms at most): planning takes about
a fortieth of the time as long as users do not notice the delay. Events in between are folded into the next plan.
Everybody waits for a plan that takes longer than a quarter of a second, so of those a namespace gets a quarter of the
time, however long its workloads then rest.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from msgspec.structs import replace

from inplace.cluster.cache import Cache
from inplace.cluster.gather import Incomplete, Partly, gather
from inplace.cluster.kept import complete
from inplace.cluster.key import ORPHAN, Key
from inplace.cluster.memory import Memory
from inplace.controller.planning import Planning
from inplace.controller.tally import Tally
from inplace.core import kinds
from inplace.core.actions.actions import Action
from inplace.core.objects import names
from inplace.core.objects.workloads import Revision, Workload
from inplace.core.plan import orphans
from inplace.core.plan.result import Plan
from inplace.core.pod.states import InProgress
from inplace.core.rollout import disruption_budgets
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.views.figures import figures
from inplace.kube import resource as resources
from inplace.kube.client import Client
from inplace.kube.errors import NotFound
from inplace.runtime.observe import Observer
from inplace.runtime.worker import Done, RequeueAfter, Result

MIN_PAUSE: Final = 0.010
#: As much as a user does not notice; only after a long plan a workload rests longer.
MAX_PAUSE: Final = 0.500
#: Seconds of rest per second of planning, and how long after its rest a workload counts as being planned.
PLAN_REST_FACTOR: Final = 40.0
ACTIVE_SECONDS: Final = 1.0
#: Seconds of computing beyond which a plan is long, and what part of all time a namespace's long plans get: 1/SHARE.
LONG_PLAN: Final = 0.250
SHARE: Final = 4.0
#: Status writes per second that only report progress, over all workloads: each costs as much as a write on a Pod.
STATUS_RATE: Final = 2.0
#: How long the caches may be incomplete before the API server is asked.
CACHE_TIMEOUT: Final = 5.0
#: Seconds to wait for the watch to show what has changed while it was read.
CHANGED_PAUSE: Final = 1.0

CarryOut = Callable[[Key, Snapshot, Action], None]


class Process(NamedTuple):
    """What the reconciler needs from other parts of this process."""

    #: Nothing disruptive starts before this: the previous leader may still be writing.
    not_before: Callable[[], datetime | None]
    #: Why what is known of the cluster may be out of date; empty if it is not.
    stale: Callable[[], str]
    #: No deadline is over before this: what shows that it was met may not be known yet.
    no_verdict_before: Callable[[], datetime | None]
    #: Whether admission policies freeze workloads of a kind in a namespace; None if not known yet.
    freeze_policy: Callable[[str, str], bool | None]
    #: Start to probe that with this workload.
    probe_freeze_policy: Callable[[Key], None]
    #: What the workloads add up to.
    tally: Tally


class Reconciler:
    """Makes the plans. Keeps no state of an upgrade, only when each workload was last planned."""

    def __init__(
        self,
        cache: Cache,
        memory: Memory,
        planning: Planning,
        client: Client,
        observer: Observer,
        carry_out: CarryOut,
        process: Process,
    ) -> None:
        self._cache = cache
        self._memory = memory
        self._planning = planning
        #: From a look to what follows from its plan: one workload at a time, or two would spend the same room.
        self._turn = asyncio.Lock()
        self._client = client
        self._clock = memory.clock
        self._observer = observer
        self._carry_out = carry_out
        self._process = process
        #: Until when each recently planned workload rests, in the order of their plans.
        self._rested: OrderedDict[Key, float] = OrderedDict()
        #: Until when each workload rests whose last plan was long.
        self._long: dict[Key, float] = {}
        self._incomplete: dict[Key, float] = {}
        #: By workload: the ControllerRevisions that its Pods name and that are none of its own, if they exist at all.
        self._absent: dict[Key, frozenset[str]] = {}

    async def reconcile(self, key: Key) -> Result:
        """Gather, plan and apply once."""
        if key.kind == ORPHAN:
            return self._release(key)
        async with self._turn:
            absent = self._absent.get(key, frozenset())
            seen = gather(self._cache, self._memory, key, self._clock.now(), absent=absent)
            if isinstance(seen, Snapshot):
                self._incomplete.pop(key, None)
                return await self._act(key, self._with_process_state(key, seen))
        if isinstance(seen, Incomplete):
            return await self._wait_for(key, seen)
        if isinstance(seen, Partly):
            done = await complete(self._client, self._cache, key.kind, seen.objects)
            return RequeueAfter(MIN_PAUSE if done else CHANGED_PAUSE)
        self._forget(key)
        return Done()

    def _release(self, key: Key) -> Result:
        """End what was begun on a Pod that nobody owns any more."""
        pod, now = self._cache.pods.get(key.namespace, key.name), self._clock.now()
        if pod is None or self._memory.is_pending(pod.metadata):
            return Done()  # what we have written comes back as an event
        made = orphans.plan(pod, now)
        nobody = Snapshot(kinds.BY_NAME["ReplicaSet"], Workload(), (pod,), {})
        for action in made.actions:
            self._carry_out(key, nobody, action)
        return Done() if made.requeue_at is None else RequeueAfter((made.requeue_at - now).total_seconds())

    def _with_process_state(self, key: Key, snapshot: Snapshot) -> Snapshot:
        """Add what other parts of this process know: active policies, the previous leader, the caches, the load."""
        return replace(
            snapshot,
            not_before=self._process.not_before(),
            stale=self._process.stale(),
            no_verdict_before=self._process.no_verdict_before(),
            freeze_policy=self._process.freeze_policy(key.kind, key.namespace)
            if snapshot.kind.frozen_on_demand
            else False,
            status_every=timedelta(seconds=max(1.0, len(self._rested) / STATUS_RATE)),
        )

    async def _act(self, key: Key, snapshot: Snapshot) -> Result:
        if snapshot.freeze_policy is None and snapshot.workload.metadata.label(names.MODE) is not None:
            self._process.probe_freeze_policy(key)
        now = self._clock.now()
        plan, took = await self._planning.plan(snapshot, now)
        self._observer.observe("inplace_plan_seconds", took, kind=key.kind)
        rest = self._long_rest(key, took, self._rest(key, took))
        for action in plan.actions:
            self._carry_out(key, snapshot, action)
        self._track_waits(key, snapshot, plan)
        self._process.tally.update(key, figures(snapshot, plan))
        if plan.requeue_at is None:
            return Done(rest)
        return RequeueAfter(max(rest, (plan.requeue_at - now).total_seconds()), rest)

    def _track_waits(self, key: Key, snapshot: Snapshot, plan: Plan) -> None:
        """Track which workloads depend on PodDisruptionBudgets, and since when what others must end blocks them."""
        uid, in_progress = snapshot.workload.metadata.uid, any(isinstance(pod.state, InProgress) for pod in plan.pods)
        if in_progress or disruption_budgets.is_blocked(plan.deferred.values()):
            self._memory.reserving.add(key)
        else:
            self._memory.reserving.discard(key)
        self._memory.note_blocked(uid, plan.blocked.progress if plan.blocked is not None else None)

    def _rest(self, key: Key, took: float) -> float:
        """How long to leave a workload alone, by the duration of its plan and the number of active workloads."""
        now = self._clock.monotonic()
        while self._rested and next(iter(self._rested.values())) < now - ACTIVE_SECONDS:
            self._rested.popitem(last=False)
        rest = min(MAX_PAUSE, max(MIN_PAUSE, PLAN_REST_FACTOR * took * max(1, len(self._rested))))
        self._rested[key] = now + rest
        self._rested.move_to_end(key)
        return rest

    def _long_rest(self, key: Key, took: float, rest: float) -> float:
        """The rest after a plan that may have been long: it and those of its namespace share a quarter of the time."""
        now = self._clock.monotonic()
        self._long = {one: until for one, until in self._long.items() if until > now - ACTIVE_SECONDS and one != key}
        if took <= LONG_PLAN:
            return rest
        mine = [one for one in (key, *self._long) if one.namespace == key.namespace]
        self._long[key] = now + SHARE * took * len(mine)
        return max(rest, SHARE * took * len(mine) - took)

    async def _wait_for(self, key: Key, incomplete: Incomplete) -> Result:
        """Wait for an event; after a timeout ask the API server whether the missing revisions exist and are its own."""
        since = self._incomplete.setdefault(key, self._clock.monotonic())
        left = since + CACHE_TIMEOUT - self._clock.monotonic()
        if left > 0:
            return RequeueAfter(left)
        for name in incomplete.missing:
            if not await self._owns_revision(key, incomplete.workload, name):
                known = self._absent.get(key, frozenset()) & incomplete.named
                self._absent[key] = known | {name}  # anybody may write the label: no more than Pods name
        self._observer.event("snapshot.incomplete", level="warning", **key._asdict(), message=incomplete.reason)
        self._incomplete.pop(key, None)
        return RequeueAfter(MIN_PAUSE)

    async def _owns_revision(self, key: Key, workload: Workload, name: str) -> bool:
        """Whether it exists and is the workload's. Anybody may write the label by which a Pod names its revision."""
        where = (resources.CONTROLLERREVISIONS, name, workload.metadata.namespace)
        try:
            revision = await self._client.get(*where, type=Revision)
        except NotFound:
            return False
        owner = kinds.owner_of(revision.metadata, resources.CONTROLLERREVISIONS.kind)
        itself = (key.kind, workload.metadata.name, workload.metadata.uid)
        return owner is not None and (owner.kind, owner.name, owner.uid) == itself

    def _forget(self, key: Key) -> None:
        self._memory.reserving.discard(key)
        self._rested.pop(key, None)
        self._long.pop(key, None)
        self._incomplete.pop(key, None)
        self._absent.pop(key, None)
        self._process.tally.forget(key)
