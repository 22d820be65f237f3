"""Read-your-writes: after a write, do not trust the cache about that object until it has caught up.

Versions of one resource are compared as numbers (KEP-5504); if they are not numeric, only equality counts.
"""

from __future__ import annotations

from typing import Final

from inplace.runtime.clock import Clock
from inplace.runtime.observe import NullObserver, Observer

#: After this long, stop waiting for the cache to show a write; the next reconciliation trusts the cache.
OVERDUE_SECONDS: Final = 10.0
FORGET_SECONDS: Final = 600.0


class Expectations:
    """The version that the cache must reach, by uid."""

    def __init__(self, clock: Clock, observer: Observer | None = None) -> None:
        self._clock = clock
        self._observer = observer or NullObserver()
        self._expected: dict[str, tuple[str, float]] = {}

    def __len__(self) -> int:
        return len(self._expected)

    def __contains__(self, uid: str) -> bool:
        return uid in self._expected

    def expect(self, uid: str, resource_version: str) -> None:
        """A write returned this version.

        The answer may come after the object was seen to be deleted, and then nobody asks for it any more: what has been
        expected for much too long is dropped.
        """
        now = self._clock.monotonic()
        self._expected.pop(uid, None)
        self._expected[uid] = (resource_version, now)
        while (oldest := next(iter(self._expected))) != uid and now - self._expected[oldest][1] > FORGET_SECONDS:
            del self._expected[oldest]

    def satisfied(self, uid: str, resource_version: str) -> bool:
        """Whether the cached object reflects all our writes. Overdue expectations are dropped and counted."""
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


def reached(current: str, expected: str) -> bool:
    """Whether a version is at least the expected one."""
    if current.isdecimal() and expected.isdecimal():
        return int(current) >= int(expected)
    return current == expected
