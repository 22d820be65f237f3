"""plan(snapshot, now) -> Plan: the decision core of the controller, the dry run and the commands.

    assess -> hold -> admit -> conclude

A plan holds only independent actions, at most one for each object; an order comes from one plan after the other.
"""

from __future__ import annotations

from collections.abc import Container
from datetime import datetime

from msgspec.structs import replace

from inplace.core.actions import lines
from inplace.core.actions.actions import (
    Action,
    DryRunPatch,
    LabelPhase,
    PatchWorkload,
    PodAction,
    WorkloadAction,
    WriteStatus,
    subject,
)
from inplace.core.actions.describe import sort_of
from inplace.core.objects import names
from inplace.core.objects.model import Pod
from inplace.core.plan import opt_out, readiness_gates
from inplace.core.plan.decision import Decision
from inplace.core.plan.events import events
from inplace.core.plan.requeue import requeue_at
from inplace.core.plan.result import Plan
from inplace.core.plan.status import status
from inplace.core.pod.states import Failed, InProgress, Pending
from inplace.core.rollout import holds, prepull
from inplace.core.rollout.admit import admit, still
from inplace.core.rollout.assess import Assessor, PodAssessment
from inplace.core.rollout.holds import Hold
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.state import conditions, records, statuses
from inplace.core.state.records import PodPhase, Record
from inplace.core.state.statuses import Phase, Status
from inplace.core.template import trees


class Planner:
    """Makes plans, and memoises the assessment of each Pod between plans.

    Without `acts` only to be looked at: how Pods begin may be of an earlier moment.
    """

    def __init__(self, *, acts: bool = True) -> None:
        self._assessor = Assessor(acts=acts)

    def plan(self, snapshot: Snapshot, now: datetime) -> Plan:
        """Decide everything about one workload."""
        opening = readiness_gates.opening(snapshot, now)
        decided = self._opted_in(snapshot, now) if is_opted_in(snapshot) else self._opted_out(snapshot, now)
        spoken_for = {action.pod.uid for action in opening.actions}
        others = (action for action in decided.actions if subject(action).uid not in spoken_for)
        due = min((at for at in (decided.requeue_at, opening.due) if at is not None), default=None)
        whole = replace(decided, actions=(*opening.actions, *others), requeue_at=due)
        return _without_resting(snapshot, whole, now)

    def dry_runs(self, snapshot: Snapshot, now: datetime) -> tuple[DryRunPatch, ...]:
        """The dry runs that the API server has not answered yet."""
        return self._assessor.assess(snapshot, now).dry_runs.pending

    def decide(self, snapshot: Snapshot, now: datetime) -> Decision:
        """Decide about a workload that is opted in, or would be."""
        assessment = self._assessor.assess(snapshot, now)
        hold = holds.first(assessment)
        return Decision(assessment, hold, admit(assessment, hold))

    def forecast(self, snapshot: Snapshot, now: datetime) -> Decision:
        """The same as if the workload were frozen and its ReplicaSet prepared."""
        assessment = self._assessor.assess(snapshot, now)
        hold = holds.lasting(assessment)
        return Decision(assessment, hold, admit(assessment, hold))

    def recheck(self, snapshot: Snapshot, live: Pod, now: datetime) -> PodAction | None:
        """The action of a plan on this Pod as it was read just now, for the check before a disruptive write.

        A start that cost no budget because the Pod was broken is not granted any more once it is not.
        """
        match self._assessor.assess_pod(snapshot, live, now).state:
            case Pending() as start:
                return still(snapshot, live, start)
            case InProgress(action=action) | Failed(action=action):
                return action
            case _:
                return None

    def forget(self, workload: str) -> None:
        """Drop everything about a deleted workload (uid)."""
        self._assessor.forget(workload)

    def keep(self, workloads: Container[str], nodes: Container[str]) -> None:
        """Drop everything about workloads (uids) and nodes (names) that do not exist."""
        self._assessor.keep(workloads, nodes)

    def _opted_in(self, snapshot: Snapshot, now: datetime) -> Plan:
        decision = self.decide(snapshot, now)
        foreign = statuses.foreign(snapshot.workload.metadata) is not None
        return _leave_alone(decision) if foreign else conclude(decision)

    def _opted_out(self, snapshot: Snapshot, now: datetime) -> Plan:
        """Complete Pods in flight, then remove our metadata; start nothing."""
        return opt_out.with_results(self._let_go(snapshot, now), snapshot, now)

    def _let_go(self, snapshot: Snapshot, now: datetime) -> Plan:
        if not opt_out.has_our_metadata(snapshot):
            return Plan(opt_out.possible(snapshot, opt_out.cleanup(snapshot)))
        assessment = self._assessor.assess_opting_out(snapshot, now, opt_out.WHY)
        hold = Hold(opt_out.WHY)
        decision = Decision(assessment, hold, admit(assessment, hold))
        behind = opt_out.behind(assessment)
        if decision.asked is not None and opt_out.may_let_go(snapshot, behind):
            return _last_writes(decision)
        reported = opt_out.pending_status(snapshot, status(decision), behind)
        actions = (*_in_motion(decision), *decision.admission.reservations.writes())
        if not opt_out.was_ours(snapshot):
            return Plan(actions, None, requeue_at(decision, reported), assessment.pods, decision.admission.deferred)
        return _finish(decision, reported, None, actions)


