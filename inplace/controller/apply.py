"""Plan -> requests: carries out the actions of a plan.

The actions of one plan are independent and run concurrently under one semaphore; nothing here blocks the next plan.
Each ends as Applied, Stale, Refused or Unknown, and none raises into another. The lease is checked last, right before
a request is sent, and bounds how long the request may take.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol, TypeGuard

from inplace.cluster import send
from inplace.cluster.key import Key
from inplace.cluster.memory import Memory
from inplace.cluster.tries import AWAY, Ending, ending_of, fatal, words
from inplace.controller.counts import Counts, became_possible
from inplace.controller.write_log import WriteLog
from inplace.core.actions import patches
from inplace.core.actions.actions import (
    Action,
    CloseGate,
    CreatePullPod,
    CreateReplicaSet,
    DeletePullPod,
    DeleteReplicaSet,
    DryRunPatch,
    Event,
    PatchImages,
    PatchReplicaSet,
    PatchWorkload,
    PodAction,
    ReleaseFields,
    ReserveDisruptions,
    WriteStatus,
    subject,
)
from inplace.core.actions.describe import about, describe_action
from inplace.core.actions.patches import Creation, Request
from inplace.core.objects.model import Meta, Pod
from inplace.core.objects.reasons import EventReason, Reason, ReasonCode
from inplace.core.objects.workloads import Workload
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.state import records
from inplace.core.state.records import PodPhase, Record
from inplace.kube import resource as resources
from inplace.kube.client import Client
from inplace.kube.errors import AlreadyExists, KubeError, NotFound, Rejected, Unexpected, Unreachable
from inplace.runtime.observe import Observer

CONCURRENCY: Final = 48
#: No write may take longer than this, or longer than what is left of the lease.
WRITE_SECONDS: Final = 5.0
#: For how long the API server works on a request at most (--request-timeout).
SERVER_SECONDS: Final = 60.0
#: How soon a workload is reconciled again after a write that did not take effect.
RETRY_SECONDS: Final = 1.0
#: Writes whose object is not pending afterwards: only the watch tells that it is there, or gone.
SHOWN_BY_WATCH: Final = (CreateReplicaSet, DeleteReplicaSet)


class Outcome(StrEnum):
    """How a write ended."""

    APPLIED = "applied"
    STALE = "stale"
    REFUSED = "refused"
    UNDONE = "undone"
    UNKNOWN = "unknown"


OUTCOMES: Final = {
    Ending.REFUSED: Outcome.REFUSED,
    Ending.DENIED: Outcome.REFUSED,
    Ending.STALE: Outcome.STALE,
    Ending.UNANSWERED: Outcome.UNKNOWN,
    Ending.NOT_KEPT: Outcome.UNDONE,
}


class Announce(Protocol):
    """Records an Event on a workload; never blocks, never raises."""

    def __call__(self, workload: Workload, event: Event) -> None:
        """Record it."""
        ...


class Applier:
    """Carries out actions in the background. Run it as a part; `submit` never blocks."""

    def __init__(
        self,
        client: Client,
        memory: Memory,
        recheck: Callable[[Snapshot, Pod, datetime], PodAction | None],
        observer: Observer,
        announce: Announce,
        requeue: Callable[[Key, float], None],
        lease_left: Callable[[], float],
    ) -> None:
        self._client = client
        self._memory = memory
        self._recheck = recheck
        self._observer = observer
        self._counts = Counts(observer, memory)
        self._log = WriteLog(observer, client.outages, memory.clock)
        self._announce = announce
        self._requeue = requeue
        self._lease_left = lease_left
        self._slots = asyncio.Semaphore(CONCURRENCY)
        self._group: asyncio.TaskGroup | None = None
        self._tasks = set[asyncio.Task[None]]()
        #: Until when a write that got no answer may still be carried out (monotonic).
        self._doubtful_until = float("-inf")

    async def run(self) -> None:
        """Own the tasks of all writes until cancelled; writes in flight are cancelled with it."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                self._group = None

    async def finish(self) -> None:
        """Start no write any more, and wait for the answers of those in flight, for as long as one may take."""
        self._group = None
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=WRITE_SECONDS)

    @property
    def is_settled(self) -> bool:
        """Whether no write is under way, or may be carried out although nobody waits for its answer any more."""
        return not self._tasks and self._memory.clock.monotonic() >= self._doubtful_until

    def submit(self, key: Key, snapshot: Snapshot, action: Action) -> None:
        """Start an action unless another one on the same object is in flight."""
        uid = subject(action).uid
        if self._group is None or uid in self._memory.writing:
            return
        self._memory.writing.add(uid)
        if isinstance(action, CloseGate | PatchImages):
            self._memory.disrupts(action.pod.metadata)
        if isinstance(action, CreatePullPod):
            self._memory.requested_pull(action)
        due = became_possible(action, snapshot, self._memory)
        name = f"{type(action).__name__} {key}"
        task = self._group.create_task(self._carry_out(key, snapshot, action, due), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            self._doubt()

    def _doubt(self) -> None:
        self._doubtful_until = self._memory.clock.monotonic() + SERVER_SECONDS

    async def _carry_out(self, key: Key, snapshot: Snapshot, action: Action, due: float) -> None:
        """One write, from its turn to its report. Whatever goes wrong with one object, those on others go on."""
        try:
            await self._make(key, snapshot, action, due)
        except Exception as error:  # noqa: BLE001 - or what stands on one object could end the process
            self._log.broken(snapshot, action, error)
            why = f"cannot {describe_action(action).sentence}: {error!r}"
            self._remember(snapshot, action, Ending.UNANSWERED, why)

    async def _make(self, key: Key, snapshot: Snapshot, action: Action, due: float) -> None:
        meta = subject(action)
        outcome = Outcome.UNKNOWN
        try:
            async with self._slots:
                outcome = await self._attempt(snapshot, action)
        finally:
            self._memory.writing.discard(meta.uid)
            self._memory.settled(meta)
            at_once = outcome is Outcome.APPLIED and not isinstance(action, SHOWN_BY_WATCH)
            self._requeue(key, 0.0 if at_once else RETRY_SECONDS)
        label = describe_action(action).label
        self._observer.count("inplace_writes_total", kind=key.kind, action=label, outcome=outcome)
        if outcome is Outcome.APPLIED:
            self._report(key, action, self._memory.clock.monotonic() - due)
            self._counts.applied(key, snapshot, action)

    async def _attempt(self, snapshot: Snapshot, action: Action) -> Outcome:
        match action:
            case DryRunPatch():
                return await self._dry_run(snapshot, action)
            case CreatePullPod() | DeletePullPod():
                return await self._write_pull_pod(snapshot, action)
            case ReserveDisruptions():
                return await self._reserve(snapshot, action)
            case _:
                return await self._write(snapshot, action)

    async def _write(self, snapshot: Snapshot, action: Action) -> Outcome:
        try:
            fresh = await self._confirm(snapshot, action) if needs_live_read(action) else action
            if fresh is None:
                return Outcome.STALE
            unchanged = await self._send(patches.build(fresh, self._memory.clock.now()), subject(action))
        except AlreadyExists as error:
            return await self._look_at_existing(snapshot, action, error)
        except KubeError as error:
            return await self._failed(snapshot, action, error)
        return self._accepted(snapshot, action, unchanged=unchanged)

    def _accepted(self, snapshot: Snapshot, action: Action, *, unchanged: bool = False) -> Outcome:
        """The server took the write; but an admission policy or another writer may undo it, each time anew."""
        workload = snapshot.workload.metadata.uid
        times = self._memory.tries.accepted(workload, action, unchanged=unchanged)
        if not times:
            return Outcome.APPLIED
        does = describe_action(action).sentence
        how = "and changes nothing" if unchanged else f"and it is undone, {times} times in a row"
        why = f"the API server accepts to {does}, {how}: another writer or an admission policy does not keep it"
        hint = "; manifests/policies keep only what the account that they name writes" if unchanged else ""
        self._remember(snapshot, action, Ending.NOT_KEPT, why + hint)
        return Outcome.UNDONE

    async def _failed(self, snapshot: Snapshot, action: Action, error: KubeError) -> Outcome:
        """Remember the failure, so that it is tried again with a growing pause, and named if it lasts."""
        ending = ending_of(error)
        refuses = ending in (Ending.REFUSED, Ending.DENIED)
        does = describe_action(action).sentence
        why = f"the API server refuses to {does}: {words(error)}" if refuses else f"cannot {does}: {error}"
        self._remember(snapshot, action, ending, why, fatal(action, ending, error))
        if isinstance(error, Unreachable | Unexpected) and not isinstance(action, DryRunPatch):
            return await self._settle(snapshot, action, error)
        return self._log_failure(snapshot, OUTCOMES[ending], action, error)

    def _remember(
        self, snapshot: Snapshot, action: Action, ending: Ending, why: str, fails: Reason | None = None
    ) -> None:
        """What the status is to say; an Event tells it too, for the status may be what cannot be written."""
        reason = Reason(ReasonCode.WriteRefused, about(action), why[: records.MESSAGE_LIMIT])
        if self._memory.tries.failed(snapshot.workload.metadata.uid, action, ending, reason, fails):
            self._log.stuck(snapshot, action, fails or reason)
            if snapshot.workload.metadata.uid:  # nobody's Pod has no workload on which to tell it
                event = Event(EventReason.WriteRefused, str(fails or reason), warning=True)
                self._announce(snapshot.workload, event)

    async def _look_at_existing(self, snapshot: Snapshot, action: Action, error: AlreadyExists) -> Outcome:
        """The name is taken: by one of ours, which the cache is about to show, or for good."""
        meta, uid = _written(action), subject(action).uid
        request = patches.build(action, self._memory.clock.now())
        try:
            live = await self._client.get(
                send.resource_of(request), meta.name, meta.namespace, type=send.Written, timeout=WRITE_SECONDS
            )
        except KubeError as read_error:
            return await self._failed(snapshot, action, read_error)
        owner = live.metadata.controller()
        if owner is not None and owner.uid == uid:
            return await self._failed(snapshot, action, error)
        why = f"cannot {describe_action(action).sentence}: {error}, and does not belong to this workload"
        self._remember(snapshot, action, Ending.REFUSED, why)
        return self._log_failure(snapshot, Outcome.REFUSED, action, error)

    async def _dry_run(self, snapshot: Snapshot, action: DryRunPatch) -> Outcome:
        """Dry-run a patch and record the answer; without an answer a later plan tries again."""
        try:
            refusal = await send.ask(self._client, action, self._memory.clock.now(), timeout=WRITE_SECONDS)
        except KubeError as error:
            return await self._failed(snapshot, action, error)
        self._memory.record_dry_run(snapshot.workload.metadata.uid, action.key, refusal)
        self._accepted(snapshot, action)
        return Outcome.APPLIED if refusal is None else Outcome.REFUSED

    async def _write_pull_pod(self, snapshot: Snapshot, action: CreatePullPod | DeletePullPod) -> Outcome:
        """Create or delete a pull Pod. Remember a refusal, so that the wait of the Pod can name it."""
        try:
            await self._send(patches.build(action, self._memory.clock.now()), subject(action))
        except Rejected as error:
            if not isinstance(action, CreatePullPod):
                return await self._failed(snapshot, action, error)
            self._memory.answered_pull(action, words(error))
            return self._log_failure(snapshot, Outcome.REFUSED, action, error)
        except KubeError as error:
            if isinstance(action, CreatePullPod):
                self._memory.unknown_pull(action)
            return await self._failed(snapshot, action, error)
        if isinstance(action, CreatePullPod):
            self._memory.answered_pull(action)
        elif not action.again:
            self._memory.deleted_pull(action.pod.metadata)
        return self._accepted(snapshot, action)

    async def _reserve(self, snapshot: Snapshot, action: ReserveDisruptions) -> Outcome:
        """Reserve from a budget."""
        outcome = await self._write(snapshot, action)
        if outcome is Outcome.APPLIED and action.recount:
            self._memory.recounted_at[action.budget.metadata.uid] = self._memory.clock.now()
        return outcome

    async def _confirm(self, snapshot: Snapshot, action: PatchImages) -> PatchImages | None:
        """Read the Pod live before it is disrupted and decide again: the cache may be stale."""
        meta = action.pod.metadata
        live = await self._client.get(
            resources.PODS, meta.name, meta.namespace, type=Pod, timeout=min(WRITE_SECONDS, self._lease_left())
        )
        if live.uid != meta.uid:
            return None
        rechecked = self._recheck(snapshot, live, self._memory.clock.now())
        return rechecked if isinstance(rechecked, PatchImages) else None

    async def _send(self, request: Request, meta: Meta) -> bool:
        """Send it; returns whether the object is still what it was read as, although the server took the write."""
        left = min(WRITE_SECONDS, self._lease_left())
        if left <= 0:
            raise Unreachable("not sent: the lease is no longer held", outcome_unknown=False)
        version = await send.send(self._client, request, timeout=left)
        if version:
            self._memory.wrote(meta.uid, version)
        return bool(version) and version == meta.resource_version

    async def _settle(self, snapshot: Snapshot, action: Action, error: Unreachable | Unexpected) -> Outcome:
        """A write that may have been made: a live read gives the version that the cache must reach.

        Until that read succeeds the object stays pending, so that nothing is decided on stale data.
        """
        self._log_failure(snapshot, Outcome.UNKNOWN, action, error)
        request, meta = patches.build(action, self._memory.clock.now()), subject(action)
        if isinstance(request, Creation):
            return Outcome.UNKNOWN  # what is not there yet cannot be pending
        if error.outcome_unknown:
            self._doubt()
        tries = 0
        while error.outcome_unknown:
            try:
                resource = send.resource_of(request)
                live = await self._client.get(resource, meta.name, meta.namespace, type=send.Written)
            except NotFound:
                break
            except KubeError as read_error:
                self._log_failure(snapshot, Outcome.UNKNOWN, action, read_error)
                tries += 1
                await self._memory.clock.sleep(min(Ending.UNANSWERED.pause(tries), AWAY).total_seconds())
            else:
                self._memory.wrote(meta.uid, live.metadata.resource_version)
                break
        return Outcome.UNKNOWN

    def _log_failure(self, snapshot: Snapshot, outcome: Outcome, action: Action, error: KubeError) -> Outcome:
        self._log.failed(snapshot, action, error, str(outcome))
        return outcome

    def _report(self, key: Key, action: Action, overhead: float) -> None:
        """Log, count and announce a write. `overhead`: seconds from when the write became possible to its answer."""
        self._log.made(key, action, overhead)
        label = describe_action(action).label
        self._observer.observe("inplace_write_overhead_seconds", overhead, kind=key.kind, action=label)
        match action:
            case PatchWorkload(workload, why, note):
                if why in (EventReason.FreezeLost, EventReason.StrategyForgotten):
                    self._memory.restored_freeze(workload.metadata.uid)
                if why is not None:
                    self._announce(workload, Event(why, note))
            case PatchReplicaSet(workload, child, note, why=EventReason() as why):
                self._announce(workload, Event(why, f"ReplicaSet {child.metadata.name}: {note}"))
            case ReleaseFields(workload):
                self._memory.released[workload.metadata.uid] = bytes(workload.metadata.managed_fields)
            case WriteStatus(workload, events=events):
                for event in events:
                    self._announce(workload, event)


def _written(action: Action) -> Meta:
    """The object that a log line names: one that is created by its own name, not by that of whom it is created for."""
    if not isinstance(action, CreateReplicaSet):
        return subject(action)
    meta = action.body["metadata"]
    return Meta(name=meta["name"], namespace=action.workload.metadata.namespace)


def needs_live_read(action: Action) -> TypeGuard[PatchImages]:
    """Whether a Pod is read live before it is disrupted, because the cache may be stale.

    A drained Pod needs no live read: the cache has shown our write that closed its gate, and the patch tests the record
    of that write, the Pod's generation and its containers. For other Pods the patch is the first write.
    """
    if not isinstance(action, PatchImages):
        return False
    found = records.of(action.pod, action.record.workload)
    return not (isinstance(found, Record) and found.phase is PodPhase.DRAINING)
