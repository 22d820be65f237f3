"""Waits for what may not come."""

from __future__ import annotations

import asyncio
import contextlib


async def wait_at_most(event: asyncio.Event, seconds: float) -> None:
    """Wait until an event is set, or for so long.

    `asyncio.wait_for` of Python 3.11 loses a cancellation that comes together with the event: a watch that fails says
    both at once, and who waited so went on for ever (https://github.com/python/cpython/issues/86296).
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
