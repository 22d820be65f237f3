"""Read-your-writes: after a write, do not trust the cache about that object until it has caught up.

Versions of one resource are compared as numbers (KEP-5504); where they are none, any change counts as caught up.
"""

from __future__ import annotations

from typing import Final

from inplace.runtime.clock import Clock
from inplace.runtime.observe import NullObserver, Observer

#: A write that the cache has not shown after this long is no longer waited for; the next look goes by the cache.
OVERDUE_SECONDS: Final = 10.0


class Expectations:
    """The version that each object must reach, by uid."""

    def __init__(self, clock: Clock, observer: Observer | None = None) -> None:
        self._clock = clock
        self._observer = observer or NullObserver()
        self._expected: dict[str, tuple[str, float]] = {}

    def __len__(self) -> int:
        return len(self._expected)

    def __contains__(self, uid: str) -> bool:
        return uid in self._expected

    def expect(self, uid: str, resource_version: str) -> None:
        """A write was answered with this version."""
        self._expected[uid] = (resource_version, self._clock.monotonic())

    def satisfied(self, uid: str, resource_version: str) -> bool:
        """Whether an object as cached shows everything that we wrote. Overdue ones are dropped, and counted."""
        expected = self._expected.get(uid)
        if expected is None:
            return True
        version, since = expected
        if not reached(resource_version, version):
            if self._clock.monotonic() - since < OVERDUE_SECONDS:
                return False
            self._observer.count("inplace_expectations_overdue_total")
        del self._expected[uid]
        return True

    def forget(self, uid: str) -> None:
        """The object is gone."""
        self._expected.pop(uid, None)


def reached(current: str, wanted: str) -> bool:
    """Whether a version is at least another."""
    if current.isdecimal() and wanted.isdecimal():
        return int(current) >= int(wanted)
    return current == wanted
