"""What a plan amounts to: its actions with the one write on the workload, what is said, and when to look again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from inplace.core.actions import actions as actions_
from inplace.core.actions.actions import Action, LabelPhase, PatchWorkload, PodAction, WorkloadAction, WriteStatus
from inplace.core.objects import names
from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.plan import report
from inplace.core.pod import lifecycle
from inplace.core.pod.states import Failed, InProgress, UpToDate
from inplace.core.rollout.assess import PodAssessment
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.state import conditions, records, statuses
from inplace.core.state.records import Record
from inplace.core.state.statuses import Phase, Status

#: How soon a workload looks again for room that Pods of others had taken.
_CROWD_SECONDS: Final = timedelta(seconds=1)
#: How soon the server is asked again whether it still refuses an image patch.
_ASK_AGAIN: Final = timedelta(seconds=31)


class Plan(Struct, frozen=True):
    """What to do now, what to say, and when to look again if nothing happens before."""

    actions: tuple[Action, ...] = ()
    status: Status | None = None
    requeue_at: datetime | None = None
    members: tuple[PodAssessment, ...] = ()
    waiting: dict[str, Reason] = {}


def in_motion(all_members: Sequence[PodAssessment]) -> tuple[PodAction, ...]:
    """What the Pods that are in flight, or have failed, ask for themselves."""
    states = (one.state for one in all_members)
    return tuple(s.action for s in states if isinstance(s, InProgress | Failed) and s.action is not None)


def finish(
    snapshot: Snapshot,
    status: Status,
    own: WorkloadAction | None,
    actions: tuple[Action, ...],
    all_members: tuple[PodAssessment, ...],
    waiting: dict[str, Reason],
    *,
    now: datetime,
    untils: Sequence[datetime | None] = (),
) -> Plan:
    """Add the write on the workload, at most one, and the time of the next look."""
    untils = [
        *untils,
        *(one.state.until for one in all_members if isinstance(one.state, InProgress | UpToDate | Failed)),
    ]
    untils += [one.until for one in all_members]
    untils += [snapshot.not_before]
    crowded = any(reason.code == ReasonCode.DisruptionCap for reason in waiting.values())
    untils += [now + _CROWD_SECONDS] if crowded else []
    rejected = any(
        reason.code in {ReasonCode.AdmissionRejected, ReasonCode.ImageRewritten} for reason in status.reasons
    )
    untils += [now + _ASK_AGAIN] if rejected else []
    untils += [snapshot.contest.until] if snapshot.contest is not None else []
    own, due = _said(snapshot, status, own, now)
    untils.append(due)
    if own is not None and uid_of(own) in snapshot.pending:
        own = None
    later = [at for at in untils if at is not None and at > now]
    every: tuple[Action, ...] = actions if own is None else (*actions, own)
    return Plan(every, status, min(later, default=None), all_members, waiting)


def _said(
    snapshot: Snapshot, status: Status, own: WorkloadAction | None, now: datetime
) -> tuple[WorkloadAction | None, datetime | None]:
    """The write on the workload: what its kind wants, or what we say of it, and when that is due.

    That an upgrade has begun is said before anything is prepared for it, or others would take it for finished. Only
    the freeze comes before that; that it has ended is said last.
    """
    kind, workload, before = snapshot.kind, snapshot.workload, statuses.read(snapshot.workload.metadata)
    moves = before is None or before.phase is not status.phase
    first = moves and status.phase is not Phase.UP_TO_DATE and not isinstance(own, PatchWorkload)
    if own is not None and not first:
        return own, None
    stale = kind.keeps_conditions and conditions.stand(workload) is (status.phase is Phase.UP_TO_DATE)
    if stale or not statuses.same(before, status):
        due = now if before is None or moves else before.updated_at + snapshot.status_every
        publish = WriteStatus(
            workload, status, report.events(before, status), kind.labels_with_status, kind.keeps_conditions
        )
        return (publish if due <= now else own), due
    if workload.metadata.label(names.PHASE) != status.phase:
        return own or LabelPhase(workload, status.phase), None
    return own, None


def uid_of(action: Action) -> str:
    """The object that an action writes."""
    return actions_.subject(action).uid


def record_of(pod: Pod) -> Record | None:
    """The Pod's record where it is readable."""
    found = records.read(pod)
    return found if isinstance(found, Record) else None


def explain(member: PodAssessment, waiting: dict[str, Reason]) -> Reason | None:
    """Why nothing more happens to this Pod now."""
    return waiting.get(member.pod.name) or member.outside or lifecycle.explain(member.state)
