"""The order of Pods (docs/design/protocol.md, "One workload"): broken Pods, then `order-by`, then the kind's own
order; and how a batch is spread over the values of `spread-by`.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from inplace.core.objects.model import Pod
from inplace.core.objects.nodes import Node
from inplace.core.pod.availability import broken
from inplace.core.settings.annotations import Settings

T = TypeVar("T")
Rank = tuple[bool, int, int, str]


def rank(settings: Settings, kind_order: Callable[[Pod], int], pod: Pod) -> Rank:
    """Ascending key: broken first, higher `order-by` value first, then the kind's order, then the name.

    A Pod whose label is missing or not an integer comes last among its peers.
    """
    return (not broken(pod), -_weight(pod, settings.order_by), kind_order(pod), pod.name)


def _weight(pod: Pod, label: str | None) -> int:
    if not label:
        return 0
    try:
        return int(pod.metadata.label(label) or "")
    except ValueError:
        return -(2**63)


def spread_value(key: str, pod: Pod, nodes: Mapping[str, Node]) -> str:
    """The value of `spread-by` that a Pod counts for: its own label, else its node's, else none."""
    node = nodes.get(pod.spec.node_name)
    own = pod.metadata.label(key)
    return own if own is not None else (node.metadata.label(key) if node is not None else None) or ""


def spread(ordered: Iterable[T], value: Callable[[T], str], down: Iterable[T]) -> Iterator[T]:
    """The same items, next always the first of the value with the fewest so far; `down` count already.

    So a batch never falls on a single zone, rack or shard. Within a value the order is preserved.
    """
    waiting: dict[str, deque[T]] = {}
    for item in ordered:
        waiting.setdefault(value(item), deque()).append(item)
    borne = Counter(value(item) for item in down)
    while waiting:
        least = min(waiting, key=lambda name: borne[name])  # of equal ones the first that was seen
        yield waiting[least].popleft()
        borne[least] += 1
        if not waiting[least]:
            del waiting[least]
