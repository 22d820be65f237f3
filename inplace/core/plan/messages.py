"""The message of the status: one sentence about the state of the rollout."""

from __future__ import annotations

from typing import Final

from inplace.core.objects import names
from inplace.core.objects.plural import counted
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.plan.decision import Decision
from inplace.core.state.statuses import Phase


def message(decision: Decision, phase: Phase) -> str:
    """The headline of a status."""
    before = decision.before
    if decision.asked is None and before is not None and phase is before.phase and phase is not Phase.PROGRESSING:
        return before.message  # nothing is known but what was
    assessment = decision.assessment
    participants, refused = assessment.participants, assessment.refused
    done = sum(pod.done for pod in participants)
    if phase is Phase.HANDED_OVER:
        return f"native rollout: {refused[0]}"
    if phase is Phase.REFUSED:
        more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        return f"{refused[0]}{more}"
    if phase is Phase.UP_TO_DATE:
        excluded = [pod for pod in assessment.pods if pod.excluded and pod.excluded.code == ReasonCode.Partition]
        kept = sum(pod.revision != pod.target for pod in excluded)
        current = counted(done + len(excluded) - kept, "Pod")
        drifted = sum(bool(pod.drift) for pod in participants)
        others = f", but {drifted} with an image or a size that is not the template's" if drifted else ""
        return f"{current} up to date{others}" + (f", {kept} kept on the old revision" if kept else "")
    reason = decision.hold.reason if decision.hold is not None else decision.overdue or _refused_write(decision)
    why = f": {reason.message}" if reason is not None else ""
    if phase is Phase.AWAITING_PROMOTION:
        return f"{decision.step}{why}"
    if assessment.rolling_back:
        back_to = assessment.destination
        which = f" {back_to.revision}" if back_to is not None else ""
        return f"{done} of {len(participants)} Pods are back at the last healthy revision{which}{why}"
    return f"{done} of {len(participants)} Pods upgraded{why}"


def _refused_write(decision: Decision) -> Reason | None:
    """Why the write is refused that has failed for the longest."""
    refused = decision.refused_writes
    return refused[0].reason if refused else None


OPT_OUT_REFUSED: Final = "opted out, but the API server refuses to let go of the workload: see the reasons"


def opt_out_pending(behind: int, *, held: bool) -> str:
    """Why a workload stays frozen after its label was removed; or, if others have thawed it, what goes on."""
    if not held:
        return f"OptOutPending: {differing(behind)}: the native rollout replaces them once no Pod is in flight"
    return (
        f"OptOutPending: {differing(behind)}, so the freeze stays. Put the label {names.MODE} back to upgrade in "
        "place, or run inplace disable --force to leave them to the native rollout"
    )


def differing(count: int) -> str:
    """How many Pods differ from the template."""
    return f"{counted(count, 'Pod')} differ{'s' * (count == 1)} from the template"
