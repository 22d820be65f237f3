"""The gates that are opened whatever becomes of an upgrade: opted in or not, paused or not.

A gate is closed by an attempt in flight, or not at all. What opens the others is here, so that no Pod stays out of
service for want of a record.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from inplace.core.actions.actions import OpenGate
from inplace.core.objects import names
from inplace.core.objects.model import Pod
from inplace.core.pod.availability import closed
from inplace.core.rollout import rollback
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.state import records, statuses
from inplace.core.state.records import Record, Unreadable

#: How long a gate stays closed that no attempt keeps closed: another writer who closes it again and again is not
#: answered without a pause.
CLOSED: Final = timedelta(seconds=10)


class Opening(Struct, frozen=True):
    """The gates to open now, and when the next one is due."""

    actions: tuple[OpenGate, ...] = ()
    due: datetime | None = None


def opening(snapshot: Snapshot, now: datetime) -> Opening:
    """What to open, and when."""
    times = {pod.uid: (pod, at) for pod in _ours(snapshot) if (at := _opens_at(pod, snapshot, now)) is not None}
    actions = tuple(OpenGate(pod) for pod, at in times.values() if at <= now)
    return Opening(actions, min((at for _, at in times.values() if at > now), default=None))


def answers_retry(snapshot: Snapshot) -> bool:
    """Whether a request to retry has nothing left to open: it is answered only then."""
    return not any(closed(pod) and isinstance(records.read(pod), Unreadable) for pod in snapshot.pods)


def _ours(snapshot: Snapshot) -> Iterator[Pod]:
    for pod in snapshot.pods:
        if pod.has_gate(names.GATE) and pod.metadata.deletion_timestamp is None and pod.uid not in snapshot.pending:
            yield pod


def _is_released(snapshot: Snapshot, record: Unreadable) -> bool:
    """Whether the gate of a Pod whose record cannot be read is to be opened: opted out, or a retry is requested.

    A record of another version is not damaged, and a retry does not speak of it.
    """
    if snapshot.workload.metadata.label(names.MODE) is None:
        return True
    if record.version is not None:
        return False
    request, before = rollback.request(snapshot.workload), statuses.read(snapshot.workload.metadata)
    return bool(request) and (before is None or before.retried != request)


def _opens_at(pod: Pod, snapshot: Snapshot, now: datetime) -> datetime | None:
    """When this gate is opened; None if it is open, or closed for a reason."""
    gate = pod.condition(names.GATE)
    if gate is None:
        return now  # a new Pod
    record = records.of(pod, snapshot.workload.metadata.uid)
    kept = isinstance(record, Record) and record.in_flight
    if not closed(pod) or kept or (isinstance(record, Unreadable) and not _is_released(snapshot, record)):
        return None
    since = gate.since
    return since + CLOSED if since is not None and since <= now else now
