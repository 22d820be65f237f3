"""What every test needs."""

from __future__ import annotations

import asyncio

# pytest-asyncio keeps the loop that `asyncio.get_event_loop` gives it before the first asynchronous test. Python 3.11
# makes one for it on the spot, which nobody closes; after this call there is none.
asyncio.set_event_loop(None)
