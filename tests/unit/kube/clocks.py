"""A clock for what is done again after a while."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Hand:
    """A clock that is set by hand; nobody waits by it."""

    def __init__(self):
        self.at = 0.0

    def monotonic(self):
        return self.at

    def computing(self):
        return 0.0

    def now(self):
        return NOW + timedelta(seconds=self.at)

    async def sleep(self, seconds):
        raise NotImplementedError