def behind(snapshot: Snapshot, now: datetime) -> list[PodAssessment]:
    """The Pods that the native rollout would replace if the freeze were lifted now."""
    return opt_out.behind(Assessor().assess_opting_out(snapshot, now, opt_out.WHY))


def plan(snapshot: Snapshot, now: datetime) -> Plan:
    """A single plan, without a memo."""
    return Planner().plan(snapshot, now)


def is_opted_in(snapshot: Snapshot) -> bool:
    """Whether the workload has the label that opts it in."""
    return snapshot.workload.metadata.label(names.MODE) is not None


def _without_resting(snapshot: Snapshot, decided: Plan, now: datetime) -> Plan:
    """Without the writes that have failed and are not tried again yet, whatever they are."""
    resting = {write.again for write in snapshot.failed_writes if write.rests(now)}
    if not resting:
        return decided
    actions = tuple(action for action in decided.actions if not snapshot.rests(action, now))
    times = (at for at in (decided.requeue_at, *resting) if at is not None)
    return replace(decided, actions=actions, requeue_at=min(times))


def conclude(decision: Decision) -> Plan:
    """Turn a decision into actions, a status, and the time of the next plan."""
    assessment, hold, admission = decision.assessment, decision.hold, decision.admission
    write = hold.write if hold is not None else _preparation(decision)
    write = write or holds.recording(assessment)
    if write is not None and assessment.snapshot.rests(write, assessment.now):
        write = None  # so that the status, which names it, is written
    actions = (
        *_in_motion(decision),
        *(hold.dry_runs if hold is not None else ()),
        *admission.reservations.writes(),
        *assessment.images.deletions,
        *_pulls(decision),
        *admission.granted,
    )
    return _finish(decision, status(decision), write, actions)


def _leave_alone(decision: Decision) -> Plan:
    """Only say that another version's status stands here: it stays, and nothing is done that it might speak of."""
    snapshot, reported = decision.assessment.snapshot, status(decision)
    kind, workload = snapshot.kind, snapshot.workload
    told = workload.metadata.label(names.PHASE) == reported.phase
    due = conditions.due(workload, reported, decision.assessment.now) if kind.keeps_conditions else []
    actions: tuple[Action, ...] = ()
    if (kind.labels_with_status and not told) or (kind.keeps_conditions and due != conditions.read(workload)):
        notes = () if told else events(None, reported)
        write = WriteStatus(workload, reported, notes, kind.labels_with_status, kind.keeps_conditions, False)
        actions = (write,)
    elif not told:
        actions = (LabelPhase(workload, reported.phase),)
    pending = workload.metadata.uid in snapshot.pending
    return Plan(() if pending else actions, reported, None, decision.assessment.pods, decision.admission.deferred)


def _preparation(decision: Decision) -> WorkloadAction | None:
    """The next write of the kind. Nothing is prepared for an image that may not exist."""
    return None if decision.assessment.images.nowhere else holds.preparation(decision.assessment)


def _last_writes(decision: Decision) -> Plan:
    """The writes that remove our metadata; where the API server refuses them, the status of what was ours says so."""
    snapshot, now = decision.assessment.snapshot, decision.assessment.now
    writes = tuple(write for write in opt_out.last_writes(snapshot, now) if not snapshot.rests(write, now))
    workload, unsaid = snapshot.workload.metadata, decision.refused_writes and opt_out.was_ours(snapshot)
    if not unsaid or any(subject(write).uid == workload.uid for write in writes):
        return Plan(writes)
    return _finish(decision, opt_out.refused_status(status(decision)), None, writes)


