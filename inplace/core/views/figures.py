"""A workload in figures: snapshot and plan -> what metrics count of it, by the same assessment as everything else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final, assert_never

from msgspec import Struct

from inplace.core.objects import names
from inplace.core.objects.model import Condition, Pod
from inplace.core.objects.reasons import Concern, Reason, ReasonCode
from inplace.core.plan.result import Plan
from inplace.core.pod.availability import closed
from inplace.core.pod.states import Failed, Ineligible, InProgress, Pending, UpToDate
from inplace.core.rollout import max_unavailable, rollback
from inplace.core.rollout.assess import PodAssessment
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.state.statuses import Phase, Status


class State(StrEnum):
    """The state of a Pod, in the words of `docs/design/glossary.md`."""

    UP_TO_DATE = "UpToDate"
    SETTLING = "Settling"
    PENDING = "Pending"
    INELIGIBLE = "Ineligible"
    IN_PROGRESS = "InProgress"
    FAILED = "Failed"
    EXCLUDED = "Excluded"


class Step(StrEnum):
    """What is done for a Pod in flight, in the order of the protocol."""

    DRAIN = "drain"
    ENDPOINTS = "endpoints"
    GRACE = "grace"
    SWAP = "swap"
    READY = "ready"
    MIN_READY = "min_ready"
    COMMAND = "command"
    CONDITION = "condition"


class WaitingOn(StrEnum):
    """What a Pod that is behind waits for before it begins."""

    PROMOTION = "promotion"
    PAUSE = "pause"
    BUDGET = "budget"
    CAP = "cap"
    PULL = "pull"
    OTHER = "other"


_STEPS: Final = {
    ReasonCode.WaitingForUnready: Step.DRAIN,
    ReasonCode.WaitingForEndpoints: Step.ENDPOINTS,
    ReasonCode.EndpointsSlow: Step.ENDPOINTS,
    ReasonCode.GracePeriod: Step.GRACE,
    ReasonCode.WaitingForSwap: Step.SWAP,
    ReasonCode.WaitingForResize: Step.SWAP,
    ReasonCode.WaitingForReady: Step.READY,
    ReasonCode.MinReadySeconds: Step.MIN_READY,
    ReasonCode.ByCommand: Step.COMMAND,
    ReasonCode.BeforeDrain: Step.CONDITION,
    ReasonCode.BeforeSwap: Step.CONDITION,
    ReasonCode.BeforeReady: Step.CONDITION,
}
_WAITS: Final = {
    ReasonCode.Step: WaitingOn.PROMOTION,
    ReasonCode.Paused: WaitingOn.PAUSE,
    ReasonCode.PausedByOwner: WaitingOn.PAUSE,
    ReasonCode.Budget: WaitingOn.BUDGET,
    ReasonCode.DisruptionBudget: WaitingOn.BUDGET,
    ReasonCode.Reserving: WaitingOn.BUDGET,
    ReasonCode.DisruptionCap: WaitingOn.CAP,
    ReasonCode.PrePull: WaitingOn.PULL,
    ReasonCode.PullLimit: WaitingOn.PULL,
    ReasonCode.PrePullImpossible: WaitingOn.PULL,
}
#: Phases whose reason is that of the workload, and phases whose reason is that of its first failed Pod.
_REFUSING: Final = frozenset({Phase.REFUSED, Phase.HANDED_OVER})
_FAILING: Final = frozenset({Phase.DEGRADED, Phase.ROLLING_BACK, Phase.ROLLED_BACK})
#: Phases that are explained by a reason of the workload rather than by what its Pods wait for.
EXPLAINED: Final = tuple(phase for phase in Phase if phase in _REFUSING | _FAILING)


class Failure(Struct, frozen=True, gc=False):
    """A Pod has failed with `code`, on its way to a revision, and for one request to retry."""

    code: ReasonCode
    target: str
    retry: str


class Figures(Struct, frozen=True):
    """What is counted of one workload; `phase` None if nothing is reported of it."""

    phase: Phase | None = None
    #: Why it is in this phase; None if that needs no reason.
    reason: ReasonCode | None = None
    states: Mapping[State, int] = {}
    #: By code: how many Pods that are not done wait.
    waiting: Mapping[str, int] = {}
    closed_gates: int = 0
    #: Since when the gate is closed that has been for longest.
    closed_since: datetime | None = None
    #: max-unavailable, and how many Pods are unavailable; 0 once nothing is to be done.
    budget: int = 0
    budget_used: int = 0
    #: By uid: what is done for the Pods in flight, and what those behind wait for.
    doing: Mapping[str, Step | WaitingOn] = {}
    #: By uid: the Pods that have failed.
    failures: Mapping[str, Failure] = {}
    #: Pods (uids) with a write of ours under way: what they are at is known when it is seen.
    unknown: frozenset[str] = frozenset()


def figures(snapshot: Snapshot, plan: Plan) -> Figures:
    """The figures of a workload as a plan has found it."""
    if not plan.pods and plan.status is None:
        return Figures()
    status, desired = plan.status, snapshot.kind.desired(snapshot.workload)
    busy = status is not None and status.phase is not Phase.UP_TO_DATE
    retry = rollback.request(snapshot.workload)
    moving = [pod for pod in plan.pods if not isinstance(pod.state, UpToDate)]  # most are at rest, most of the time
    doing = ((pod.pod.uid, doing_of(pod, plan.deferred.get(pod.pod.name))) for pod in moving)
    failed = {
        pod.pod.uid: Failure(ReasonCode.read(pod.state.reason.code), pod.target, retry)
        for pod in moving
        if isinstance(pod.state, Failed) and pod.excluded is None
    }
    gates = [gate for pod in plan.pods if (gate := _closed_gate(pod.pod)) is not None]
    return Figures(
        phase=status.phase if status is not None else None,
        reason=reason_of(status) if status is not None else None,
        states=Counter(state_of(pod) for pod in plan.pods),
        waiting=status.waiting if status is not None else {},
        closed_gates=len(gates),
        closed_since=min((gate.since for gate in gates if gate.since), default=None),
        budget=snapshot.parsed.settings.budget(desired) if busy else 0,
        budget_used=max_unavailable.used(desired, plan.pods) if busy else 0,
        doing={uid: what for uid, what in doing if what is not None},
        failures=failed,
        unknown=_under_way(moving),
    )


def state_of(pod: PodAssessment) -> State:
    """The state of a Pod, in one word."""
    if pod.excluded is not None:
        return State.EXCLUDED
    match pod.state:
        case UpToDate(settling=None):
            return State.UP_TO_DATE
        case UpToDate():
            return State.SETTLING
        case Pending():
            return State.PENDING
        case Ineligible():
            return State.INELIGIBLE
        case InProgress():
            return State.IN_PROGRESS
        case Failed():
            return State.FAILED
        case _:
            assert_never(pod.state)


def doing_of(pod: PodAssessment, deferred: Reason | None) -> Step | WaitingOn | None:
    """What a Pod is at; None if nothing is to be done for it, or no step that is measured."""
    match pod.state:
        case InProgress(reason=reason):
            return _STEPS.get(reason.code)
        case Pending() if deferred is not None:
            return _WAITS.get(deferred.code, WaitingOn.OTHER)
        case Ineligible(reason=reason) if pod.excluded is None and reason.code.concern is Concern.WAITING:
            return _WAITS.get(reason.code, WaitingOn.OTHER)
        case _:
            return None


def reason_of(status: Status) -> ReasonCode | None:
    """The reason of a workload's phase: its own, that of its first failure, or what most of its Pods wait for."""
    own = [reason.code for reason in status.reasons]
    failed = [ReasonCode.read(failure.code) for failure in status.failures]
    if status.phase in EXPLAINED:
        codes = own + failed if status.phase in _REFUSING else failed + own
        return next(iter(codes), None)
    most = sorted(status.waiting.items(), key=lambda item: (-item[1], item[0]))
    return ReasonCode.read(most[0][0]) if most else None


def _closed_gate(pod: Pod) -> Condition | None:
    """The condition of its gate, if that is closed."""
    return pod.condition(names.GATE) if closed(pod) else None


def _under_way(pods: Iterable[PodAssessment]) -> frozenset[str]:
    return frozenset(
        pod.pod.uid
        for pod in pods
        if isinstance(pod.state, InProgress) and pod.state.reason.code is ReasonCode.PendingWrite
    )
