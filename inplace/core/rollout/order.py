"""Which Pod comes first: broken ones, then `order-by`, then the kind's own order
(docs/design/protocol.md, "One workload")."""

from __future__ import annotations

from collections.abc import Callable

from inplace.core.objects.model import Pod
from inplace.core.settings.schema import Settings

Rank = tuple[bool, int, int, str]


def sort_key(settings: Settings, kind_order: Callable[[Pod], int], broken: bool, pod: Pod) -> Rank:
    """Ascending key: broken first, higher `order-by` value first, then the kind's order, then the name.

    A Pod whose label is missing or no integer comes last among its peers.
    """
    return (not broken, -_weight(pod, settings.order_by), kind_order(pod), pod.name)


def _weight(pod: Pod, label: str | None) -> int:
    if not label:
        return 0
    try:
        return int(pod.metadata.label(label) or "")
    except ValueError:
        return -(2**63)
