"""How late the event loop is: the first sign of an overloaded process."""

from __future__ import annotations

from typing import Final

from inplace.runtime.clock import Clock
from inplace.runtime.observe import Observer

PERIOD_SECONDS: Final = 0.5


class LoopLag:
    """Sleeps, and reports by how much it overslept. Run it as a part."""

    def __init__(self, clock: Clock, observer: Observer) -> None:
        self._clock = clock
        self._observer = observer

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            due = self._clock.monotonic() + PERIOD_SECONDS
            await self._clock.sleep(PERIOD_SECONDS)
            self._observer.observe("inplace_event_loop_lag_seconds", max(0.0, self._clock.monotonic() - due))
