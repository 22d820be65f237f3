"""Workers, backoff, supervisor."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import signal
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from inplace.runtime.backoff import Backoff
from inplace.runtime.clock import LoopClock, SystemClock
from inplace.runtime.queue import WorkQueue
from inplace.runtime.supervisor import Part, Supervisor
from inplace.runtime.worker import Done, RequeueAfter, Worker
from tests.unit.kube.server import Recorder

CLOCK = LoopClock(datetime(2026, 1, 1, tzinfo=UTC))


async def _run(worker: Worker[str], seconds: float) -> None:
    task = asyncio.ensure_future(worker.run())
    await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.looptime
async def test_a_defect_is_counted_retried_with_backoff_and_stops_nobody_else():
    queue, recorder, seen = WorkQueue(CLOCK), Recorder(), []

    async def reconcile(key):
        seen.append((key, CLOCK.monotonic()))
        if key == "bad":
            raise RuntimeError("a defect")
        return Done()

    queue.add("bad")
    queue.add("good")
    await _run(Worker(queue, reconcile, 2, Backoff(random.Random(0), base=1.0, maximum=8.0), CLOCK, recorder), 60)
    assert [key for key, _ in seen].count("good") == 1
    times = [at for key, at in seen if key == "bad"]
    assert 5 <= len(times) <= 14
    assert all(later - earlier <= 12.1 for earlier, later in itertools.pairwise(times))
    assert recorder.total("controller_runtime_reconcile_errors_total") == len(times)
    assert "a defect" in str(recorder.events[0][1]["exception"])


@pytest.mark.looptime
async def test_requeue_after_looks_again():
    queue, seen = WorkQueue(CLOCK), []

    async def reconcile(_):
        seen.append(CLOCK.monotonic())
        return RequeueAfter(5)

    queue.add("a")
    await _run(Worker(queue, reconcile, 1, Backoff(random.Random(0)), CLOCK, Recorder()), 21)
    assert seen == pytest.approx([0, 5, 10, 15, 20], abs=0.1)


def test_backoff_doubles_to_its_bound_and_forgets():
    backoff = Backoff(random.Random(0), base=1.0, maximum=10.0)
    delays = [backoff.next("a") for _ in range(8)]
    assert 1 <= delays[0] <= 1.5
    assert 10 <= delays[-1] <= 15
    backoff.forget("a")
    assert backoff.next("a") <= 1.5


def _part(name: str, log: list[str], *, fail: Exception | None = None, stubborn: bool = False) -> Part:
    async def run() -> None:
        log.append(f"+{name}")
        if fail is not None:
            raise fail
        try:
            await asyncio.sleep(10_000)
        except asyncio.CancelledError:
            if stubborn:
                await asyncio.sleep(20)
            raise
        finally:
            log.append(f"-{name}")

    return Part(name, run, stop_seconds=2)


@pytest.mark.looptime
async def test_parts_stop_in_the_reverse_order():
    log: list[str] = []
    supervisor = Supervisor(CLOCK, Recorder(), signals=False)
    for name in ("caches", "lease", "workers"):
        supervisor.add(_part(name, log))
    asyncio.get_running_loop().call_later(5, supervisor.stop)
    await supervisor.run()
    assert log == ["+caches", "+lease", "+workers", "-workers", "-lease", "-caches"]


@pytest.mark.looptime
async def test_a_part_that_does_not_stop_is_named_and_the_others_stop():
    log: list[str] = []
    recorder = Recorder()
    supervisor = Supervisor(CLOCK, recorder, signals=False)
    supervisor.add(_part("caches", log))
    supervisor.add(_part("stuck", log, stubborn=True))
    asyncio.get_running_loop().call_later(5, supervisor.stop)
    await supervisor.run()
    assert "-caches" in log
    assert ("part.stuck", "stuck") in [(name, fields.get("part")) for name, fields in recorder.events]


@pytest.mark.looptime
@pytest.mark.parametrize(("takes", "whole"), [(1, True), (60, False)])
async def test_a_part_finishes_its_work_before_the_parts_that_it_needs_stop_and_not_for_ever(takes, whole):
    log: list[str] = []
    supervisor = Supervisor(CLOCK, Recorder(), signals=False)

    async def finish():
        await asyncio.sleep(takes)
        log.append("=writers")

    supervisor.add(_part("lease", log))
    supervisor.add(replace(_part("writers", log), finish=finish))
    asyncio.get_running_loop().call_later(5, supervisor.stop)
    await supervisor.run()
    assert log == ["+lease", "+writers", *(["=writers"] if whole else []), "-writers", "-lease"]


async def test_a_part_that_fails_ends_everything_with_its_own_error():
    log: list[str] = []
    recorder = Recorder()
    supervisor = Supervisor(SystemClock(), recorder, signals=False)
    supervisor.add(_part("caches", log))
    supervisor.add(_part("lease", log, fail=RuntimeError("lost")))
    with pytest.raises(RuntimeError, match="lost"):
        await supervisor.run()
    assert "-caches" in log
    assert ("part.failed", "lease") in [(name, fields.get("part")) for name, fields in recorder.events]


async def test_sigterm_is_an_orderly_end():
    log: list[str] = []
    supervisor = Supervisor(SystemClock(), Recorder())
    supervisor.add(_part("a", log))
    asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), signal.SIGTERM)
    await supervisor.run()
    assert log == ["+a", "-a"]
