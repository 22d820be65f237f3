"""Opting out: Pods in flight complete, none starts, and our metadata is removed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final

from msgspec import UNSET
from msgspec.structs import replace

from inplace.core.actions.actions import Abort, Action, ClearStatus, ReleaseFields, subject
from inplace.core.kinds.kind import Template
from inplace.core.kinds.matching import wrong_images
from inplace.core.objects import names
from inplace.core.objects.model import ManagedFields, Meta, Pod
from inplace.core.objects.reading import read
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.plan import messages
from inplace.core.plan.result import Plan
from inplace.core.pod.states import Ineligible, InProgress, UpToDate
from inplace.core.rollout import freeze, prepull
from inplace.core.rollout.assess import Assessment, PodAssessment
from inplace.core.rollout.disruption_budgets import Reservations
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.state import conditions, records
from inplace.core.state.records import PodPhase, Record
from inplace.core.state.statuses import Phase, Status

WHY: Final = Reason(ReasonCode.OptOutPending, "", "opted out: Pods in flight complete, no others start")


def behind(assessment: Assessment) -> list[PodAssessment]:
    """The Pods that the native rollout would replace if the freeze were lifted now."""
    return [pod for pod in assessment.pods if _is_behind(assessment, pod)]


def may_let_go(snapshot: Snapshot, behind: list[PodAssessment]) -> bool:
    """Whether our metadata can go: nothing differs, or nothing holds the Pods that differ, as somebody has lifted the
    freeze, and none of them is in flight."""
    return not behind or (not snapshot.kind.held(snapshot.workload) and not is_in_flight(behind))


def is_in_flight(behind: list[PodAssessment]) -> bool:
    """Whether one of these Pods is in flight."""
    return any(isinstance(pod.state, InProgress) for pod in behind)


def pending_status(snapshot: Snapshot, status: Status, behind: list[PodAssessment]) -> Status:
    """The status of a workload whose label was removed while its Pods differ from the template."""
    phase = Phase.PROGRESSING if is_in_flight(behind) else Phase.PAUSED
    held = snapshot.kind.held(snapshot.workload)
    return replace(status, phase=phase, message=messages.opt_out_pending(len(behind), held=held))


def refused_status(status: Status) -> Status:
    """The status of a workload from which our metadata cannot be removed."""
    phase = status.phase if status.phase is Phase.DEGRADED else Phase.PROGRESSING
    return replace(status, phase=phase, message=messages.OPT_OUT_REFUSED)


def last_writes(snapshot: Snapshot, now: datetime) -> tuple[Action, ...]:
    """Release reservations, see to it that the native rollout replaces what differs and nothing else, and clean up.

    Until the cache shows our last write on a ReplicaSet nobody can tell what that rollout would do.
    """
    released, owned = Reservations(snapshot, now).writes(), snapshot.owned.children
    if any(child.metadata.uid in snapshot.pending for child in owned):
        return released
    first = freeze.hand_back(snapshot)
    wanted = cleanup(snapshot) if first is None else (first,)
    if first is not None and snapshot.kind.held(snapshot.workload):
        wanted = (first, *on_pods(snapshot))  # else the records tell what those Pods have that differ
    return (*released, *possible(snapshot, wanted))


def possible(snapshot: Snapshot, actions: Iterable[Action]) -> tuple[Action, ...]:
    """Only the actions on objects without a write in flight."""
    return tuple(action for action in actions if subject(action).uid not in snapshot.pending)


def on_pods(snapshot: Snapshot) -> tuple[Action, ...]:
    """The writes that remove our metadata from the Pods, and our pull Pods."""
    marked = tuple(
        Abort(pod, revision_labels=_told_apart(snapshot, pod)) for pod in snapshot.pods if records.is_left(pod)
    )
    return (*prepull.cleanup(snapshot), *marked)


def with_results(plan: Plan, snapshot: Snapshot, now: datetime) -> Plan:
    """The plan, and what becomes of the results that commands have left on Pods: each goes when its time is over."""
    found = [(pod, records.result(pod)) for pod in snapshot.pods]
    results = [(pod, record) for pod, record in found if record is not None]
    over = possible(snapshot, (Abort(pod) for pod, record in results if not record.is_kept(now)))
    times = [record.kept_until for _, record in results if record.is_kept(now) and record.kept_until is not UNSET]
    due = min([*times, *([plan.requeue_at] if plan.requeue_at is not None else [])], default=None)
    return replace(plan, actions=(*plan.actions, *over), requeue_at=due) if results else plan


def _told_apart(snapshot: Snapshot, pod: Pod) -> Mapping[str, str]:
    """The labels of the revision that a failed attempt has left in the spec of this Pod, where the label of the
    template stands: once the record is gone, its own controller would take it for one of the template for ever."""
    target = snapshot.kind.target(snapshot.workload, snapshot.revisions)
    if isinstance(target, Reason) or pod.metadata.label(names.REVISION_LABEL) != target.revision:
        return {}
    left = _left_in(snapshot, pod, target)
    if left in {"", target.revision}:
        return {}
    return snapshot.kind.revision_labels(snapshot.workload, left, newest=False)


def _left_in(snapshot: Snapshot, pod: Pod, target: Template) -> str:
    """The revision whose images a failed attempt has left in the spec of this Pod, empty if none has.

    Where somebody has written into the record, the revision with the very images of the Pod: no one else has them.
    """
    record = records.of(pod, snapshot.workload.metadata.uid)
    if isinstance(record, Record):
        found = {name: pod.container(name) for name in record.containers}
        patched = all(one is not None and one.image == record.containers[name].to for name, one in found.items())
        return record.target if record.phase is PodPhase.FAILED and found and patched else ""
    if record is None or not wrong_images(pod, target):
        return ""
    return next((name for name, template in snapshot.revisions.items() if not wrong_images(pod, template)), "")


def cleanup(snapshot: Snapshot) -> tuple[Action, ...]:
    """The writes that remove our metadata: first on the Pods, then on the workload, which stays frozen until then."""
    first = on_pods(snapshot)
    if first:
        return first
    thaw = snapshot.kind.thaw(snapshot.workload, snapshot.owned)
    if thaw is not None:
        return (thaw,)
    if conditions.stand(snapshot.workload):
        return (ClearStatus(snapshot.workload),)
    return release(snapshot)


def release(snapshot: Snapshot) -> tuple[ReleaseFields, ...]:
    """Give up our fields, last of all: what we wrote back is the owner's, who may apply something else.

    If there is no entry but ours, the API server keeps them; what it kept in spite of us is not asked for again.
    """
    found = snapshot.workload.metadata.managed_fields
    if bytes(found) == snapshot.released:
        return ()
    entries = read(found, list[ManagedFields], [])
    ours = tuple(place for place, entry in enumerate(entries) if entry.manager == names.FIELD_MANAGER)
    return (ReleaseFields(snapshot.workload, ours),) if ours and len(ours) < len(entries) else ()


def _is_behind(assessment: Assessment, pod: PodAssessment) -> bool:
    snapshot, target = assessment.snapshot, assessment.destination
    if pod.excluded is None:
        unknown = isinstance(pod.state, Ineligible) and pod.state.reason.code == ReasonCode.BaseUnknown
        if unknown and snapshot.kind.fall_back(snapshot.workload) is None:
            return False  # no native rollout would replace it, and nobody can tell what it lacks
        return not isinstance(pod.state, UpToDate) and not _is_only_drained(assessment, pod)
    kept_by_us = pod.excluded.code == ReasonCode.Partition and snapshot.kind.native(snapshot.workload).partition is None
    return kept_by_us and pod.revision != (target.revision if target is not None else "")


def _is_only_drained(assessment: Assessment, pod: PodAssessment) -> bool:
    """Whether the Pod has what the template asks for, and nothing but its gate is to be put back."""
    record, target = records.of(pod.pod, assessment.snapshot.workload.metadata.uid), assessment.destination
    if not isinstance(record, Record) or not (record.is_ours or assessment.now >= record.deadline):
        return False  # a command works on it
    drained = record.phase is PodPhase.DRAINING and not (record.containers or record.resized)
    alive = pod.pod.metadata.deletion_timestamp is None
    return drained and alive and target is not None and pod.revision == target.revision


def was_ours(snapshot: Snapshot) -> bool:
    """Whether the workload was ever opted in by itself.

    A ReplicaSet whose Deployment was deleted with `--cascade=orphan` has only what the Deployment controller copied to
    it: our annotations, and none of our labels. Nothing is reported on it, for nobody would ever take it away.
    """
    return any(snapshot.workload.metadata.label(key) is not None for key in (names.FROZEN, names.PHASE))


def has_our_metadata(snapshot: Snapshot) -> bool:
    """Whether the workload or its Pods have metadata of ours, apart from the opt-in and the settings."""
    meta = snapshot.workload.metadata
    noted = any(meta.annotation(key) is not None for key in (names.STATUS, names.ORIGINAL_STRATEGY))
    recorded = any(records.is_left(pod) for pod in snapshot.pods)
    known = any(one.annotation(key) is not None for one, key in _templates_of(snapshot))
    return was_ours(snapshot) or noted or recorded or known


def _templates_of(snapshot: Snapshot) -> Iterator[tuple[Meta, str]]:
    """Where templates are on record while Pods may differ from what their ReplicaSet has."""
    return ((child.metadata, names.TEMPLATES) for child in snapshot.owned.children)
