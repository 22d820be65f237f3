"""All of these run in the embedded world."""

from __future__ import annotations

from tests.virtual_time import VirtualLoop


def pytest_asyncio_loop_factories() -> dict[str, type[VirtualLoop]]:
    """Nothing is ever under way outside of the loop, so time passes as soon as it is idle."""
    return {"loop": VirtualLoop}
