"""Forgets from time to time what is remembered of objects that do not exist any more.

Most of it goes with the event of the deletion. But an answer may come after that event and be remembered for ever, and
for some objects, such as nodes, nobody listens for it.
"""

from __future__ import annotations

from typing import Final

from inplace.cluster.cache import Cache
from inplace.cluster.memory import Memory
from inplace.controller.planning import Planning
from inplace.runtime.clock import Clock

#: Seconds between two sweeps; each takes some milliseconds for ten thousand objects.
PERIOD: Final = 600.0


class Sweep:
    """Run it as a part."""

    def __init__(self, clock: Clock, cache: Cache, memory: Memory, planning: Planning) -> None:
        self._clock = clock
        self._cache = cache
        self._memory = memory
        self._planning = planning

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            await self._clock.sleep(PERIOD)
            self.sweep()

    def sweep(self) -> None:
        """Once."""
        existing = self._cache.uids()
        self._memory.keep(existing)
        self._planning.keep(existing, self._cache.node_names())
