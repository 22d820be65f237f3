"""A wait for an event ends with it, with its time, and with a cancellation, whatever comes together."""

from __future__ import annotations

import asyncio

import pytest

from inplace.runtime.waiting import wait_at_most


async def test_it_ends_with_the_event():
    event = asyncio.Event()
    asyncio.get_running_loop().call_soon(event.set)
    async with asyncio.timeout(5):
        await wait_at_most(event, 60)


async def test_it_ends_with_its_time():
    await wait_at_most(asyncio.Event(), 0.01)


async def test_a_cancellation_that_comes_together_with_the_event_counts():
    event = asyncio.Event()
    task = asyncio.create_task(wait_at_most(event, 60))
    for _ in range(2):  # so far that it waits
        await asyncio.sleep(0)
    event.set()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
