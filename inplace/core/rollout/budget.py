"""How many Pods may be made unavailable now (docs/design/protocol.md, "One workload", invariant I1)."""

from __future__ import annotations

from inplace.core.settings.schema import Settings


def allowance(settings: Settings, desired: int, available: int) -> int:
    """Disruptions that may begin now: maxUnavailable less everything that is already missing, never below zero.

    `available` counts Pods that are Ready for min-ready-seconds and not in flight, so that missing, terminating and
    pending ones are unavailable.
    """
    return max(0, settings.budget(desired) - max(0, desired - available))
