"""Memo of a planner: results are kept as long as all their inputs are the same.

A plan asks the same questions about every Pod at every look, and between two looks few Pods have changed. A question
is a function of its inputs alone, and its inputs are its key: it cannot read what the key does not hold, so that
reading one more field can never make an answer stale. Comparing is cheap: caches replace objects and never change
them, so that most inputs are the very same object.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable, Iterable
from datetime import datetime
from typing import Generic, TypeVar

from inplace.core.objects import images
from inplace.core.objects.nodes import Node

Inputs = TypeVar("Inputs")
Answer = TypeVar("Answer")
T = TypeVar("T")
#: Until when a result is valid; None: as long as its inputs are the same.
Until = datetime | None


class PerPod(Generic[Inputs, Answer]):
    """Results by workload and Pod. Bounded by the existing Pods: deleted ones are dropped with the next plan."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[object, dict[str, tuple[Inputs, Answer, Until]]]] = {}

    def recall(
        self,
        workload: str,
        common: object,
        pods: Iterable[tuple[str, Inputs]],
        now: datetime,
        conclude: Callable[[Inputs], tuple[Answer, Until]],
    ) -> dict[str, Answer]:
        """By uid, the result for each Pod of the workload with this uid.

        `common`: what the answers of all Pods depend on beside their own inputs. `conclude` makes the answers that are
        not known, or whose inputs or time have changed.
        """
        before = self._known.get(workload)
        known = before[1] if before is not None and before[0] == common else {}
        kept: dict[str, tuple[Inputs, Answer, Until]] = {}
        for uid, inputs in pods:
            entry = known.get(uid)
            if entry is None or entry[0] != inputs or (entry[2] is not None and now >= entry[2]):
                entry = (inputs, *conclude(inputs))
            kept[uid] = entry
        self._known[workload] = (common, kept)
        return {uid: entry[1] for uid, entry in kept.items()}

    def forget(self, workload: str) -> None:
        """The workload is gone."""
        self._known.pop(workload, None)

    def workloads(self) -> set[str]:
        """The workloads (uids) of which anything is known."""
        return set(self._known)


class Bounded(Generic[T]):
    """Results by their inputs, the oldest dropped first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._known: dict[Hashable, T] = {}

    def recall(self, inputs: Hashable, conclude: Callable[[], T]) -> T:
        """The result for these inputs."""
        found = self._known.get(inputs)
        if found is None:
            if len(self._known) >= self._size:
                del self._known[next(iter(self._known))]
            found = self._known[inputs] = conclude()
        return found


class NodeImages:
    """By node: the normalised names of the images that its kubelet lists, read once for each report of the node."""

    def __init__(self, size: int = 10_000) -> None:
        self._size = size
        self._known: dict[str, tuple[Node, frozenset[str]]] = {}

    def keep(self, nodes: Container[str]) -> None:
        """Drop the others: with an autoscaler, nodes come and go."""
        for name in [name for name in self._known if name not in nodes]:
            del self._known[name]

    def of(self, node: Node) -> frozenset[str]:
        """The names that this node lists. It lists fifty images at most, so absence proves nothing."""
        known = self._known.get(node.metadata.name)
        if known is None or known[0] is not node:
            listed = node.status.image_names()
            known = node, frozenset(images.normalise(name) for names in listed for name in names)
            if len(self._known) >= self._size:
                del self._known[next(iter(self._known))]
            self._known[node.metadata.name] = known
        return known[1]
