"""The forecast of an upgrade, for `inplace plan`: which Pods change, in which order, and why others do not.

It is the controller's own decision about the same snapshot, as if the workload was frozen already.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import StrEnum
from math import ceil
from typing import Final

from msgspec import Struct

from inplace.core.objects.model import Pod
from inplace.core.objects.nodes import Node
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.plan.decision import Decision
from inplace.core.plan.plan import Planner, is_opted_in
from inplace.core.plan.status import explain
from inplace.core.pod import gates, prediction, resizes
from inplace.core.pod.availability import broken, drains
from inplace.core.pod.prediction import Prediction
from inplace.core.pod.states import Failed, Ineligible, InProgress, Pending, UpToDate
from inplace.core.rollout import holds
from inplace.core.rollout.admit import candidates
from inplace.core.rollout.assess import Assessment, PodAssessment
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.settings.annotations import Settings
from inplace.core.state import records
from inplace.core.state.records import PodPhase, Record
from inplace.core.template.change import PodChange

#: What their own controller replaces, or nobody changes through the API server.
_REPLACED: Final = (ReasonCode.Terminating, ReasonCode.PodPhase, ReasonCode.MirrorPod)


class Verdict(StrEnum):
    """What would happen to a Pod."""

    STARTS = "Starts"
    WAITS = "Waits"
    SKIPPED = "Skipped"
    IN_PROGRESS = "InProgress"
    FAILED = "Failed"
    UP_TO_DATE = "UpToDate"


class PodForecast(Struct, frozen=True, rename="camel"):
    """What would happen to one Pod."""

    name: str
    node: str
    revision: str
    verdict: Verdict
    images: dict[str, str]
    from_images: dict[str, str]
    #: By container: its cpu and memory now and then, in words, as far as they change.
    sizes: dict[str, str]
    from_sizes: dict[str, str]
    #: Only labels and annotations change.
    metadata_only: bool
    #: Its containers restart, or one of them; those included that the attempt under way has patched already.
    disrupts: bool
    #: It is drained through its readiness gate first.
    drained: bool
    #: It is not Ready now, and costs no budget.
    broken: bool
    #: It is not at what the template asks for, and is to go there, now or later. Not what its owner or its own
    #: controller decides: a Pod that a partition keeps, or that is being deleted.
    outstanding: bool
    #: Why it does not start now; None if it does.
    why_not: Reason | None = None
    #: What the kubelet does to its containers; None if nothing restarts.
    prediction: Prediction | None = None
    #: The containers that restart although the attempt under way has patched them before.
    again: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether anything of it is to change, now or later: also if it is in flight."""
        if self.verdict is Verdict.IN_PROGRESS:
            return self.outstanding and (self.disrupts or self.metadata_only or bool(self.images or self.sizes))
        return self.verdict in (Verdict.STARTS, Verdict.WAITS)

    @property
    def disrupted(self) -> bool:
        """Whether its containers restart, now or later."""
        return self.changes and self.disrupts


class Forecast(Struct, frozen=True, rename="camel"):
    """What would happen to a workload."""

    #: The revision that the Pods go to.
    target: str
    opted_in: bool
    #: The number of Pods that the workload wants.
    desired: int
    #: The maximum number of Pods in flight at once.
    budget: int
    #: The number of batches of the size of the budget; 0 if nothing may start now.
    waves: int
    refused: tuple[Reason, ...]
    notes: tuple[Reason, ...]
    pods: tuple[PodForecast, ...]
    #: Why nothing may start now, regardless of the budget.
    hold: Reason | None = None
    #: The step at which the rollout would stop; empty if there is none.
    step: str = ""
    #: The revision that the template asks for, if it has failed and the Pods go back; else empty.
    rolled_back_from: str = ""
    #: What is refused in place is left to the native rollout, which replaces Pods.
    falls_back: bool = False
    #: False: opted in, but not frozen, so that a change of the template now is the native controller's.
    frozen: bool = True

    @property
    def starting(self) -> tuple[PodForecast, ...]:
        """The Pods that would start now."""
        return tuple(pod for pod in self.pods if pod.verdict is Verdict.STARTS)

    @property
    def changing(self) -> tuple[PodForecast, ...]:
        """The Pods that would change, now or later, those in flight included that are not what they are to be yet."""
        return tuple(pod for pod in self.pods if pod.changes)

    @property
    def held(self) -> tuple[PodForecast, ...]:
        """The Pods that are to change, but cannot for now: they have failed, or something about them is in the way."""
        stuck = (Verdict.SKIPPED, Verdict.FAILED)
        return tuple(pod for pod in self.pods if pod.outstanding and pod.verdict in stuck)

    @property
    def is_done(self) -> bool:
        """Whether there is nothing to do in place: no Pod is to change, now or later, and no revision was given up."""
        return not any(pod.outstanding for pod in self.pods) and not self.rolled_back_from

    @property
    def is_given_up(self) -> bool:
        """Whether the template's revision has failed, and every Pod is back that can be: nothing moves any more."""
        return bool(self.rolled_back_from) and not any(pod.outstanding for pod in self.pods)

    @property
    def missing(self) -> int:
        """How many Pods there are yet to be made."""
        return max(0, self.desired - len(self.pods))


