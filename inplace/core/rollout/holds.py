"""Why nothing may start in a workload, regardless of the budget: a chain of named checks.

A check answers with a `Hold`, which carries what lifts it: a time, a write on the workload, or dry runs to make. The
first answer counts.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from inplace.core.actions.actions import (
    CreateReplicaSet,
    DeleteReplicaSet,
    DryRunPatch,
    PatchReplicaSet,
    PatchWorkload,
    WorkloadAction,
)
from inplace.core.kinds import Template
from inplace.core.objects import names
from inplace.core.objects.plural import counted
from inplace.core.objects.reasons import Reason, ReasonCode, Wait
from inplace.core.rollout import freeze, reported, verdicts
from inplace.core.rollout.assess import Assessment
from inplace.core.rollout.targets import AtStep, Unknown
from inplace.core.settings.annotations import Mode
from inplace.core.state import statuses


class Hold(Struct, frozen=True):
    """Why no Pod of the workload may start now, and what ends that."""

    reason: Reason
    #: When it ends by itself; None: when something changes.
    until: datetime | None = None
    #: The write on the workload that ends it.
    write: WorkloadAction | None = None
    #: The dry runs that end it.
    dry_runs: tuple[DryRunPatch, ...] = ()

    @property
    def ended_by(self) -> tuple[WorkloadAction | DryRunPatch, ...]:
        """All that the controller does to end it."""
        return self.dry_runs if self.write is None else (self.write, *self.dry_runs)


Check = Callable[[Assessment], Hold | None]

#: How soon a workload that waits for the caches is planned again.
STALE_AGAIN: Final = timedelta(seconds=5)
#: What admission refuses in a live Pod it would refuse in a new one as well; and that one Pod's revision is not known
#: says nothing about the change.
_NOT_HANDED_OVER: Final = (ReasonCode.AdmissionRejected, ReasonCode.BaseUnknown)


def first(assessment: Assessment) -> Hold | None:
    """The first reason why nothing may start.

    Where the API server refuses the write, or a dry run, that would end it, that is the reason.
    """
    hold = next((hold for check in HOLDS if (hold := check(assessment)) is not None), None)
    if hold is None or not hold.ended_by:
        return hold
    failures = (assessment.snapshot.failure_of(action) for action in hold.ended_by)
    failed = next((failed for failed in failures if failed is not None and failed.reason is not None), None)
    if failed is not None and failed.reason is not None:
        return Hold(failed.reason, failed.again, hold.write, hold.dry_runs)
    return (reported_by_the_controller(assessment) if hold.write is not None else None) or hold


def lasting(assessment: Assessment) -> Hold | None:
    """The first hold that the controller's own writes and dry runs do not end; used by forecasts.

    What is to be recorded or prepared always ends by a write, and is not asked: nothing can be prepared for a template
    that is not applied. That the API server refuses the freeze comes first: nothing else is made in place then.
    """
    if (freeze_refused := _freeze_refused(assessment)) is not None:
        return freeze_refused
    checks = (check for check in HOLDS if check not in {not_prepared, not_recorded})
    holds = (hold for check in checks if (hold := check(assessment)) is not None)
    return next((hold for hold in holds if assessment.refused or not hold.ended_by), None)


def refused(assessment: Assessment) -> Hold | None:
    """The change cannot be made in place; if the user allows it, the native rollout makes it."""
    if not assessment.refused:
        return None
    snapshot = assessment.snapshot
    if falls_back(assessment):
        write = freeze.hand_back(snapshot) or snapshot.kind.fall_back(snapshot.workload)
        return Hold(assessment.refused[0], write=write)
    hold = freeze_not_in_place(assessment)
    return Hold(assessment.refused[0], write=hold.write if hold is not None else None)


def freeze_not_in_place(assessment: Assessment) -> Hold | None:
    """The native controller could still replace Pods."""
    match freeze.needed(assessment.snapshot, assessment.now):
        case None:
            return None
        case Wait(reason, until):
            return Hold(reason, until)
        case PatchWorkload() as write:
            return Hold(Reason(ReasonCode.Freezing, "spec", write.note), write=write)
        case write:
            return Hold(Reason(ReasonCode.Preparing, "spec", write.note), write=write)


def is_unfrozen(assessment: Assessment) -> bool:
    """Whether a change of the template is rolled out natively, although the workload is opted in."""
    hold, meta = freeze_not_in_place(assessment), assessment.snapshot.workload.metadata
    write = hold.write if hold is not None else None
    holds_back = isinstance(write, PatchWorkload) and bool(write.spec) and write.why in freeze.FREEZES
    return holds_back and meta.label(names.MODE) is not None


def _freeze_refused(assessment: Assessment) -> Hold | None:
    """The workload is not frozen, and the controller's write that would freeze it is refused, whatever the target."""
    status = statuses.current(assessment.snapshot.workload)
    reason = reported.refused_write(status, "") if is_unfrozen(assessment) else None
    return Hold(reason) if reason is not None else None


def target_unknown(assessment: Assessment) -> Hold | None:
    """The workload's own controller has not set the revision yet, or the revision no longer exists."""
    return Hold(assessment.targets.reason) if isinstance(assessment.targets, Unknown) else None


def not_recorded(assessment: Assessment) -> Hold | None:
    """A Pod in flight is to go on to a template that nobody could tell later; a pause does not hold it."""
    target, snapshot = assessment.destination, assessment.snapshot
    if target is None or assessment.images.nowhere or not any(assessment.turning()):
        return None
    write = snapshot.kind.record(snapshot.workload, snapshot.owned, target)
    return Hold(Reason(ReasonCode.Preparing, "", write.note), write=write) if write is not None else None


