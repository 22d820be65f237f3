"""maxUnavailable: how many more Pods may be disrupted now."""

from __future__ import annotations

from collections.abc import Iterable

from inplace.core.objects.reasons import ReasonCode
from inplace.core.rollout.assess import PodAssessment
from inplace.core.settings.annotations import Settings


def left(settings: Settings, desired: int, pods: Iterable[PodAssessment]) -> int:
    """Disruptions that may start now: maxUnavailable less the unavailable Pods, never below zero (I1)."""
    return max(0, settings.budget(desired) - used(desired, pods))


def used(desired: int, pods: Iterable[PodAssessment]) -> int:
    """How many Pods are unavailable: missing, terminating, in flight, or not Ready for min-ready-seconds."""
    counted = (pod for pod in pods if pod.excluded is None or pod.excluded.code != ReasonCode.ScaledAway)
    return max(0, desired - sum(pod.available for pod in counted))
