"""A thread that says where the event loop stands, if it does not turn: nothing else in the process can.

While it stands no lease is renewed, no probe is answered and no log line is written by anybody else.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import traceback
from types import TracebackType
from typing import Final, Self

from inplace.runtime.clock import SystemClock
from inplace.runtime.observe import Observer

#: Seconds without a turn after which that is said, and again after each so many.
BLOCKED_SECONDS: Final = 5.0
_BEATS: Final = 5


class Watchdog:
    """Watches the loop that it is opened in, while it is open. `seconds`: without a turn, until that is said."""

    def __init__(self, observer: Observer, seconds: float = BLOCKED_SECONDS) -> None:
        self._observer = observer
        self._seconds = seconds
        self._clock = SystemClock()
        self._beat = self._clock.monotonic()
        self._ended = threading.Event()
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._watched = threading.get_ident()
        self._turn()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._thread.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._timer is not None:
            self._timer.cancel()
        await asyncio.to_thread(self._thread.join)

    def _turn(self) -> None:
        """In the loop: it turns."""
        self._beat = self._clock.monotonic()
        self._timer = self._loop.call_later(self._seconds / _BEATS, self._turn)

    def _watch(self) -> None:
        """In the thread."""
        said = 0
        while not self._ended.wait(self._seconds / _BEATS):
            lasts = self._clock.monotonic() - self._beat
            due = int(lasts // self._seconds)
            if due > said:
                self._say(lasts)
            said = due

    def _say(self, lasts: float) -> None:
        frame = sys._current_frames().get(self._watched)
        stack = "".join(traceback.format_stack(frame)) if frame is not None else ""
        self._observer.event("loop.blocked", level="error", lasted_seconds=round(lasts, 1), stack=stack)
