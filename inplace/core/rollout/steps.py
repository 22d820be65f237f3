"""Steps of a rollout: only some Pods are at the new revision until a user promotes it or a pause is over.

The current step is part of the status: the status is written first, and Pods start once that is done. A change of the
template and a rollback end the steps. A Pod that is created at the new revision before its turn goes back; one that was
upgraded stays.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from inplace.core.kinds import Template
from inplace.core.objects import names, workloads
from inplace.core.objects.model import Pod
from inplace.core.objects.plural import counted
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.objects.workloads import Workload
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.settings.annotations import Settings
from inplace.core.state import records, statuses
from inplace.core.state.records import Record
from inplace.core.state.statuses import Status

#: What a request begins with that is to skip every step that is left.
FULL: Final = "full-"


class CurrentStep(Struct, frozen=True):
    """The current step: `number` counts from 0; `limit` Pods may be at the new revision."""

    number: int
    limit: int
    of: int
    pause: timedelta | None

    def __str__(self) -> str:
        ends = (
            "run `inplace promote` to go on"
            if self.pause is None
            else f"goes on after {self.pause.total_seconds():.0f} s"
        )
        return f"step {self.number + 1} of {self.of}: {counted(self.limit, 'Pod')}; {ends}"


def request(workload: Workload) -> str:
    """The current promotion request of the workload; empty if there is none."""
    return workloads.request(workload, names.PROMOTE)


def current_step(snapshot: Snapshot, settings: Settings, asked: Template) -> CurrentStep | None:
    """The current step; None if all Pods may move. A rollback has no steps.

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
    """When the pause of a step that was reached ends; None if the step needs a promotion."""
    return reached_at + at.pause if at is not None and at.pause is not None and reached_at is not None else None


def early(
    snapshot: Snapshot, at: CurrentStep, asked: Template, moved: Callable[[Pod], bool], rank: Callable[[Pod], object]
) -> frozenset[str]:
    """The Pods that were created at the new revision, beyond the limit. What was upgraded stays, whenever the limit was
    set."""

    def born(pod: Pod) -> bool:
        record = records.of(pod, snapshot.workload.metadata.uid)
        return not (isinstance(record, Record) and record.target == asked.revision)

    there = sorted((pod for pod in snapshot.pods if moved(pod)), key=lambda pod: (born(pod), rank(pod)))
    return frozenset(pod.uid for pod in there[at.limit :] if born(pod))


def beyond(at: CurrentStep) -> Reason:
    """Why a Pod does not start at this step."""
    return Reason(ReasonCode.Step, "", str(at))


class StepStatus(Struct, frozen=True):
    """The steps in the status."""

    step: int = 0
    reached_at: datetime | None = None


def advance(
    workload: Workload, at: CurrentStep | None, before: Status | None, *, same: bool, reached: bool, now: datetime
) -> StepStatus:
    """The current state of the steps. `same`: the previous status was about this revision; `reached`: all Pods that may
    move have moved, and serve. A promotion counts only if the step has been reached, a full one at once.
    """
    passed = before.step if before is not None and same else 0
    asked, answered = request(workload), before.promoted if before is not None else ""
    if at is not None and before is not None and same and asked != answered and asked.startswith(FULL):
        return StepStatus(at.of)
    if at is None or not reached:
        return StepStatus(passed)
    since = min(before.reached_at, now) if before is not None and same and before.reached_at is not None else now
    if asked and asked != answered and before is not None and before.reached_at is not None:
        return StepStatus(at.number + 1)
    over = ends(at, since)
    return StepStatus(at.number + 1) if over is not None and now >= over else StepStatus(passed, since)
