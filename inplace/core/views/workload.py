"""Snapshot and plan -> the model of a workload that `status`, `plan` and `explain` print.

Texts and numbers only, so that it can be rendered as a table, as JSON or as lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from inplace.core.objects import names
from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.plan.result import Plan
from inplace.core.plan.status import explain
from inplace.core.pod import failures, prediction
from inplace.core.pod.states import Failed, Ineligible, InProgress, Pending, UpToDate
from inplace.core.rollout.assess import PodAssessment
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.state import records
from inplace.core.state.records import PodPhase, Record
from inplace.core.state.statuses import Phase, Status
from inplace.core.template.change import PodChange

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
    """One container: the image that it has, its state, and the evidence of the swap that this revision took.

    `from_image` is the image before that swap; `wanted_image` the one that it is to get and does not have yet. With
    `is_old` the kubelet has not replaced it yet, and `state`, `ready` and `restarts` are of the container before.
    """

    name: str
    image: str
    from_image: str
    state: str
    ready: bool
    restarts: int
    evidence: str
    wanted_image: str = ""
    is_old: bool = False


class PodView(Struct, frozen=True, rename="camel"):
    """One Pod: where it stands, what it waits for, when that ends by itself, and when it gives up.

    `started_at` and `ended_at` are of the attempt that is under way, or that brought it to its target.
    """

    name: str
    node: str
    revision: str
    stage: str
    ready: bool
    reason: Reason | None
    until: datetime | None
    deadline: datetime | None
    containers: tuple[ContainerView, ...]
    #: The revision that it goes to, or stays at; empty if it is not known.
    target: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None

    def concerns(self, record: Record | None) -> bool:
        """Whether a record is of the upgrade under way, or of the one to this revision: not of one before."""
        return record is not None and (record.in_flight or record.target == self.target)


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
        """The workload's phase, as decided now."""
        return self.status.phase if self.status is not None else None


def build(snapshot: Snapshot, plan: Plan) -> WorkloadView:
    """The view of a workload according to a plan."""
    meta = snapshot.workload.metadata
    assessed = {assessment.pod.uid for assessment in plan.pods}
    rest = [_bare(pod, meta.uid, snapshot.revision_of(pod)) for pod in snapshot.pods if pod.uid not in assessed]
    return WorkloadView(
        kind=snapshot.kind.name,
        namespace=meta.namespace,
        name=meta.name,
        mode=meta.label(names.MODE) or "",
        target=plan.status.revision if plan.status is not None else snapshot.workload.status.update_revision,
        status=plan.status,
        pods=(*(_pod(snapshot, assessment, plan.deferred) for assessment in plan.pods), *rest),
    )


def _pod(snapshot: Snapshot, assessed: PodAssessment, deferred: dict[str, Reason]) -> PodView:
    decoded = records.of(assessed.pod, snapshot.workload.metadata.uid)
    record = decoded if isinstance(decoded, Record) else None
    moving = record if record is not None and record.in_flight else None
    reason = explain(assessed, deferred)
    patience = timedelta(seconds=snapshot.parsed.settings.progress_deadline_seconds)
    view = PodView(
        name=assessed.pod.name,
        node=assessed.pod.spec.node_name,
        revision=assessed.revision,
        stage=_stage(assessed, record),
        ready=assessed.pod.ready,
        reason=reason,
        until=_until(assessed, reason),
        deadline=_deadline(assessed, moving, patience),
        containers=(),
        target=assessed.target,
    )
    wanted = assessed.change.images if isinstance(assessed.change, PodChange) and assessed.excluded is None else {}
    own = record if view.concerns(record) else None
    return replace(
        view,
        containers=_containers(assessed.pod, own, wanted),
        started_at=own.started_at if own is not None else None,
        ended_at=_ended_at(assessed.pod, own) if own is not None and not own.in_flight else None,
    )


def alone(pod: Pod) -> PodView:
    """The view of a Pod of no workload."""
    return _bare(pod, pod.uid, "")


def _bare(pod: Pod, workload: str, revision: str) -> PodView:
    """A Pod that nobody upgrades; what a command does to it, or has done, its record tells."""
    record = records.of(pod, workload)
    own = record if isinstance(record, Record) and not record.is_ours else None
    failed = own is not None and own.phase is PodPhase.FAILED
    return PodView(
        name=pod.name,
        node=pod.spec.node_name,
        revision=revision,
        stage=str(own.phase) if own is not None else "Unmanaged",
        ready=pod.ready,
        reason=Reason(ReasonCode.read(own.reason), "", own.message) if own is not None and failed else None,
        until=None,
        deadline=own.deadline if own is not None and own.in_flight else None,
        containers=_containers(pod, own, {}),
        target=own.target if own is not None else "",
        started_at=own.started_at if own is not None else None,
    )


def _until(assessed: PodAssessment, reason: Reason | None) -> datetime | None:
    match assessed.state:
        case InProgress(until=until) if reason is not None and reason.code in TIMED:
            return until
        case UpToDate(until=until) if assessed.pod.ready:
            return until
        case _:
            return None


def _deadline(assessed: PodAssessment, moving: Record | None, patience: timedelta) -> datetime | None:
    """When a Pod in flight, or one that is not Ready after its upgrade or birth, has failed."""
    if moving is not None:
        return failures.deadline(assessed.pod, moving, patience)
    return assessed.state.deadline if isinstance(assessed.state, UpToDate) else None


def _ended_at(pod: Pod, record: Record) -> datetime:
    """When an attempt was over: its gate was opened, or, without a gate, its last container started."""
    gate = pod.condition(names.GATE)
    if gate is not None and gate.status == "True" and gate.since is not None:
        return max(gate.since, record.started_at)
    running = (status.state.running for status in pod.status.container_statuses)
    started = (one.started_at for one in running if one is not None and one.started_at is not None)
    return max((record.started_at, *started))


def _stage(assessed: PodAssessment, record: Record | None) -> str:
    if assessed.excluded is not None:
        return "Kept"
    match assessed.state:
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


def _containers(pod: Pod, record: Record | None, wanted: Mapping[str, str]) -> tuple[ContainerView, ...]:
    views, due = [], prediction.due_by(pod, record)
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
                wanted_image=wanted.get(container.name, ""),
                is_old=container.name in due and status is not None and status.state.waiting is None,
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
