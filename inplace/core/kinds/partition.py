"""Pods that take no part in a rollout: below a partition, or being scaled down."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

from inplace.core.kinds.kind import Kind
from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.objects.workloads import Workload
from inplace.core.settings.annotations import Settings


class Unordered:
    """The methods of `Kind` shared by kinds whose Pods have no order of their own."""

    def order(self, pod: Pod) -> int:
        """No order; the name decides."""
        return 0

    def excluded(
        self: Kind, workload: Workload, settings: Settings, pods: Iterable[Pod], moved: Callable[[Pod], bool]
    ) -> Mapping[str, Reason]:
        """The last `partition` Pods are kept."""
        return kept_back(settings, self.desired(workload), pods, self.order, moved)


def kept_back(
    settings: Settings,
    desired: int,
    pods: Iterable[Pod],
    order: Callable[[Pod], object],
    moved: Callable[[Pod], bool],
) -> dict[str, Reason]:
    """A partition for Pods without ordinals: the last ones in the order are kept."""
    keep = settings.held_back(desired)
    if not keep:
        return {}
    waiting = sorted((pod for pod in pods if not moved(pod)), key=lambda pod: (order(pod), pod.name))
    return {pod.uid: partitioned(str(settings.partition)) for pod in waiting[max(0, len(waiting) - keep) :]}


@lru_cache(maxsize=256)
def partitioned(partition: str) -> Reason:
    """Below the partition. One object for each partition: the memo of Pods compares by identity."""
    return Reason(ReasonCode.Partition, "", f"kept on the old revision by partition {partition}")


@lru_cache(maxsize=256)
def scaled_away(desired: int) -> Reason:
    """About to be deleted by the workload's own controller."""
    return Reason(ReasonCode.ScaledAway, "spec.replicas", f"not among the {desired} desired replicas")
