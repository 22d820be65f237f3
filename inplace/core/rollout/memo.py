"""What was concluded of each Pod of a workload, kept while everything that it was concluded from is the same.

A plan asks the same questions of every Pod at every look, and between two looks few Pods have changed. What a Pod's
answer depends on alone is compared by identity, because caches replace objects and never change them; what the answers
of all Pods depend on is compared by value, once a look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from operator import is_
from typing import Generic, TypeVar

T = TypeVar("T")
#: The Pods of a workload by uid, each with what its answer depends on alone.
Subjects = Iterable[tuple[str, tuple[object, ...]]]


class Memo(Generic[T]):
    """Answers by workload and Pod. Bounded by what exists: Pods that are gone are forgotten at the next look."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[tuple[object, ...], dict[str, tuple[tuple[object, ...], T, datetime | None]]]] = {}

    def recall(
        self,
        workload: str,
        common: tuple[object, ...],
        subjects: Subjects,
        now: datetime,
        conclude: Callable[[str], tuple[T, datetime | None]],
    ) -> dict[str, T]:
        """The answer for each Pod of the workload with this uid; `conclude` makes those that are not known any more.

        An answer comes with the time until which it holds by itself, None where that is for good.
        """
        before = self._kept.get(workload)
        known = before[1] if before is not None and before[0] == common else {}
        kept: dict[str, tuple[tuple[object, ...], T, datetime | None]] = {}
        for uid, own in subjects:
            entry = known.get(uid)
            if entry is None or (entry[2] is not None and now >= entry[2]) or not all(map(is_, entry[0], own)):
                entry = (own, *conclude(uid))
            kept[uid] = entry
        self._kept[workload] = (common, kept)
        return {uid: entry[1] for uid, entry in kept.items()}

    def forget(self, workload: str) -> None:
        """The workload is gone."""
        self._kept.pop(workload, None)
