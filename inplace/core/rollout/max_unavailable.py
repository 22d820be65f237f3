"""maxUnavailable: how many more Pods may be disrupted now."""

from __future__ import annotations

from collections.abc import Iterable

from inplace.core.objects.reasons import ReasonCode
from inplace.core.rollout.assess import PodAssessment
from inplace.core.settings.annotations import Settings


def left(settings: Settings, desired: int, pods: Iterable[PodAssessment]) -> int:
    """Disruptions that may start now: maxUnavailable less the unavailable Pods, never below zero (I1).

    Missing, terminating and in-flight Pods, and those not Ready for min-ready-seconds, are unavailable.
    """
    counted = (pod for pod in pods if pod.excluded is None or pod.excluded.code != ReasonCode.ScaledAway)
    available = sum(pod.available for pod in counted)
    return max(0, settings.budget(desired) - max(0, desired - available))
