"""Ordered start and stop of the long-lived parts of a process.

Parts start in the order in which they were added and stop in reverse order, each with a deadline. A part that fails
ends the process and is named in the log; nothing is restarted silently.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from inplace.runtime.clock import Clock
from inplace.runtime.observe import Observer

#: A named health check: None if it passes, else why it fails.
Check = Callable[[], str | None]


@dataclass(frozen=True)
class Part:
    """A long-running task. `stop_seconds`: how long it may take to end after it was cancelled.

    `finish` ends its work at an orderly shutdown, before it is cancelled, within the same time.
    """

    name: str
    run: Callable[[], Awaitable[None]]
    stop_seconds: float = 10.0
    finish: Callable[[], Awaitable[None]] | None = None


class Supervisor:
    """Runs parts until one fails, or until asked to stop by `stop`, SIGTERM or SIGINT."""

    def __init__(self, clock: Clock, observer: Observer, *, signals: bool = True) -> None:
        self._clock = clock
        self._observer = observer
        self._signals = signals
        self._parts: list[Part] = []
        self._stop = asyncio.Event()

    def add(self, part: Part) -> None:
        """Add a part; it starts after those added before."""
        self._parts.append(part)

    def stop(self) -> None:
        """Request an orderly shutdown."""
        self._stop.set()

    async def run(self) -> None:
        """Run all parts. Raises the error of a part that failed; returns after an orderly shutdown."""
        if self._signals:
            self._listen()
        try:
            await self._run()
        except BaseExceptionGroup as group:
            raise first_of(group) from group

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [(part, group.create_task(self._guard(part), name=part.name)) for part in self._parts]
            await self._stop.wait()
            for part, task in reversed(tasks):
                await self._end(part, task)

    async def _guard(self, part: Part) -> None:
        try:
            await part.run()
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self._observer.event("part.failed", level="error", part=part.name, error=str(error))
            raise
        if not self._stop.is_set():
            self._observer.event("part.ended", level="info", part=part.name)

    async def _end(self, part: Part, task: asyncio.Task[None]) -> None:
        began = self._clock.monotonic()
        if part.finish is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(part.stop_seconds):
                    await part.finish()
        task.cancel()
        with suppress(TimeoutError, asyncio.CancelledError):
            async with asyncio.timeout(part.stop_seconds):
                await asyncio.wait([task])
        if not task.done():
            waited = self._clock.monotonic() - began
            self._observer.event("part.stuck", level="error", part=part.name, waited_seconds=round(waited, 1))

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)


def first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error in nested groups: what ended a TaskGroup."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
