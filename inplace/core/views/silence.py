"""Whether a controller attends to a workload, as far as its objects show: what is due is done at once by one that does.

Nobody needs a right to the controller's own objects for that, and it is also seen of one that runs and may not act.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import msgspec

from inplace.core.actions.actions import (
    Abort,
    Action,
    BeginResize,
    CloseGate,
    Complete,
    CreatePullPod,
    OpenGate,
    PatchImages,
    RecordFailure,
    ReserveDisruptions,
    ResizePod,
)
from inplace.core.actions.describe import describe_action
from inplace.core.objects import names
from inplace.core.objects.model import ManagedFields, Pod
from inplace.core.objects.reasons import ReasonCode
from inplace.core.objects.workloads import Workload
from inplace.core.plan.plan import plan
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.state import records, statuses
from inplace.core.state.records import Record

#: As long as it takes until another replica leads, after one that has died, and begins.
SILENCE: Final = timedelta(seconds=30)
#: What holds every write, and what holds beginnings, that no object shows but the report.
_REFUSED: Final = (ReasonCode.WriteRefused,)
_HELD: Final = (ReasonCode.DisruptionCap, ReasonCode.PullLimit, ReasonCode.CacheStale)
#: What is reported before the first pull and the first reservation are asked for.
_AT_FIRST: Final = frozenset(
    {ReasonCode.Preflight, ReasonCode.Freezing, ReasonCode.Preparing, ReasonCode.PendingWrite, ReasonCode.Budget}
)


def unattended(snapshot: Snapshot, now: datetime) -> str:
    """That no controller responds, and what it should do; empty if there is no sign of that.

    Nothing has changed for a while, and for as long something has been due.
    """
    meta, since = snapshot.workload.metadata, now - SILENCE
    if not _is_ours(snapshot.workload) or statuses.foreign(meta) is not None:
        return ""
    if max(_times(snapshot), default=now) > since:
        return ""
    if meta.label(names.MODE) is not None and statuses.current(snapshot.workload) is None:
        return _text("observe this change")
    due = (action for action in plan(snapshot, since).actions if _is_certain(action, snapshot))
    return next((_text(describe_action(action).sentence) for action in due), "")


def _text(what: str) -> str:
    return f"no controller has responded for {SILENCE.total_seconds():g}s: is inplace running? It should {what}"


def _is_ours(workload: Workload) -> bool:
    return any(workload.metadata.label(key) is not None for key in (names.MODE, names.FROZEN))


def _is_certain(action: Action, snapshot: Snapshot) -> bool:
    """Whether nothing that only the controller knows can speak against it."""
    told = statuses.read(snapshot.workload.metadata)
    waiting = {*told.waiting, *(reason.code for reason in told.reasons)} if told is not None else set[str]()
    if waiting & set(_REFUSED):
        return False
    match action:
        case CreatePullPod() | ReserveDisruptions():
            return told is not None and not told.failures and waiting <= _AT_FIRST
        case CloseGate(pod) | PatchImages(pod) | BeginResize(pod) | ResizePod(pod) if not _in_flight(pod):
            return not waiting & set(_HELD)
        case OpenGate(pod) | CloseGate(pod) | PatchImages(pod) | ResizePod(pod):
            return not _is_ambiguous(pod)
        case Complete(pod) | RecordFailure(pod) | Abort(pod):
            return not _is_ambiguous(pod)
        case _:
            return False


def _in_flight(pod: Pod) -> bool:
    record = records.read(pod)
    return isinstance(record, Record) and record.in_flight


def _is_ambiguous(pod: Pod) -> bool:
    """Whether only who has watched can tell what a container stems from: its image is the same as before."""
    record = records.read(pod)
    if not isinstance(record, Record):
        return False
    known = [(pod.container_status(name), before) for name, before in record.containers.items()]
    return any(before.unsettled or (now is not None and now.image_id == before.image_id) for now, before in known)


def _times(snapshot: Snapshot) -> Iterator[datetime]:
    """When something has changed, or was written, last."""
    managed = [one.metadata for one in (snapshot.workload, *snapshot.owned.children)]
    for meta in (*managed, *(budget.metadata for budget in snapshot.budgets)):
        entries = msgspec.json.decode(meta.managed_fields, type=list[ManagedFields])
        yield from (entry.time for entry in entries if entry.time is not None)
    told = statuses.read(snapshot.workload.metadata)
    if told is not None:
        yield told.updated_at
    for pod in (*snapshot.pods, *snapshot.pulling):
        yield from (at for at in _times_of(pod) if at is not None)
    for node in snapshot.nodes.values():
        yield from (one.since for one in node.status.conditions if one.since is not None)


def _times_of(pod: Pod) -> Iterator[datetime | None]:
    meta, record = pod.metadata, records.read(pod)
    yield from (meta.creation_timestamp, meta.deletion_timestamp)
    if isinstance(record, Record):
        yield record.started_at
    yield from (condition.since for condition in pod.status.conditions)
    for status in (*pod.status.container_statuses, *pod.status.init_container_statuses):
        running, ended = status.state.running, status.state.terminated
        yield running.started_at if running is not None else None
        yield ended.finished_at if ended is not None else None
