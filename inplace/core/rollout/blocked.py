"""What nobody but others can end: a budget that allows nothing, pulls that hang, a node that is away, a failed Pod, a
native rollout, a condition that somebody else sets, a Pod that is missing or kept back and not available.

Such a wait goes on for as long as it lasts. Beyond the progress deadline it counts as progress no longer, as that of a
Deployment does (`ProgressDeadlineExceeded`): the workload is `Degraded`, with the reason.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from inplace.core.objects.plural import counted
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.objects.workloads import Workload
from inplace.core.pod import gates
from inplace.core.pod.states import Failed, Ineligible, Pending, UpToDate
from inplace.core.rollout.admit import Admission
from inplace.core.rollout.assess import Assessment, PodAssessment
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.settings.annotations import Settings
from inplace.core.state.statuses import Phase


class Blocked(Struct, frozen=True):
    """A wait; `failed`: its Pod has failed, and had its time already. One whose `progress` changes begins anew."""

    reason: Reason
    failed: bool = False
    progress: int = 0


#: So many Pods are named in a reason.
_NAMED: Final = 3
#: Who waits for the budget or the next step waits for those that keep it.
_BEHIND: Final = frozenset({ReasonCode.Budget, ReasonCode.Step})
_BY_OTHERS: Final = frozenset(
    {
        ReasonCode.DisruptionBudget,
        ReasonCode.Reserving,
        ReasonCode.PullLimit,
        ReasonCode.NodeNotReady,
        ReasonCode.NodeLeaving,
        ReasonCode.NotScheduled,
        ReasonCode.PodPhase,
        ReasonCode.Terminating,
        *gates.AT_REST,
    }
)


def first(assessment: Assessment, admission: Admission) -> Blocked | None:
    """The first such wait; None if there is none, or if anything else goes on."""
    if admission.granted or assessment.is_in_progress:
        return None
    waits = [_wait(pod, admission) for pod in assessment.participants if not pod.done]
    if any(wait is None for wait in waits):
        return None
    others = next((wait for wait in waits if wait is not None and wait.reason.code not in _BEHIND), None)
    return others or (_by_bystanders(assessment) if waits else None)


def by_native_rollout(reason: Reason, workload: Workload) -> Blocked:
    """A rollout of the workload's own controller, which is never interrupted, and may not be able to end."""
    status = workload.status
    return Blocked(reason, progress=max(status.updated_replicas, status.updated_number_scheduled))


def _by_bystanders(assessment: Assessment) -> Blocked | None:
    """Pods that take no part in the rollout, or that are missing, use the budget up: all that take part wait for it."""
    snapshot = assessment.snapshot
    staying = [pod for pod in assessment.pods if pod.excluded is None or pod.excluded.code != ReasonCode.ScaledAway]
    kept = [pod.pod.name for pod in staying if pod.excluded is not None and not pod.available]
    missing = snapshot.kind.desired(snapshot.workload) - len(staying)
    if not kept and missing <= 0:
        return None
    named = ", ".join(kept[:_NAMED]) + (f" and {len(kept) - _NAMED} more" if len(kept) > _NAMED else "")
    who = [f"not available, and no part of this rollout: {named}"] if kept else []
    who += [f"{counted(missing, 'Pod')} missing"] if missing > 0 else []
    used_up = f"max-unavailable {assessment.settings.max_unavailable} is used up by others"
    return Blocked(Reason(ReasonCode.Budget, "", f"{used_up} ({'; '.join(who)})"))


def _wait(pod: PodAssessment, admission: Admission) -> Blocked | None:
    """What keeps this Pod that none of us can end; None if it is otherwise."""
    state, deferred = pod.state, admission.deferred.get(pod.pod.name)
    match state:
        case Failed(reason=reason):
            return Blocked(reason, failed=True)
        case UpToDate(settling=Reason() as reason, until=None):
            return Blocked(reason)
        case Ineligible(reason=reason) if reason.code in _BY_OTHERS:
            return Blocked(reason)
        case Pending() if deferred is not None and deferred.code in _BY_OTHERS | _BEHIND:
            return Blocked(deferred)
        case _:
            return None


def deadline(snapshot: Snapshot, settings: Settings, now: datetime) -> datetime:
    """Until when the wait that has begun, or begins now, counts as progress."""
    return (snapshot.blocked_since or now) + timedelta(seconds=settings.progress_deadline_seconds)


def is_overdue(snapshot: Snapshot, settings: Settings, wait: Blocked, now: datetime) -> bool:
    """Whether it counts as progress no longer. A command has not seen it begin, and goes by the controller's report."""
    told, reason = snapshot.reported, wait.reason
    if wait.failed:
        return True
    if told is not None:
        return told.phase is Phase.DEGRADED and any(one.code == reason.code for one in told.reasons)
    return now >= deadline(snapshot, settings, now)
