"""Pods that take no part in a rollout: kept by a partition, or about to be scaled away."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

from inplace.core.kinds.kind import Kind
from inplace.core.objects.model import Pod, Workload
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.settings.schema import Settings


class Unordered:
    """What kinds whose Pods have no order of their own say in the same way: the methods of `Kind` of these names."""

    def order(self, pod: Pod) -> int:
        """None of its own; then the name decides."""
        return 0

    def excluded(
        self: Kind, workload: Workload, settings: Settings, pods: Iterable[Pod], moved: Callable[[Pod], bool]
    ) -> Mapping[str, Reason]:
        """`partition` Pods are kept, whichever come last."""
        return kept_back(settings, self.desired(workload), pods, self.order, moved)


def kept_back(
    settings: Settings,
    desired: int,
    pods: Iterable[Pod],
    order: Callable[[Pod], object],
    moved: Callable[[Pod], bool],
) -> dict[str, Reason]:
    """A partition where Pods have no ordinals: that many are kept, those that come last in the order."""
    keep = settings.held_back(desired)
    if not keep:
        return {}
    waiting = sorted((pod for pod in pods if not moved(pod)), key=lambda pod: (order(pod), pod.name))
    return {pod.uid: partitioned(str(settings.partition)) for pod in waiting[max(0, len(waiting) - keep) :]}


@lru_cache(maxsize=256)
def partitioned(partition: str) -> Reason:
    """Kept by the partition. One object for each partition: what is remembered of Pods is compared by identity."""
    return Reason(ReasonCode.Partition, "", f"kept on the old revision by partition {partition}")


@lru_cache(maxsize=256)
def scaled_away(desired: int) -> Reason:
    """About to be removed by the workload's own controller."""
    return Reason(ReasonCode.ScaledAway, "spec.replicas", f"beyond the {desired} replicas asked for")
