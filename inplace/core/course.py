"""Where the Pods of a workload are to go now: to what its template asks for, back, or some of them (protocol §4)."""

from __future__ import annotations

from inplace.core import order, rollback, rollout, steps
from inplace.core import status as statuses
from inplace.core.kinds import Template
from inplace.core.model import Pod, Reason
from inplace.core.rollout import Course, Limit, Member
from inplace.core.settings import Parsed
from inplace.core.snapshot import Snapshot
from inplace.core.steps import Stop


def targets(snapshot: Snapshot) -> tuple[Template | Reason, Template | Reason | None]:
    """What the workload asks for, and what its Pods are brought back to while that is rolled back."""
    asked = snapshot.target or snapshot.kind.target(snapshot.workload, snapshot.revisions)
    return asked, None if snapshot.target is not None else rollback.under_way(snapshot, asked)


def stop(snapshot: Snapshot, parsed: Parsed, asked: Template | Reason, back: Template | Reason | None) -> Stop | None:
    """The stop at which the rollout is; a rollback has none, nor has a plan of what is not applied yet."""
    if back is not None or not isinstance(asked, Template) or snapshot.target is not None:
        return None
    return steps.stop(snapshot, parsed.settings, asked)


def plot(snapshot: Snapshot, parsed: Parsed, target: Template, stop: Stop | None) -> Course:
    """Where the Pods are to go: those beyond a stop stay at, or go back to, what was healthy before."""
    before = statuses.read(snapshot.workload.metadata)
    healthy = snapshot.revisions.get(before.healthy) if before is not None else None
    if stop is None or healthy is None or healthy is target:
        return Course(target)

    def rank(pod: Pod) -> object:
        return order.sort_key(parsed.settings, snapshot.kind.order, not pod.ready, pod)

    moved = rollout.moved(snapshot, target)
    return Course(target, healthy, steps.early(snapshot, stop, target, moved, rank))


def limit(snapshot: Snapshot, stop: Stop, target: Template, all_members: list[Member]) -> Limit:
    """How many more Pods may begin at this stop."""
    moved = rollout.moved(snapshot, target)
    return Limit(target.revision, stop.limit - sum(moved(one.pod) for one in all_members), steps.waits(stop))
