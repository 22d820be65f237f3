"""When to plan a workload again if nothing else happens."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from inplace.core.objects.reasons import ReasonCode
from inplace.core.plan.decision import Decision
from inplace.core.pod.states import Pending
from inplace.core.rollout import freeze, holds, steps
from inplace.core.state.statuses import Status

#: How soon a workload that waits for the cap over all workloads is planned again.
_ROOM_AGAIN: Final = timedelta(seconds=1)
#: How soon a refused dry run is repeated.
_ASK_AGAIN: Final = timedelta(seconds=31)
_REFUSED_BY_ADMISSION: Final = (ReasonCode.AdmissionRejected, ReasonCode.ImageRewritten)


def requeue_at(decision: Decision, status: Status, *others: datetime | None) -> datetime | None:
    """The earliest time at which a wait ends; None if there is none."""
    now = decision.assessment.now
    later = (at for at in (*_times(decision, status), *others) if at is not None and at > now)
    return min(later, default=None)


def _times(decision: Decision, status: Status) -> Iterator[datetime | None]:
    assessment, admission = decision.assessment, decision.admission
    snapshot, now = assessment.snapshot, assessment.now
    yield from assessment.images.deadlines
    yield from admission.reservations.deadlines()
    yield steps.ends(decision.step, status.reached_at)
    yield decision.blocked_until
    for pod in assessment.pods:
        yield pod.until
        if not isinstance(pod.state, Pending):
            yield pod.state.until
    yield snapshot.not_before
    yield now + holds.STALE_AGAIN if snapshot.stale else None
    if any(reason.code == ReasonCode.DisruptionCap for reason in admission.deferred.values()):
        yield now + _ROOM_AGAIN
    if any(reason.code in _REFUSED_BY_ADMISSION for reason in status.reasons):
        yield now + _ASK_AGAIN
    for failed in snapshot.failed_writes:
        yield failed.again
        yield failed.until
    yield decision.refusal_deadline
    conflict = freeze.conflict(snapshot.freeze_restored, now)
    yield conflict.until if conflict is not None else None
