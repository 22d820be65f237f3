"""Pods that nobody owns any more, as after `kubectl delete --cascade=orphan`: what we have begun on them ends.

A Pod with another controller is that one's. Another workload may adopt the Pod before the deadline of its attempt, and
goes on with it; so nothing is taken back before. Only what is certainly ours is touched: a gate that our record keeps
closed, and our pull Pods.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec import UNSET

from inplace.core.actions.actions import Abort, Action, DeletePullPod
from inplace.core.objects import names
from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.plan.result import Plan
from inplace.core.pod import attempt
from inplace.core.rollout import pull_pods
from inplace.core.state import records
from inplace.core.state.records import Record

_WHY: Final = Reason(
    ReasonCode.DeadlineExceeded, "metadata.ownerReferences", "deadline exceeded: no workload owns the Pod"
)


def concerns(pod: Pod) -> bool:
    """Whether nobody owns this Pod, and there is something of ours on it."""
    meta = pod.metadata
    return not meta.owner_references and any(
        (meta.annotation(names.STATE) is not None, meta.label(names.HELPER) is not None)
    )


def plan(pod: Pod, now: datetime) -> Plan:
    """What is done with such a Pod now, and when to look again."""
    if not concerns(pod) or pod.metadata.deletion_timestamp is not None:
        return Plan()
    if pull_pods.is_abandoned(pod):
        return Plan((DeletePullPod(pod),))
    record = records.read(pod)
    if isinstance(record, Record) and record.is_result:
        kept = record.is_kept(now) and record.kept_until is not UNSET
        return Plan(requeue_at=record.kept_until or None) if kept else Plan((Abort(pod),))
    if not isinstance(record, Record) or not record.in_flight:
        return Plan()
    if now < record.deadline:
        return Plan(requeue_at=record.deadline)
    return Plan((_end(pod, record),))


def _end(pod: Pod, record: Record) -> Action:
    """Back into service: as it was, or with the failure on record if an image was patched, so that it can be proven."""
    failed = attempt.fail(pod, record, _WHY).action
    return failed if (record.containers or record.resized) and failed is not None else Abort(pod)
