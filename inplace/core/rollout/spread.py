"""`spread-by`: a batch of Pods is spread over the values of a label, of the Pods or of their nodes.

So that one zone, one rack or one shard never bears a whole batch. Within a value the order stays as it is.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from inplace.core.objects.model import Node, Pod

T = TypeVar("T")


def value(key: str, pod: Pod, nodes: Mapping[str, Node]) -> str:
    """Where a Pod counts: by its own label, else by its node's; Pods without either count together."""
    node = nodes.get(pod.spec.node_name)
    own = pod.metadata.label(key)
    return own if own is not None else (node.metadata.label(key) if node is not None else None) or ""


def spread(ordered: Iterable[T], place: Callable[[T], str], busy: Iterable[T]) -> Iterator[T]:
    """The same things, always next the first of the value that bears the least; `busy` are borne already."""
    waiting: dict[str, deque[T]] = {}
    for one in ordered:
        waiting.setdefault(place(one), deque()).append(one)
    borne = Counter(place(one) for one in busy)
    while waiting:
        least = min(waiting, key=lambda where: borne[where])  # of equal ones the first that was seen
        yield waiting[least].popleft()
        borne[least] += 1
        if not waiting[least]:
            del waiting[least]
