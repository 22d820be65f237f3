"""How late the event loop is: the first sign of a process that has more to do than it can."""

from __future__ import annotations

from typing import Final

from inplace.runtime.clock import Clock
from inplace.runtime.observe import Observer

EVERY_SECONDS: Final = 0.5


class LoopLag:
    """Sleeps, and reports by how much it overslept. Run it as a part."""

    def __init__(self, clock: Clock, observer: Observer) -> None:
        self._clock = clock
        self._observer = observer

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            due = self._clock.monotonic() + EVERY_SECONDS
            await self._clock.sleep(EVERY_SECONDS)
            self._observer.observe("inplace_event_loop_lag_seconds", max(0.0, self._clock.monotonic() - due))
