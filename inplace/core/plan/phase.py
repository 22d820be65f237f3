"""The phase of a workload, for its label, its status and its conditions."""

from __future__ import annotations

from inplace.core.objects.reasons import ReasonCode
from inplace.core.plan.decision import Decision
from inplace.core.rollout import rollback, verdicts
from inplace.core.state.statuses import Phase


def phase(decision: Decision) -> Phase:
    """The first phase that applies, in the order of docs/design/product.md."""
    assessment, settings = decision.assessment, decision.assessment.settings
    if any(reason.code == ReasonCode.VersionUnknown for reason in assessment.objections):
        return Phase.REFUSED
    if decision.falls_back:
        return Phase.HANDED_OVER
    if decision.contested is not None or decision.overdue is not None or decision.is_refused_for_long:
        return Phase.DEGRADED
    outstanding = not all(pod.done for pod in assessment.pods) or _misses_pods(decision) or _awaits_freeze(decision)
    if assessment.refused and (outstanding or assessment.objections):
        return Phase.REFUSED
    if verdicts.blamed(verdicts.failures(assessment.pods)) > settings.max_failures:
        return Phase.ROLLING_BACK if _is_rollback_due(decision) else Phase.DEGRADED
    if decision.asked is None:
        before = decision.before
        # What was refused is not the template any more.
        return before.phase if before is not None and before.phase is not Phase.REFUSED else Phase.PROGRESSING
    if assessment.rolling_back:
        return Phase.ROLLING_BACK if outstanding else Phase.ROLLED_BACK
    if not outstanding:
        return Phase.UP_TO_DATE
    if decision.is_step_reached and not settings.paused:
        return Phase.AWAITING_PROMOTION
    waits = settings.paused or decision.is_held_by(ReasonCode.PausedByOwner)
    return Phase.PAUSED if waits else Phase.PROGRESSING


def _is_rollback_due(decision: Decision) -> bool:
    """Whether the failures call for a rollback: it takes back moves, so only Pods that were moved speak for one."""
    assessment, asked = decision.assessment, decision.asked
    if asked is None or assessment.rolling_back:
        return False
    snapshot, failed = assessment.snapshot, verdicts.failures(assessment.pods)
    moved = verdicts.moved(failed, snapshot.workload.metadata.uid, asked.revision)
    enough = verdicts.blamed(moved) > assessment.settings.max_failures
    return enough and rollback.is_due(snapshot, asked, assessment.settings)


def _awaits_freeze(decision: Decision) -> bool:
    """Whether a change of the template now would be rolled out natively."""
    return decision.is_held_by(ReasonCode.NativeRollout, ReasonCode.Freezing, ReasonCode.WriteRefused)


def _misses_pods(decision: Decision) -> bool:
    """Missing Pods are not done; but a workload that is settled may replace Pods without a new rollout."""
    assessment, before = decision.assessment, decision.before
    revision = decision.asked.revision if decision.asked is not None else ""
    settled = before is not None and before.phase is Phase.UP_TO_DATE and before.is_settled(revision)
    return not settled and len(assessment.pods) < assessment.snapshot.kind.desired(assessment.snapshot.workload)