def _in_motion(decision: Decision) -> tuple[PodAction, ...]:
    """The actions on Pods that are in flight or have failed."""
    return tuple(state.action for state in decision.in_motion() if state.action is not None)


def _pulls(decision: Decision) -> tuple[Action, ...]:
    """The pull Pods to create now."""
    assessment, admission = decision.assessment, decision.admission
    if assessment.destination is None:
        return ()
    turning = set(decision.turning())
    first = [pod.pod for pod in assessment.pods if pod.pod.uid in turning]
    return prepull.start(
        assessment.snapshot,
        assessment.images,
        [*first, *admission.unprepared, *decision.without_image()],
        admission.next_up,
        assessment.destination,
        assessment.now,
    )


def _finish(decision: Decision, reported: Status, write: WorkloadAction | None, actions: tuple[Action, ...]) -> Plan:
    """Add the writes on the workload and what it owns, one for each object, and the time of the next plan."""
    snapshot = decision.assessment.snapshot
    write, due = _write(decision, reported, write)
    label = _label(decision, reported)
    if write is not None and label is not None and subject(write).uid == subject(label).uid:
        label = None
    wanted = (each for each in (write, label) if each is not None)
    actions = (*actions, *(each for each in wanted if subject(each).uid not in snapshot.pending))
    at = requeue_at(decision, reported, due)
    return Plan(actions, reported, at, decision.assessment.pods, decision.admission.deferred, decision.blocked)


def _write(
    decision: Decision, reported: Status, write: WorkloadAction | None
) -> tuple[WorkloadAction | None, datetime | None]:
    """The write on the workload: that of its kind, or our status, and when it is due.

    That an upgrade has started is reported before anything is prepared for it, or others would take it for finished.
    Only the freeze comes before that; that it has ended is reported last.
    """
    snapshot, before, now = decision.assessment.snapshot, decision.before, decision.assessment.now
    kind, workload = snapshot.kind, snapshot.workload
    moves = before is None or before.phase is not reported.phase
    first = moves and reported.phase is not Phase.UP_TO_DATE and not isinstance(write, PatchWorkload)
    if write is not None and not first:
        return write, None
    stale = kind.keeps_conditions and conditions.stand(workload) is (reported.phase is Phase.UP_TO_DATE)
    if stale or not statuses.same(before, reported):
        at_once = before is None or moves or before.updated_at > now  # others may have written the time
        due = now if before is None or at_once else before.updated_at + snapshot.status_every
        told = events(
            before,
            reported,
            _images(decision),
            upgraded=_has_upgraded(decision),
            opted_in=is_opted_in(snapshot),
        )
        report = WriteStatus(workload, reported, told, kind.labels_with_status, kind.keeps_conditions)
        if due <= now and not snapshot.rests(report, now):
            return report, due
        return (None if first and write is not None else write), due
    return write, None


def _has_upgraded(decision: Decision) -> bool:
    """Whether any Pod is at the template's revision because we moved it there."""
    snapshot, asked = decision.assessment.snapshot, decision.asked
    found = (records.of(pod, snapshot.workload.metadata.uid) for pod in snapshot.pods)
    own = (record for record in found if isinstance(record, Record) and record.phase is PodPhase.DONE)
    return asked is not None and any(record.target == asked.revision for record in own)


def _images(decision: Decision) -> str:
    """The images of the template, as `kubectl set image` takes them."""
    found = trees.containers(decision.asked.tree) if decision.asked is not None else {}
    return lines.images({name: str(container.get("image") or "") for name, container in found.items()})


def _label(decision: Decision, reported: Status) -> LabelPhase | None:
    """The label of a phase that is reported already. It does not wait until the status has stopped changing.

    It waits while another write on the workload fails: both would be tried, and fail alike.
    """
    snapshot, before = decision.assessment.snapshot, decision.before
    workload = snapshot.workload
    label = LabelPhase(workload, reported.phase)
    itself = sort_of(label)  # it has a pause of its own, and would fail each time as if for the first
    fails = any(one.uid == workload.metadata.uid and one.sort != itself for one in snapshot.failed_writes)
    stands = before is not None and before.phase is reported.phase and not fails
    return label if stands and workload.metadata.label(names.PHASE) != reported.phase else None