def forecast(snapshot: Snapshot, now: datetime, planner: Planner | None = None) -> Forecast:
    """Forecast the upgrade of a workload to its template, or to `snapshot.target`."""
    decision = (planner or Planner()).forecast(snapshot, now)
    assessment, asked = decision.assessment, decision.asked
    target = assessment.destination or asked
    nodes = snapshot.nodes
    pods = tuple(_pod(decision, pod, nodes.get(pod.pod.spec.node_name)) for pod in _in_order(assessment))
    desired = snapshot.kind.desired(snapshot.workload)
    budget = assessment.settings.budget(desired)
    notes = dict.fromkeys(note for pod in assessment.pods for note in _notes(pod, _record(pod.pod, snapshot)))
    notes |= dict.fromkeys(_slow_stops(pods, assessment))
    if any(isinstance(pod.change, PodChange) and pod.change.disrupts and not pod.done for pod in assessment.pods):
        notes |= dict.fromkeys(gates.announced((pod.pod for pod in assessment.pods), assessment.settings))
    return Forecast(
        target=target.revision if target is not None else "",
        opted_in=is_opted_in(snapshot),
        desired=desired,
        budget=budget,
        waves=_waves(decision, pods, budget),
        refused=assessment.refused,
        notes=tuple(notes),
        pods=pods,
        hold=decision.hold.reason if decision.hold is not None and not assessment.refused else None,
        step=str(decision.step) if decision.step is not None else "",
        rolled_back_from=asked.revision if asked is not None and assessment.rolling_back else "",
        falls_back=decision.falls_back,
        frozen=not holds.is_unfrozen(assessment),
    )


def predicted(pods: Iterable[PodAssessment], snapshot: Snapshot, uid: str) -> Prediction | None:
    """What the kubelet will do to the Pod with this uid; None if nothing of it is to restart."""
    for assessed in pods:
        if assessed.pod.uid == uid and isinstance(assessed.state, Pending | InProgress):
            node = snapshot.nodes.get(assessed.pod.spec.node_name)
            return prediction.expected(assessed.pod, assessed.change, node, _record(assessed.pod, snapshot))
    return None


def _in_order(assessment: Assessment) -> Iterator[PodAssessment]:
    """The Pods in the order of their upgrade: those that wait, in the order in which they are admitted."""
    admitted = iter(pod for pod, _ in candidates(assessment))
    for pod in assessment.pods:
        is_candidate = isinstance(pod.state, Pending) and pod.excluded is None
        yield next(admitted) if is_candidate else pod


def _notes(assessed: PodAssessment, record: Record | None) -> Iterator[Reason]:
    """What is to be known of its change. The order of what is left between two batches is none of the whole change."""
    if not isinstance(assessed.change, PodChange):
        return
    is_midway = record is not None and record.phase is PodPhase.SWAPPING
    for note in (*assessed.change.notes, *assessed.change.drift):
        if not (is_midway and note.code == ReasonCode.ContainerOrder):
            yield note


