"""What we say about a workload: its status, and the Events that a change of status stands for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from inplace.core.actions.actions import Event
from inplace.core.kinds import Template
from inplace.core.objects import names
from inplace.core.objects.reasons import EventReason, Reason, ReasonCode
from inplace.core.pod import lifecycle
from inplace.core.pod.states import InProgress
from inplace.core.rollout import assess, rollback, steps
from inplace.core.rollout.assess import PodAssessment
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.rollout.steps import CurrentStep
from inplace.core.settings.schema import Parsed
from inplace.core.state import statuses
from inplace.core.state.statuses import Failure, Phase, Status


class StatusInput(Struct, frozen=True):
    """Everything that a status is made from. `back`: what the template asks for has failed and is rolled back;
    `problems`: what went wrong and holds up nothing; `overdue`: what is waited for beyond the deadline.
    """

    snapshot: Snapshot
    parsed: Parsed
    target: Template | Reason
    refused: tuple[Reason, ...]
    members: tuple[PodAssessment, ...]
    waiting: dict[str, Reason]
    wait: Reason | None
    now: datetime
    handed: bool = False
    back: bool = False
    stop: CurrentStep | None = None
    problems: tuple[Reason, ...] = ()
    overdue: Reason | None = None


def status(said: StatusInput) -> Status:
    """The status as of now."""
    workload, inside = said.snapshot.workload, [one for one in said.members if one.outside is None]
    before, failures = statuses.read(workload.metadata), assess.failed(said.members)
    revision = said.target.revision if isinstance(said.target, Template) else (before.revision if before else "")
    phase = _phase(said, assess.blamed(failures))
    shown = tuple(Failure(one.pod.name, reason.code, str(reason)) for one, reason in failures)
    if before is not None and said.back and not shown:
        shown = before.failures  # why it was rolled back
    begins = phase is Phase.ROLLING_BACK and not said.back
    same = before is not None and before.revision == revision
    at = steps.advance(workload, said.stop, before, same=same, reached=_reached(said), now=said.now)
    return Status(
        v=statuses.VERSION,
        observed_generation=_observed(said, before),
        revision=revision,
        phase=phase,
        replicas=said.snapshot.kind.desired(workload),
        updated=sum(one.revision == revision for one in said.members),
        ready=sum(one.ready for one in said.members),
        in_flight=sum(isinstance(one.state, InProgress) for one in inside),
        failed=len(failures),
        updated_at=said.now,
        waiting=_waiting(said, inside),
        reasons=(
            *said.refused,
            *_contested(said),
            *((said.overdue,) if said.overdue is not None else ()),
            *said.problems,
            *assess.drifted(said.members),
        ),
        failures=shown,
        healthy=revision if phase is Phase.UP_TO_DATE and not _kept(said) else (before.healthy if before else ""),
        rolled_back_from=revision if begins or said.back else "",
        retried=rollback.request(workload),
        step=at.step,
        reached_at=at.reached_at,
        promoted=steps.request(workload),
        message=_message(said, phase),
    )


def opt_out_pending(made: Status, behind: Sequence[PodAssessment]) -> Status:
    """The status of a workload whose label was removed before its Pods agree with the template."""
    phase = Phase.PROGRESSING if any(isinstance(one.state, InProgress) for one in behind) else Phase.PAUSED
    pending = (
        f"OptOutPending: {len(behind)} Pods differ from the template, so the freeze stays. Put the label "
        f"{names.MODE} back to upgrade them in place, or put the template back"
    )
    return replace(made, phase=phase, message=pending)


def events(before: Status | None, after: Status) -> tuple[Event, ...]:
    """The Events that this change of status stands for; none for a successful Pod."""
    found = [*_phase_events(before, after), *_failure_events(before, after)]
    known = {reason.path for reason in before.reasons if reason.code == ReasonCode.DriftDetected} if before else set()
    drift = [one for one in after.reasons if one.code == ReasonCode.DriftDetected and one.path not in known]
    return (*found, *(Event(EventReason.DriftDetected, str(one), warning=True) for one in drift))


def _observed(said: StatusInput, before: Status | None) -> int:
    """The generation that this status speaks of. Not the new one before its target is known: that would be a lie."""
    if isinstance(said.target, Template):
        return said.snapshot.workload.metadata.generation
    return before.observed_generation if before is not None else 0


def _phase(said: StatusInput, failures: int) -> Phase:
    if said.handed:
        return Phase.HANDED_OVER
    if _contested(said) or said.overdue is not None:
        return Phase.DEGRADED
    outstanding = not all(one.done for one in said.members) or _missing(said) or _unheld(said)
    if said.refused and (outstanding or said.parsed.errors):
        return Phase.REFUSED
    if failures > said.parsed.settings.max_failures:
        due = not said.back and rollback.is_due(said.snapshot, said.target, said.parsed.settings)
        return Phase.ROLLING_BACK if due else Phase.DEGRADED
    if isinstance(said.target, Reason):
        before = statuses.read(said.snapshot.workload.metadata)
        known = (
            before is not None and before.phase is not Phase.REFUSED
        )  # what was refused is not the template any more
        return before.phase if before is not None and known else Phase.PROGRESSING
    if said.back:
        return Phase.ROLLING_BACK if outstanding else Phase.ROLLED_BACK
    if not outstanding:
        return Phase.UP_TO_DATE
    if _reached(said) and not said.parsed.settings.paused:
        return Phase.AWAITING_PROMOTION
    waits = said.parsed.settings.paused or (said.wait is not None and said.wait.code == ReasonCode.PausedByOwner)
    return Phase.PAUSED if waits else Phase.PROGRESSING


def _reached(said: StatusInput) -> bool:
    """Whether the present stop is: as many Pods as it allows are at the new revision and serve, none is in flight."""
    if said.stop is None or not isinstance(said.target, Template):
        return False
    inside = [one for one in said.members if one.outside is None]
    there = sum(one.done and one.revision == said.target.revision for one in inside)
    return there >= said.stop.limit and not any(isinstance(one.state, InProgress) for one in inside)


def _contested(said: StatusInput) -> tuple[Reason, ...]:
    return (said.wait,) if said.wait is not None and said.wait.code == ReasonCode.FreezeContested else ()


def _unheld(said: StatusInput) -> bool:
    """Whether the freeze is still waited for: a change of the template now would be rolled out natively."""
    return said.wait is not None and said.wait.code in {ReasonCode.NativeRollout, ReasonCode.Freezing}


def _missing(said: StatusInput) -> bool:
    """Pods that do not exist yet are not done; one that was UpToDate before may be replaced without a new rollout."""
    before = statuses.read(said.snapshot.workload.metadata)
    revision = said.target.revision if isinstance(said.target, Template) else ""
    settled = before is not None and before.phase is Phase.UP_TO_DATE and before.revision == revision
    return not settled and len(said.members) < said.snapshot.kind.desired(said.snapshot.workload)


def _kept(said: StatusInput) -> bool:
    return any(one.outside is not None and one.outside.code == ReasonCode.Partition for one in said.members)


def _waiting(said: StatusInput, inside: Sequence[PodAssessment]) -> dict[str, int]:
    reasons = (said.waiting.get(one.pod.name) or lifecycle.explain(one.state) for one in inside if not one.done)
    return dict(sorted(Counter(str(reason.code) for reason in reasons if reason is not None).items()))


def _message(said: StatusInput, phase: Phase) -> str:
    inert = ", ".join(said.parsed.inert)
    note = f"set, but without effect in this version: {inert}" if inert else ""
    return ". ".join(part for part in (_headline(said, phase), note) if part)


def _headline(said: StatusInput, phase: Phase) -> str:
    inside = [one for one in said.members if one.outside is None]
    done = sum(one.done for one in inside)
    if phase is Phase.HANDED_OVER:
        return f"handed over to the native controller: {said.refused[0]}"
    if phase is Phase.REFUSED:
        more = f" (and {len(said.refused) - 1} more)" if len(said.refused) > 1 else ""
        return f"{said.refused[0]}{more}"
    if phase is Phase.UP_TO_DATE:
        kept = len(said.members) - len(inside)
        return f"{done} Pods upgraded" + (f", {kept} kept on the old revision" if kept else "")
    held = said.wait or said.overdue
    why = f": {held.message}" if held is not None else ""
    if phase is Phase.AWAITING_PROMOTION:
        return f"{said.stop}{why}"
    if said.back:
        return f"{done} of {len(inside)} Pods are back at the last healthy revision{why}"
    return f"{done} of {len(inside)} Pods upgraded{why}"


def _phase_events(before: Status | None, after: Status) -> list[Event]:
    was = before.phase if before is not None else None
    moved = before is not None and before.revision != after.revision
    if after.phase is Phase.REFUSED and (was is not Phase.REFUSED or before is None or before.reasons != after.reasons):
        invalid = any(reason.code == ReasonCode.SettingInvalid for reason in after.reasons)
        reason = EventReason.SettingsInvalid if invalid else EventReason.Refused
        return [Event(reason, after.message, warning=True)]
    if after.phase is Phase.PROGRESSING and (moved or was is Phase.UP_TO_DATE):
        return [
            Event(EventReason.UpgradeStarted, f"upgrading {after.replicas} Pods in place to revision {after.revision}")
        ]
    if after.phase is Phase.ROLLED_BACK and was is not Phase.ROLLED_BACK:
        first = f": {after.failures[0].message}" if after.failures else ""
        note = f"revision {after.revision} failed, and the Pods are back at {after.healthy}{first}"
        return [Event(EventReason.RolledBack, note, warning=True)]
    if after.phase is Phase.UP_TO_DATE and was is not None and was is not Phase.UP_TO_DATE:
        return [Event(EventReason.UpgradeCompleted, f"revision {after.revision}: {after.message}")]
    return []


def _failure_events(before: Status | None, after: Status) -> list[Event]:
    known = {(one.pod, one.code) for one in before.failures} if before is not None else set()
    fresh = [one for one in after.failures if (one.pod, one.code) not in known]
    return [Event(EventReason.PodFailed, f"{one.pod}: {one.code}: {one.message}", warning=True) for one in fresh]
