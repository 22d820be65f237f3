"""Opting out: Pods in flight complete, none starts, and our metadata is removed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from msgspec.structs import replace

from inplace.core.actions.actions import Abort, Action, ClearStatus, ReleaseFields, subject
from inplace.core.objects import names
from inplace.core.objects.model import ManagedFields
from inplace.core.objects.reading import read
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.plan import messages
from inplace.core.pod.states import Ineligible, InProgress, UpToDate
from inplace.core.rollout import prepull
from inplace.core.rollout.assess import Assessment, PodAssessment
from inplace.core.rollout.disruption_budgets import Reservations
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.state import conditions
from inplace.core.state.statuses import Phase, Status

WHY: Final = Reason(ReasonCode.OptOutPending, "", "opted out: Pods in flight complete, no others start")


def behind(assessment: Assessment) -> list[PodAssessment]:
    """The Pods that the native rollout would replace if the freeze were lifted now."""
    return [pod for pod in assessment.pods if _is_behind(assessment, pod)]


def pending_status(status: Status, behind: list[PodAssessment]) -> Status:
    """The status of a workload whose label was removed while its Pods differ from the template."""
    phase = Phase.PROGRESSING if any(isinstance(pod.state, InProgress) for pod in behind) else Phase.PAUSED
    return replace(status, phase=phase, message=messages.opt_out_pending(behind))


def refused_status(status: Status) -> Status:
    """The status of a workload from which our metadata cannot be removed."""
    phase = status.phase if status.phase is Phase.DEGRADED else Phase.PROGRESSING
    return replace(status, phase=phase, message=messages.OPT_OUT_REFUSED)


def last_writes(snapshot: Snapshot, now: datetime) -> tuple[Action, ...]:
    """Release reservations, and clean up."""
    released = Reservations(snapshot, now).writes()
    return (*released, *possible(snapshot, cleanup(snapshot)))


def possible(snapshot: Snapshot, actions: Iterable[Action]) -> tuple[Action, ...]:
    """Only the actions on objects without a write in flight."""
    return tuple(action for action in actions if subject(action).uid not in snapshot.pending)


def cleanup(snapshot: Snapshot) -> tuple[Action, ...]:
    """The writes that remove our metadata: first on the Pods, then on the workload, which stays frozen until then."""
    pulls = prepull.cleanup(snapshot)
    marked = tuple(Abort(pod) for pod in snapshot.pods if pod.metadata.annotation(names.STATE) is not None)
    if marked or pulls:
        return (*pulls, *marked)
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
        return not isinstance(pod.state, UpToDate)
    kept_by_us = pod.excluded.code == ReasonCode.Partition and snapshot.kind.native(snapshot.workload).partition is None
    return kept_by_us and pod.revision != (target.revision if target is not None else "")


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
    return was_ours(snapshot) or noted or any(pod.metadata.annotation(names.STATE) is not None for pod in snapshot.pods)
