"""The Events for a change of status; none is recorded for a Pod that succeeds."""

from __future__ import annotations

from inplace.core.actions.actions import Event
from inplace.core.objects.plural import counted
from inplace.core.objects.reasons import EventReason, Reason, ReasonCode
from inplace.core.rollout import prepull
from inplace.core.state import statuses
from inplace.core.state.statuses import Failure, Phase, Status


def events(
    before: Status | None, after: Status, images: str = "", *, upgraded: bool = False, opted_in: bool = True
) -> tuple[Event, ...]:
    """The Events to record with this status.

    `images` are those that are asked for; `upgraded`: whether we have moved any Pod to this revision.
    """
    return (
        *(_of_start(before, after, images) if opted_in else ()),
        *_of_phase(before, after, upgraded=upgraded),
        *_of_failures(before, after),
        *_of_pre_pull(before, after),
        *_of_drift(before, after),
    )


def _of_start(before: Status | None, after: Status, images: str) -> list[Event]:
    """That an upgrade begins: not while the native controller rolls out, which may leave nothing to do in place."""
    if before is None or after.phase is not Phase.PROGRESSING or _is_native(after):
        return []
    moved = before.revision not in ("", after.revision)  # "": the first look at a new workload
    if not (moved or before.phase is Phase.UP_TO_DATE or (before.phase is Phase.PROGRESSING and _is_native(before))):
        return []
    note = f"upgrading {counted(after.replicas, 'Pod')} in place to revision {after.revision}"
    return [Event(EventReason.UpgradeStarted, note + (f": {images}" if images else ""))]


def _is_native(status: Status) -> bool:
    """Whether Pods wait for a native rollout."""
    return ReasonCode.NativeRollout in status.waiting


def _of_phase(before: Status | None, after: Status, *, upgraded: bool) -> list[Event]:
    was = before.phase if before is not None else None
    if after.phase is Phase.REFUSED and (
        was is not Phase.REFUSED or before is None or before.reasons != statuses.kept(after.reasons)
    ):
        invalid = any(reason.code == ReasonCode.SettingInvalid for reason in after.reasons)
        reason = EventReason.SettingInvalid if invalid else EventReason.Refused
        return [Event(reason, after.message, warning=True)]
    if after.phase is Phase.ROLLED_BACK and was is not Phase.ROLLED_BACK:
        first = f": {after.failures[0].message}" if after.failures else ""
        note = f"revision {after.revision} failed, and the Pods are back at {after.healthy}{first}"
        return [Event(EventReason.RolledBack, note, warning=True)]
    if after.phase is Phase.DEGRADED and was is not Phase.DEGRADED and not new_failures(before, after):
        return [Event(EventReason.Degraded, after.message, warning=True)]  # a Pod that has failed says so itself
    if after.phase is Phase.UP_TO_DATE and before is not None and _has_upgraded(before, after, upgraded):
        return [Event(EventReason.UpgradeCompleted, f"revision {after.revision}: {after.message}")]
    return []


def _has_upgraded(before: Status, after: Status, upgraded: bool) -> bool:
    """Whether what ends is an upgrade: after opting in, Pods that were not Ready are waited for, and not upgraded."""
    moved = upgraded and (before.in_flight or before.failed or before.updated != after.updated)
    return before.phase is not Phase.UP_TO_DATE and bool(moved or before.healthy not in ("", after.revision))


def new_failures(before: Status | None, after: Status) -> list[Failure]:
    """The failures of Pods that the status before did not tell of."""
    known = {(failure.pod, failure.code) for failure in before.failures} if before is not None else set()
    return [failure for failure in after.failures if (failure.pod, failure.code) not in known]


def _of_failures(before: Status | None, after: Status) -> list[Event]:
    return [
        Event(EventReason.PodFailed, f"{failure.pod}: {failure.code}: {failure.message}", warning=True)
        for failure in new_failures(before, after)
    ]


def _of_pre_pull(before: Status | None, after: Status) -> list[Event]:
    """That the API server refuses pull Pods: the Pods that wait for them fail only at their deadline.

    One that a node turns away has an Event of its own, and its successor has another.
    """
    known = before is not None and any(_is_refused_pull(reason) for reason in before.reasons)
    told = () if known else (reason for reason in after.reasons if _is_refused_pull(reason))
    return [Event(EventReason.PrePullImpossible, str(reason), warning=True) for reason in told]


def _is_refused_pull(reason: Reason) -> bool:
    return reason.code == ReasonCode.PrePullImpossible and prepull.NOT_CREATED in reason.message


def _of_drift(before: Status | None, after: Status) -> list[Event]:
    known = {reason.path for reason in before.reasons if reason.code == ReasonCode.DriftDetected} if before else set()
    return [
        Event(EventReason.DriftDetected, str(reason), warning=True)
        for reason in statuses.kept(after.reasons)  # what is not stored would be told again and again
        if reason.code == ReasonCode.DriftDetected and reason.path not in known
    ]
