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
#: A server tells the time in whole seconds, and its answer takes a while: a smaller difference says nothing.
TOLERANCE: Final = timedelta(seconds=5)
#: Seconds for which another difference must be told: of servers behind one address, each may have a clock of its own.
STEADY: Final = 10.0
#: No clock is so wrong: what tells more is no time, and would leave none for what is reckoned from it.
_ABSURD: Final = timedelta(days=36525)


class Clock(Protocol):
    """Monotonic seconds, UTC, and sleeping."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        ...

    def computing(self) -> float:
        """Seconds for which this thread has computed, from an arbitrary start."""
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

    def computing(self) -> float:
        """`time.thread_time`."""
        return time.thread_time()

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

    def computing(self) -> float:
        """Nothing takes time here, so that a run can be repeated."""
        return 0.0

    def now(self) -> datetime:
        """The epoch plus the loop's time."""
        return self._epoch + timedelta(seconds=self.monotonic())

    async def sleep(self, seconds: float) -> None:
        """`asyncio.sleep`, which a virtual loop makes free."""
        await asyncio.sleep(seconds)


class ServerClock:
    """UTC as the API server has it; the rest is this machine's.

    What ours is compared with was written by the server, or by those who ask it: the creation of a Pod, the entries of
    a PodDisruptionBudget, a Lease. A machine whose clock is wrong would take all of them for too old or too young. Time
    passes as the monotonic clock has it: whoever sets the machine's clock moves no deadline and ends no pause.
    """

    def __init__(self, own: Clock) -> None:
        self._own = own
        #: What the machine's clocks showed when this one was first asked: UTC, and monotonic.
        self._began: tuple[datetime, float] | None = None
        self._ahead: timedelta | None = None
        self._told: float | None = None

    @property
    def ahead(self) -> timedelta:
        """How far the server's clock is ahead of this machine's; zero while it is not known."""
        return self._ahead or timedelta()

    def heard(self, at: datetime) -> bool:
        """An answer of the server was written at this time; returns whether that changes what time it is.

        The first answer is believed, and after that what has been told for `STEADY` seconds.
        """
        ahead = at - self._reckoned()
        if abs(ahead) > _ABSURD:
            return False
        ahead = ahead if abs(ahead) >= TOLERANCE else timedelta()
        if self._ahead is not None and abs(ahead - self._ahead) < TOLERANCE:
            self._told = None
            return False
        now = self._own.monotonic()
        self._told = self._told if self._told is not None else now
        if self._ahead is not None and now < self._told + STEADY:
            return False
        changed, self._ahead, self._told = ahead != self.ahead, ahead, None
        return changed

    def monotonic(self) -> float:
        """This machine's."""
        return self._own.monotonic()

    def computing(self) -> float:
        """This machine's."""
        return self._own.computing()

    def now(self) -> datetime:
        """UTC."""
        return self._reckoned() + self.ahead

    def _reckoned(self) -> datetime:
        """UTC as this machine had it at first, and the time that has passed since."""
        if self._began is None:
            self._began = self._own.now(), self._own.monotonic()
        began, at = self._began
        return began + timedelta(seconds=self._own.monotonic() - at)

    async def sleep(self, seconds: float) -> None:
        """This machine's."""
        await self._own.sleep(seconds)
