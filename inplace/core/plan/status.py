"""The status of a workload from a decision."""

from __future__ import annotations

from collections import Counter

import msgspec

from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.plan import readiness_gates
from inplace.core.plan.decision import Decision
from inplace.core.plan.messages import message
from inplace.core.plan.phase import phase
from inplace.core.pod import lifecycle
from inplace.core.pod.states import InProgress
from inplace.core.rollout import rollback, steps, verdicts
from inplace.core.rollout.assess import PodAssessment
from inplace.core.state import versions
from inplace.core.state.statuses import Failure, Phase, Status


def status(decision: Decision) -> Status:
    """The current status."""
    assessment, before = decision.assessment, decision.before
    workload, kind = assessment.snapshot.workload, assessment.snapshot.kind
    revision = decision.asked.revision if decision.asked is not None else (before.revision if before else "")
    now_in, failed = phase(decision), verdicts.failures(assessment.pods)
    failures = tuple(Failure(pod.pod.name, reason.code, str(reason)) for pod, reason in failed)
    if before is not None and assessment.rolling_back and not failures:
        failures = before.failures  # why it was rolled back
    rolls_back = assessment.rolling_back or now_in is Phase.ROLLING_BACK
    same = before is not None and before.revision == revision
    reached = decision.is_step_reached
    position = steps.advance(workload, decision.step, before, same=same, reached=reached, now=assessment.now)
    healthy = now_in is Phase.UP_TO_DATE and _is_served_by(assessment.pods, revision)
    return Status(
        v=versions.VERSION,
        observed_generation=_observed_generation(decision),
        revision=revision,
        phase=now_in,
        replicas=kind.desired(workload),
        updated=_updated(decision, revision),
        ready=sum(pod.ready for pod in assessment.pods),
        in_flight=sum(isinstance(pod.state, InProgress) for pod in assessment.participants),
        failed=len(failed),
        updated_at=assessment.now,
        waiting=_waiting(decision),
        reasons=_reasons(decision),
        failures=failures,
        healthy=revision if healthy else (before.healthy if before else ""),
        rolled_back_from=revision if rolls_back else "",
        retried=_retried(decision),
        step=position.step,
        reached_at=position.reached_at,
        promoted=steps.request(workload),
        message=message(decision, now_in),
        others=before.others if before is not None else msgspec.UNSET,
    )


def explain(pod: PodAssessment, deferred: dict[str, Reason]) -> Reason | None:
    """Why nothing (more) happens to a Pod now, or what is odd about it; None if it is simply up to date, or starts."""
    why = deferred.get(pod.pod.name) or pod.excluded or lifecycle.explain(pod.state)
    return why or next(iter(pod.drift), None)


def _updated(decision: Decision, revision: str) -> int:
    """The Pods at the revision. While the target is not known those that were: a new Pod of it has not run yet, and
    would make it a revision that had (`Status.is_settled`)."""
    if decision.asked is None and decision.before is not None:
        return decision.before.updated
    present = (pod for pod in decision.assessment.pods if not _is_scaled_away(pod))
    return sum(pod.revision == revision for pod in present)


def _is_scaled_away(pod: PodAssessment) -> bool:
    return pod.excluded is not None and pod.excluded.code == ReasonCode.ScaledAway


def _retried(decision: Decision) -> str:
    """The last request to retry that was answered; one that is to open gates, not before these are open."""
    snapshot, before = decision.assessment.snapshot, decision.before
    if readiness_gates.answers_retry(snapshot):
        return rollback.request(snapshot.workload)
    return before.retried if before is not None else ""


def _observed_generation(decision: Decision) -> int:
    """The generation of this status. Not the new one before its target is known: that would be wrong."""
    if decision.asked is not None:
        return decision.assessment.snapshot.workload.metadata.generation
    return decision.before.observed_generation if decision.before is not None else 0


def _reasons(decision: Decision) -> tuple[Reason, ...]:
    assessment = decision.assessment
    pressing = (reason for reason in (decision.contested, decision.overdue) if reason is not None)
    refusals = dict.fromkeys(write.reason for write in decision.refused_writes if write.reason is not None)
    drift = (reason for pod in assessment.pods for reason in pod.drift)
    return (*assessment.refused, *pressing, *refusals, *assessment.images.problems(), *drift)


def _waiting(decision: Decision) -> dict[str, int]:
    behind = (pod for pod in decision.assessment.participants if not pod.done)
    reasons = (explain(pod, decision.admission.deferred) for pod in behind)
    return dict(sorted(Counter(str(reason.code) for reason in reasons if reason is not None).items()))


def _is_served_by(pods: tuple[PodAssessment, ...], revision: str) -> bool:
    """Whether no Pod is kept on another revision, and at least one is available: what never ran is not healthy.

    A Pod that another writer has changed says nothing of its revision, nor does one that is to go.
    """
    kept = any(pod.excluded is not None and pod.excluded.code == ReasonCode.Partition for pod in pods)
    staying = (pod for pod in pods if not _is_scaled_away(pod))
    return not kept and any(pod.available and pod.revision == revision and not pod.drift for pod in staying)