def paused(assessment: Assessment) -> Hold | None:
    """The user has paused upgrades."""
    return Hold(Reason(ReasonCode.Paused, "", "paused: true")) if assessment.settings.paused else None


def too_many_failures(assessment: Assessment) -> Hold | None:
    """More Pods failed than max-failures tolerates."""
    failed, tolerated = verdicts.blamed(verdicts.failures(assessment.pods)), assessment.settings.max_failures
    if failed <= tolerated:
        return None
    return Hold(
        Reason(ReasonCode.WorkloadDegraded, "", f"{counted(failed, 'Pod')} failed, max-failures is {tolerated}")
    )


def leader_takeover(assessment: Assessment) -> Hold | None:
    """The previous leader may still be writing."""
    until = assessment.snapshot.not_before
    if until is None or assessment.now >= until:
        return None
    why = "new leader: waiting until the previous one has certainly stopped"
    return Hold(Reason(ReasonCode.LeaderTakeover, "", why), until)


def stale_cache(assessment: Assessment) -> Hold | None:
    """What is to be disrupted, or protects it, may have changed unseen."""
    why = assessment.snapshot.stale
    if not why:
        return None
    return Hold(Reason(ReasonCode.CacheStale, "", f"nothing new begins while {why}"), assessment.now + STALE_AGAIN)


def dry_run_pending(assessment: Assessment) -> Hold | None:
    """The dry runs are not complete."""
    pending = assessment.dry_runs.pending
    if not pending:
        return None
    why = "checking by dry run whether the API server accepts the image patches"
    return Hold(Reason(ReasonCode.Preflight, "", why), dry_runs=pending)


def not_prepared(assessment: Assessment) -> Hold | None:
    """What stands between the workload and its Pods does not have the new template yet.

    A Pod that is created meanwhile must not get an image that may not exist: until the image has been seen on a node,
    nothing is prepared for it.
    """
    if assessment.images.nowhere:
        return None
    write = preparation(assessment)
    # A write on the workload's status is none that Pods wait for.
    if not isinstance(write, PatchReplicaSet | CreateReplicaSet | PatchWorkload | DeleteReplicaSet):
        return None
    return Hold(Reason(ReasonCode.Preparing, "", write.note), write=write)


def reported_by_the_controller(assessment: Assessment) -> Hold | None:
    """A command keeps no state: it takes from the controller's report what only the controller knows."""
    reason = reported.hold(assessment.snapshot.reported)
    return Hold(reason) if reason is not None else None


HOLDS: Final[tuple[Check, ...]] = (
    refused,  # the change cannot be made in place, or the API server does not take it
    freeze_not_in_place,  # the native controller could still replace Pods
    target_unknown,  # the revision is not set yet
    not_recorded,  # Pods in flight are to get another template on the way
    paused,  # inplace.dev/paused
    too_many_failures,  # more Pods failed than max-failures tolerates
    stale_cache,  # what is known of the cluster may be out of date
    leader_takeover,  # the previous leader may still be writing
    dry_run_pending,  # admission has not answered for every sort of Pod
    not_prepared,  # the ReplicaSet does not have the new template yet
    reported_by_the_controller,  # what the controller says, if a command looks
)


def preparation(assessment: Assessment) -> WorkloadAction | None:
    """The writes that the kind requires before its Pods move, or after they have."""
    target, snapshot = assessment.destination, assessment.snapshot
    if target is None:
        return None
    kind, workload, owned = snapshot.kind, snapshot.workload, snapshot.owned
    partitioned = any(pod.excluded is not None and pod.excluded.code == ReasonCode.Partition for pod in assessment.pods)
    whole = not isinstance(assessment.targets, AtStep) and not partitioned
    before = kind.prepare(workload, owned, target, whole=whole)
    done = whole and len(assessment.pods) >= kind.desired(workload) and all(pod.done for pod in assessment.pods)
    if before is not None or assessment.rolling_back or not done:
        return before
    return kind.conclude(workload, owned, target, freeze_policy=snapshot.freeze_policy is True)


def recording(assessment: Assessment) -> WorkloadAction | None:
    """The write that keeps the workload's own template, where Pods may be created from it before anything is upgraded
    to it: also while an upgrade is held, and if its image may not exist."""
    snapshot = assessment.snapshot
    kind, workload = snapshot.kind, snapshot.workload
    if not kind.records_at_once or kind.unsupported(workload, assessment.settings) is not None:
        return None
    own = kind.target(workload, snapshot.revisions)
    return kind.record(workload, snapshot.owned, own) if isinstance(own, Template) else None


def falls_back(assessment: Assessment) -> bool:
    """Whether a change that cannot be made in place is the native controller's now, as the owner allows.

    Not while Pods are in flight, nor if it would replace Pods that a pause or a partition of ours is to keep.
    """
    snapshot, settings = assessment.snapshot, assessment.settings
    allowed = settings.mode is Mode.IF_POSSIBLE and not settings.paused and not assessment.rolling_back
    if not (allowed and assessment.refused) or assessment.objections:
        return False
    excluded = (pod.excluded for pod in assessment.pods if pod.excluded is not None)
    by_us = snapshot.kind.native(snapshot.workload).partition is None
    kept = by_us and any(reason.code == ReasonCode.Partition for reason in excluded)
    if kept or assessment.is_in_progress:
        return False
    if any(reason.code in _NOT_HANDED_OVER for reason in assessment.refused):
        return False
    if snapshot.kind.held(snapshot.workload):  # by an OnDelete of the owner's nothing is replaced, and nothing is ours
        return snapshot.kind.fall_back(snapshot.workload) is not None
    needed = freeze.needed(snapshot, assessment.now)
    is_paused = isinstance(needed, Wait) and needed.reason.code == ReasonCode.PausedByOwner
    return needed is not None and not is_paused
