"""The failures of a rollout: which speak against the target, and which of the Pods can be rolled back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.pod.states import Failed
from inplace.core.rollout.assess import PodAssessment
from inplace.core.state import records
from inplace.core.state.records import Record

#: Failures that say nothing about what the Pod was to get.
BLAMELESS: Final = (ReasonCode.NodeLost, ReasonCode.CommandLost)


def failures(pods: Sequence[PodAssessment]) -> list[tuple[PodAssessment, Reason]]:
    """The Pods that failed for the current target, with their reasons."""
    return [(pod, pod.state.reason) for pod in pods if isinstance(pod.state, Failed) and pod.excluded is None]


def moved(
    failed: Sequence[tuple[PodAssessment, Reason]], workload: str, revision: str
) -> list[tuple[PodAssessment, Reason]]:
    """Those among the failures whose Pods have the revision, or an image or a size of it: they can be rolled back.

    A Pod whose image could not be pulled ahead, or that failed while it was drained, is as it was before.
    """
    return [(pod, reason) for pod, reason in failed if pod.revision == revision or _has_image(pod, workload, revision)]


def _has_image(pod: PodAssessment, workload: str, revision: str) -> bool:
    record = records.of(pod.pod, workload)
    return isinstance(record, Record) and record.target == revision and bool(record.containers or record.resized)


def blamed(failed: Sequence[tuple[PodAssessment, Reason]]) -> int:
    """How many of the failures are caused by the target; a lost node or laptop says nothing against it."""
    return sum(reason.code not in BLAMELESS for _, reason in failed)
