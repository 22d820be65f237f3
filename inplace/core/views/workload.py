"""Snapshot and plan -> what a person wants to see of a workload: the model under `status`, `plan`, `explain` and logs.

It holds texts and numbers only, so that a terminal, JSON and a log line can all be drawn from the same thing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec import Struct

from inplace.core.objects import names
from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.plan.result import Plan
from inplace.core.plan.status import explain
from inplace.core.pod.states import Failed, Ineligible, InProgress, Pending, UpToDate
from inplace.core.rollout.assess import PodAssessment
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.state import records
from inplace.core.state.records import Record
from inplace.core.state.statuses import Phase, Status

#: What ends by itself at a known time; of everything else `until` is only when the controller looks again.
TIMED: Final = frozenset(
    {
        ReasonCode.WaitingForEndpoints,
        ReasonCode.EndpointsSlow,
        ReasonCode.GracePeriod,
        ReasonCode.MinReadySeconds,
    }
)


class ContainerView(Struct, frozen=True, rename="camel"):
    """One container: the image it runs or is moving to, what the kubelet says of it, the evidence of its swap."""

    name: str
    image: str
    from_image: str
    state: str
    ready: bool
    restarts: int
    evidence: str


class PodView(Struct, frozen=True, rename="camel"):
    """One Pod: where it stands, what it waits for, when that ends by itself, and when it gives up."""

    name: str
    node: str
    revision: str
    stage: str
    ready: bool
    reason: Reason | None
    until: datetime | None
    deadline: datetime | None
    containers: tuple[ContainerView, ...]


class WorkloadView(Struct, frozen=True, rename="camel"):
    """One workload and all its Pods, in the order in which they are upgraded."""

    kind: str
    namespace: str
    name: str
    mode: str
    target: str
    status: Status | None
    pods: tuple[PodView, ...]

    @property
    def phase(self) -> Phase | None:
        """The workload's phase as judged now."""
        return self.status.phase if self.status is not None else None


def build(snapshot: Snapshot, plan: Plan) -> WorkloadView:
    """The view of a workload as a plan sees it now."""
    meta = snapshot.workload.metadata
    shown = {assessed.pod.uid for assessed in plan.pods}
    rest = [_bare(pod, snapshot.revision_of(pod)) for pod in snapshot.pods if pod.uid not in shown]
    return WorkloadView(
        kind=snapshot.kind.name,
        namespace=meta.namespace,
        name=meta.name,
        mode=meta.label(names.MODE) or "",
        target=plan.status.revision if plan.status is not None else snapshot.workload.status.update_revision,
        status=plan.status,
        pods=(*(_pod(assessed, plan.deferred) for assessed in plan.pods), *rest),
    )


def _pod(member: PodAssessment, deferred: dict[str, Reason]) -> PodView:
    state = records.read(member.pod)
    record = state if isinstance(state, Record) else None
    moving = record if record is not None and record.in_flight else None
    reason = explain(member, deferred)
    return PodView(
        name=member.pod.name,
        node=member.pod.spec.node_name,
        revision=member.revision,
        stage=_stage(member, record),
        ready=member.pod.ready,
        reason=reason,
        until=_until(member, reason),
        deadline=moving.deadline if moving is not None else None,
        containers=_containers(member.pod, record),
    )


def _bare(pod: Pod, revision: str) -> PodView:
    return PodView(
        pod.name, pod.spec.node_name, revision, "Unmanaged", pod.ready, None, None, None, _containers(pod, None)
    )


def _until(member: PodAssessment, reason: Reason | None) -> datetime | None:
    match member.state:
        case InProgress(until=until) | UpToDate(until=until) if reason is not None and reason.code in TIMED:
            return until
        case _:
            return None


def _stage(member: PodAssessment, record: Record | None) -> str:
    if member.excluded is not None:
        return "Kept"
    match member.state:
        case UpToDate(None):
            return "Done"
        case UpToDate():
            return "Settling"
        case Pending():
            return "Waiting"
        case Ineligible():
            return "Held"
        case InProgress():
            return str(record.phase) if record is not None and record.in_flight else "Writing"
        case Failed():
            return "Failed"


def _containers(pod: Pod, record: Record | None) -> tuple[ContainerView, ...]:
    views = []
    for container in pod.spec.containers:
        status, before = pod.container_status(container.name), record.containers.get(container.name) if record else None
        views.append(
            ContainerView(
                name=container.name,
                image=container.image,
                from_image=before.from_ if before is not None else "",
                state=_state(pod, container.name),
                ready=status is not None and status.ready,
                restarts=status.restart_count if status is not None else 0,
                evidence=before.evidence if before is not None else "",
            )
        )
    return tuple(views)


def _state(pod: Pod, name: str) -> str:
    status = pod.container_status(name)
    if status is None:
        return "no status yet"
    if status.state.running is not None:
        return "running"
    if status.state.terminated is not None:
        return f"exited {status.state.terminated.exit_code}"
    return status.state.waiting.reason if status.state.waiting is not None else "waiting"
