"""When an upgrade is over for somebody who waits for it, and how it has ended: exit codes of phases."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from inplace.cli import errors
from inplace.core.objects import names
from inplace.core.objects.reasons import ReasonCode
from inplace.core.objects.workloads import Workload
from inplace.core.rollout import rollback, steps
from inplace.core.settings.annotations import Native, parse
from inplace.core.state.statuses import Phase, Status


class Until(StrEnum):
    """What is waited for."""

    #: The end, or until somebody has to do something.
    OVER = "over"
    DONE = "done"
    PAUSED = "paused"
    PROMOTION = "promotion"


ENDS: Final = {
    Phase.UP_TO_DATE: errors.OK,
    Phase.REFUSED: errors.REFUSED,
    Phase.DEGRADED: errors.FAILED,
    Phase.ROLLED_BACK: errors.FAILED,
}
#: That a budget gives nothing for long is no failure of the upgrade: it goes on as soon as it does.
_BUDGET: Final = frozenset({ReasonCode.DisruptionBudget, ReasonCode.Reserving})


def code(status: Status, workload: Workload, until: Until = Until.OVER) -> int | None:
    """The exit code at which the wait ends; None as long as it goes on.

    What has been asked for since the controller reported is waited for: a retry, a promotion, a resume.
    """
    if _is_asked(status, workload):
        return None
    match status.phase:
        case Phase.DEGRADED if _waits_for_budget(status):
            return None
        case Phase.AWAITING_PROMOTION:
            if until is Until.PROMOTION:
                return errors.OK
            return None if until is Until.DONE or _goes_on(status, workload) else errors.AWAITS
        case Phase.PAUSED:
            if until is Until.PAUSED:
                return errors.OK if not status.in_flight else None
            return None if until is Until.DONE else errors.AWAITS
        case phase:
            return ENDS.get(phase)


def _waits_for_budget(status: Status) -> bool:
    return not status.failures and bool(status.reasons) and all(one.code in _BUDGET for one in status.reasons)


def _is_asked(status: Status, workload: Workload) -> bool:
    """Whether the report is from before what its owner has asked for, and would be another one now."""
    match status.phase:
        case Phase.DEGRADED | Phase.ROLLED_BACK:
            return rollback.request(workload) not in ("", status.retried)
        case Phase.AWAITING_PROMOTION:
            return steps.request(workload) not in ("", status.promoted)
        case Phase.PAUSED:
            theirs = workload.spec.paused and workload.metadata.label(names.FROZEN) is None
            return not (theirs or parse(workload.metadata, Native()).settings.paused)
        case _:
            return False


def _goes_on(status: Status, workload: Workload) -> bool:
    """Whether the step ends by itself."""
    found = parse(workload.metadata, Native()).settings.steps
    return status.step < len(found) and found[status.step].pause_seconds is not None