def _slow_stops(pods: tuple[PodForecast, ...], assessment: Assessment) -> Iterator[Reason]:
    """Where the old container may take longer to stop than the new one may take to be ready."""
    disrupted, deadline = {pod.name for pod in pods if pod.disrupted}, assessment.settings.progress_deadline_seconds
    for pod in assessment.pods:
        seconds = int(pod.pod.grace.total_seconds())
        if pod.pod.name in disrupted and seconds >= deadline:
            why = f"the old container may take {seconds} s to stop; the progress deadline of {deadline} s begins then"
            yield Reason(ReasonCode.SlowStop, "spec.terminationGracePeriodSeconds", why)


def _waves(decision: Decision, pods: tuple[PodForecast, ...], budget: int) -> int:
    if decision.hold is not None:
        return 0
    beyond = sum(pod.why_not is not None and pod.why_not.code == ReasonCode.Step for pod in pods if pod.disrupted)
    return ceil((sum(pod.disrupted for pod in pods) - beyond) / budget)


def _pod(decision: Decision, assessed: PodAssessment, node: Node | None) -> PodForecast:
    pod, change = assessed.pod, assessed.change
    record = _record(pod, decision.assessment.snapshot)
    expected = prediction.expected(pod, change, node, record)
    images = change.images if isinstance(change, PodChange) else {}
    resized = resizes.noted(pod, change.sizes) if isinstance(change, PodChange) else {}
    verdict = _verdict(decision, assessed)
    return PodForecast(
        name=pod.name,
        node=pod.spec.node_name,
        revision=assessed.revision,
        verdict=verdict,
        images=images,
        from_images={name: _image(pod, name) for name in images},
        sizes={name: one.to for name, one in resized.items()},
        from_sizes={name: one.from_ for name, one in resized.items()},
        metadata_only=_is_metadata_only(assessed),
        disrupts=expected is not None,
        drained=_is_drained(pod, change, decision.assessment.settings),
        broken=broken(pod),
        outstanding=_is_outstanding(assessed),
        why_not=_why_not(decision, assessed, verdict),
        prediction=expected,
        again=_again(record, change),
    )


def _is_metadata_only(assessed: PodAssessment) -> bool:
    change, state = assessed.change, assessed.state
    if not isinstance(change, PodChange) or change.containers or isinstance(state, UpToDate):
        return False
    return isinstance(state, Pending) or bool(change.labels.keys or change.annotations.keys)


def _again(record: Record | None, change: object) -> tuple[str, ...]:
    if record is None or not record.in_flight or not isinstance(change, PodChange):
        return ()
    return tuple(name for name in change.restarts if name in record.containers)


def _record(pod: Pod, snapshot: Snapshot) -> Record | None:
    """What says how far the Pod is: that of an upgrade, or of a command."""
    record = records.of(pod, snapshot.workload.metadata.uid)
    return record if isinstance(record, Record) else None


def _verdict(decision: Decision, assessed: PodAssessment) -> Verdict:
    match assessed.state:
        case Pending():
            return Verdict.WAITS if assessed.pod.name in decision.admission.deferred else Verdict.STARTS
        case Ineligible(reason=reason) if reason.code in gates.AT_REST and assessed.excluded is None:
            return Verdict.WAITS  # others end that, as they end the wait for a budget
        case InProgress():
            return Verdict.IN_PROGRESS
        case Failed():
            return Verdict.FAILED
        case UpToDate(settling=settling) if settling is not None:
            return Verdict.IN_PROGRESS
        case _:
            at_target = bool(assessed.target) and assessed.revision == assessed.target
            return Verdict.UP_TO_DATE if at_target else Verdict.SKIPPED


def _is_outstanding(assessed: PodAssessment) -> bool:
    if assessed.excluded is not None:
        return False
    match assessed.state:
        case UpToDate():
            return False
        case Ineligible(reason=reason):
            return reason.code not in _REPLACED
        case _:
            return True


def _why_not(decision: Decision, assessed: PodAssessment, verdict: Verdict) -> Reason | None:
    if verdict is Verdict.UP_TO_DATE:
        return Reason(ReasonCode.UpToDate, "", "already at this revision")
    return explain(assessed, decision.admission.deferred)


def _is_drained(pod: Pod, change: object, settings: Settings) -> bool:
    return isinstance(change, PodChange) and drains(pod, settings, change.restarts)


def _image(pod: Pod, name: str) -> str:
    container = pod.container(name)
    return container.image if container is not None else ""
