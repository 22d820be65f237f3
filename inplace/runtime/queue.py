"""A keyed work queue with client-go's semantics (util/workqueue/queue.go): each key waits once and runs alone.

Adding a queued key is a no-op; adding a key that is being processed makes it run again afterwards. There are two
priorities: keys from an initial list have low priority, so that live changes overtake them.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

from inplace.runtime.clock import TICK, Clock
from inplace.runtime.observe import NullObserver, Observer

K = TypeVar("K", bound=Hashable)
#: Number of resting keys above which expired ones are dropped.
_MAX_RESTING: Final = 1_000

#: Number of times in the heap, beside two for each key, above which those that are not due any more are dropped.
_MAX_STALE: Final = 64


class ShutDownError(Exception):
    """The queue is shut down and empty."""


class WorkQueue(Generic[K]):
    """Deduplicated, serial per key, with delays. All methods except `get` and `drain` are synchronous."""

    def __init__(self, clock: Clock, observer: Observer | None = None, name: str = "workloads") -> None:
        self._clock = clock
        self._observer = observer or NullObserver()
        self._name = name
        self._high: dict[K, float] = {}
        self._low: dict[K, float] = {}
        #: Since when each key is being processed.
        self._processing: dict[K, float] = {}
        self._again: dict[K, bool] = {}
        self._due: dict[K, float] = {}
        self._resting: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._serial = 0
        self._closed = False
        #: Callers that wait in `get`, woken one at a time, and the timer that wakes one when the next key is due.
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._idle = asyncio.Event()

    def __len__(self) -> int:
        return len(self._high) + len(self._low)

    def running(self) -> list[float]:
        """For how many seconds each of the keys that are being processed has been."""
        now = self._clock.monotonic()
        return [now - since for since in self._processing.values()]

    def add(self, key: K, *, low: bool = False) -> None:
        """Queue a key. A normal add promotes a key with low priority."""
        if self._closed:
            return
        if self._is_resting(key):
            return
        self._observer.count("workqueue_adds_total", name=self._name)
        if key in self._processing:
            self._again[key] = low and self._again.get(key, True)
            return
        self._push(key, low=low)

    def rest(self, key: K, seconds: float) -> None:
        """Hold a key back for some seconds; adds in the meantime become one add at the end."""
        now = self._clock.monotonic()
        if len(self._resting) >= _MAX_RESTING:
            self._resting = {resting: until for resting, until in self._resting.items() if until > now}
        self._resting[key] = now + seconds

    def _is_resting(self, key: K) -> bool:
        """Whether a key rests; if so, schedule it for the end of its rest."""
        until = self._resting.get(key)
        if until is None:
            return False
        left = until - self._clock.monotonic()
        if left <= 0:
            del self._resting[key]
            return False
        if self._due.get(key, until + 1) > until:
            self.add_after(key, left)
        return True

    def add_after(self, key: K, delay: float) -> None:
        """Add a key after some seconds; the earliest of several delays of a key counts."""
        if delay <= 0:
            self.add(key)
            return
        due = self._clock.monotonic() + delay
        if self._closed or self._due.get(key, due + 1) <= due:
            return
        self._due[key] = due
        self._serial += 1
        heapq.heappush(self._heap, (due, self._serial, key))
        if len(self._heap) > 2 * len(self._due) + _MAX_STALE:
            self._drop_stale()
        self._set_timer()

    def _drop_stale(self) -> None:
        """Drop the times that are not due any more: an earlier one has replaced them, or was promoted."""
        self._heap = [entry for entry in self._heap if self._due.get(entry[2]) == entry[0]]
        heapq.heapify(self._heap)

    async def get(self) -> K:
        """Take the next key, to be processed by this caller until `done`. Raises ShutDownError at the end."""
        while True:
            self._promote_due()
            key = self._pop()
            if key is not None:
                return key
            if self._closed:
                raise ShutDownError
            await self._wait()

    def done(self, key: K) -> None:
        """The key has been processed; it is queued again if it was added in the meantime."""
        since = self._processing.pop(key, None)
        if since is not None:
            took = self._clock.monotonic() - since
            self._observer.observe("workqueue_work_duration_seconds", took, name=self._name)
        if key in self._again:
            low = self._again.pop(key)
            if not self._closed and not self._is_resting(key):
                self._push(key, low=low)
        if not self._processing:
            self._idle.set()

    def shut_down(self) -> None:
        """Take no more keys; queued keys are dropped, those being processed may finish."""
        self._closed = True
        self._high.clear()
        self._low.clear()
        self._again.clear()
        self._due.clear()
        self._heap.clear()
        for _ in range(len(self._waiters)):
            self._wake()

    async def drain(self) -> None:
        """Wait until no key is being processed."""
        while self._processing:
            self._idle.clear()
            await self._idle.wait()

    def _push(self, key: K, *, low: bool) -> None:
        if key in self._high or (low and key in self._low):
            return
        since = self._low.pop(key, self._clock.monotonic())
        (self._low if low else self._high)[key] = since
        self._wake()

    def _pop(self) -> K | None:
        waiting = self._high or self._low
        if not waiting:
            return None
        key = next(iter(waiting))
        since, now = waiting.pop(key), self._clock.monotonic()
        self._processing[key] = now
        self._observer.observe("workqueue_queue_duration_seconds", now - since, name=self._name)
        return key

    def _promote_due(self) -> None:
        now = self._clock.monotonic()
        while self._heap and self._heap[0][0] <= now:
            due, _, key = heapq.heappop(self._heap)
            if self._due.get(key) == due:
                del self._due[key]
                self.add(key)

    async def _wait(self) -> None:
        """Wait until there may be a key. A caller that is cancelled after it was woken wakes the next one."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self._set_timer()
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self._wake()
            raise

    def _wake(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    def _set_timer(self) -> None:
        """Wake a waiter when the next key is due. No timer is needed while no caller waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._heap and self._waiters:
            left = max(TICK, self._heap[0][0] - self._clock.monotonic())
            self._timer = asyncio.get_running_loop().call_later(left, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._promote_due()
        self._set_timer()
