"""Where the Pods of a workload are to go now: to what its template asks for, back, or some of them
(docs/design/protocol.md, "One workload")."""

from __future__ import annotations

from inplace.core.kinds import Template
from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import Reason
from inplace.core.rollout import assess, order, rollback, steps
from inplace.core.rollout.admit import StepQuota
from inplace.core.rollout.assess import Course, PodAssessment
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.rollout.steps import CurrentStep
from inplace.core.settings.schema import Parsed
from inplace.core.state import statuses


def targets(snapshot: Snapshot) -> tuple[Template | Reason, Template | Reason | None]:
    """What the workload asks for, and what its Pods are brought back to while that is rolled back."""
    asked = snapshot.target or snapshot.kind.target(snapshot.workload, snapshot.revisions)
    return asked, None if snapshot.target is not None else rollback.under_way(snapshot, asked)


def stop(
    snapshot: Snapshot, parsed: Parsed, asked: Template | Reason, back: Template | Reason | None
) -> CurrentStep | None:
    """The stop at which the rollout is; a rollback has none, nor has a plan of what is not applied yet."""
    if back is not None or not isinstance(asked, Template) or snapshot.target is not None:
        return None
    return steps.current_step(snapshot, parsed.settings, asked)


def plot(snapshot: Snapshot, parsed: Parsed, target: Template, stop: CurrentStep | None) -> Course:
    """Where the Pods are to go: those beyond a stop stay at, or go back to, what was healthy before."""
    before = statuses.read(snapshot.workload.metadata)
    healthy = snapshot.revisions.get(before.healthy) if before is not None else None
    if stop is None or healthy is None or healthy is target:
        return Course(target)

    def rank(pod: Pod) -> object:
        return order.sort_key(parsed.settings, snapshot.kind.order, not pod.ready, pod)

    moved = assess.moved(snapshot, target)
    return Course(target, healthy, steps.early(snapshot, stop, target, moved, rank))


def limit(snapshot: Snapshot, stop: CurrentStep, target: Template, all_members: list[PodAssessment]) -> StepQuota:
    """How many more Pods may begin at this stop."""
    moved = assess.moved(snapshot, target)
    return StepQuota(target.revision, stop.limit - sum(moved(one.pod) for one in all_members), steps.waits(stop))
