"""The watchdog says where the event loop stands, and is silent while it turns."""

from __future__ import annotations

import asyncio
import threading
import time

from inplace.runtime.watchdog import Watchdog
from tests.unit.kube.server import Recorder


def _stands_here(seconds):
    time.sleep(seconds)  # what a hostile input would make the loop do


async def test_a_loop_that_stands_is_named_with_its_stack_again_and_again():
    recorder = Recorder()
    async with Watchdog(recorder, seconds=0.2):
        await asyncio.sleep(0)
        _stands_here(0.9)
    said = [fields for name, fields in recorder.events if name == "loop.blocked"]
    assert 2 <= len(said) <= 4
    assert all("_stands_here" in str(fields["stack"]) and fields["level"] == "error" for fields in said)
    lasted = [float(str(fields["lasted_seconds"])) for fields in said]
    assert lasted[-1] > lasted[0] >= 0.2


async def test_a_loop_that_turns_is_not_spoken_of_and_the_thread_ends():
    recorder = Recorder()
    async with Watchdog(recorder, seconds=0.5):
        for _ in range(20):
            await asyncio.sleep(0.05)
        assert any(thread.name == "watchdog" for thread in threading.enumerate())
    assert not recorder.events
    assert not any(thread.name == "watchdog" for thread in threading.enumerate())
