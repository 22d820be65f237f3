"""How late the event loop is."""

from __future__ import annotations

import asyncio

from inplace.runtime.lag import PERIOD_SECONDS, LoopLag
from inplace.runtime.observe import NullObserver


class LateClock:
    """A clock whose sleeps last longer than asked."""

    def __init__(self, late: float) -> None:
        self.late, self.now_ = late, 0.0

    def monotonic(self):
        return self.now_

    def computing(self):
        return 0.0

    def now(self):
        raise NotImplementedError

    async def sleep(self, seconds):
        self.now_ += seconds + self.late
        await asyncio.sleep(0)


class Recorder(NullObserver):
    def __init__(self) -> None:
        self.seen: list[tuple[str, float]] = []

    def observe(self, metric, seconds, /, **labels):
        self.seen.append((metric, round(seconds, 6)))


async def test_reports_by_how_much_it_overslept():
    recorder = Recorder()
    task = asyncio.create_task(LoopLag(LateClock(0.25), recorder).run())
    while len(recorder.seen) < 2:  # noqa: ASYNC110
        await asyncio.sleep(0)
    task.cancel()
    assert recorder.seen[:2] == [("inplace_event_loop_lag_seconds", 0.25)] * 2
    assert PERIOD_SECONDS < 1
