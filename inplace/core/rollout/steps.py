"""Stops of a rollout: so many Pods at the new revision, and no more until somebody promotes it or a time is over.

Where it stands is part of the status: the position is said first, and Pods begin when the status has said so. A change
of the template and a rollback end it. A Pod that is born at the new revision before its turn goes back.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from msgspec import Struct

from inplace.core.kinds import Template
from inplace.core.objects import names
from inplace.core.objects.model import Pod, Workload
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.settings.schema import Settings
from inplace.core.state import records, statuses
from inplace.core.state.records import Record
from inplace.core.state.statuses import Status


class CurrentStep(Struct, frozen=True):
    """The stop that the rollout is on its way to, or stands at: `number` counts from 0; `limit` Pods may be moved."""

    number: int
    limit: int
    of: int
    pause: timedelta | None

    def __str__(self) -> str:
        ends = "inplace promote goes on" if self.pause is None else f"goes on after {self.pause.total_seconds():.0f} s"
        return f"step {self.number + 1} of {self.of}: {self.limit} Pods; {ends}"


def request(workload: Workload) -> str:
    """The promotion that stands on the workload; empty where there is none."""
    return workload.metadata.annotation(names.PROMOTE) or ""


def current_step(snapshot: Snapshot, settings: Settings, asked: Template) -> CurrentStep | None:
    """The present stop; None where all Pods may move: nobody waits on the way back to what was healthy here before.

    A percentage of Pods rounds up.
    """
    before, desired = statuses.read(snapshot.workload.metadata), snapshot.kind.desired(snapshot.workload)
    if before is not None and before.healthy == asked.revision:
        return None
    passed = before.step if before is not None and before.revision == asked.revision else 0
    if passed >= len(settings.steps):
        return None
    step = settings.steps[passed]
    limit = step.amount.resolve(desired, round_up=True)
    pause = timedelta(seconds=step.pause_seconds) if step.pause_seconds is not None else None
    return CurrentStep(passed, limit, len(settings.steps), pause) if limit < desired else None


def ends(at: CurrentStep | None, reached_at: datetime | None) -> datetime | None:
    """When a stop that was reached ends by itself; None where it does not."""
    return reached_at + at.pause if at is not None and at.pause is not None and reached_at is not None else None


def early(
    snapshot: Snapshot, at: CurrentStep, asked: Template, moved: Callable[[Pod], bool], rank: Callable[[Pod], object]
) -> frozenset[str]:
    """The Pods at the new revision beyond the limit: those born there rather than those that were brought there."""

    def born(pod: Pod) -> bool:
        record = records.read(pod)
        return not (isinstance(record, Record) and record.target == asked.revision)

    there = sorted((pod for pod in snapshot.pods if moved(pod)), key=lambda pod: (born(pod), rank(pod)))
    return frozenset(pod.uid for pod in there[at.limit :])


def beyond(at: CurrentStep) -> Reason:
    """Why a Pod does not begin at this stop."""
    return Reason(ReasonCode.Step, "", str(at))


class StepStatus(Struct, frozen=True):
    """What the status keeps of the stops."""

    step: int = 0
    reached_at: datetime | None = None


def advance(
    workload: Workload, at: CurrentStep | None, before: Status | None, *, same: bool, reached: bool, now: datetime
) -> StepStatus:
    """Where the rollout stands now. `same`: the status before spoke of this revision; `reached`: all Pods that may be
    moved are, and serve. A promotion counts only where the stop has been reached.
    """
    passed = before.step if before is not None and same else 0
    if at is None or not reached:
        return StepStatus(passed)
    since = before.reached_at if before is not None and same and before.reached_at is not None else now
    asked, answered = request(workload), before.promoted if before is not None else ""
    if asked and asked != answered and before is not None and before.reached_at is not None:
        return StepStatus(at.number + 1)
    over = ends(at, since)
    return StepStatus(at.number + 1) if over is not None and now >= over else StepStatus(passed, since)
