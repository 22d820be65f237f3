"""The source of time; no other module may read the system clock.

Timers run on monotonic time; records carry UTC. In tests both come from the event loop, so that hours pass at once.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

#: The shortest wait for a point in time, in seconds: a remainder that a clock rounds to zero would make a loop spin.
TICK: Final = 0.001


class Clock(Protocol):
    """Monotonic seconds, UTC, and sleeping."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        ...

    def now(self) -> datetime:
        """UTC, timezone-aware."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The machine's clocks."""

    def monotonic(self) -> float:
        """`time.monotonic`."""
        return time.monotonic()

    def now(self) -> datetime:
        """UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """`asyncio.sleep`."""
        await asyncio.sleep(seconds)


class LoopClock:
    """The running loop's time, counted from an epoch: the clock of virtual time."""

    def __init__(self, epoch: datetime) -> None:
        self._epoch = epoch

    def monotonic(self) -> float:
        """`loop.time()`."""
        return asyncio.get_running_loop().time()

    def now(self) -> datetime:
        """The epoch plus the loop's time."""
        return self._epoch + timedelta(seconds=self.monotonic())

    async def sleep(self, seconds: float) -> None:
        """`asyncio.sleep`, which a virtual loop makes free."""
        await asyncio.sleep(seconds)
