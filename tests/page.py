"""`inplace dashboard` as a program, and the stream of its page, for the tests of every world."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

PROGRAM = Path(sys.executable).with_name("inplace")
PATIENCE_SECONDS = 60.0


class Page:
    """The program, and the stream of its page."""

    def __init__(self, process: asyncio.subprocess.Process, address: str, response: aiohttp.ClientResponse) -> None:
        self.process, self.address, self._response = process, address, response
        self.panels: dict[str, Any] = {}

    async def until(self, holds: Callable[[dict[str, Any]], object], what: str) -> None:
        """Read the stream until this holds of the panels by key."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not holds(self.panels):
                    event = (await self._response.content.readuntil(b"\n\n")).decode()
                    found = re.fullmatch(r"event: (\w+)\ndata: ([^\n]*)\n\n", event)
                    if found is None:
                        assert event == ": still here\n\n"
                    elif found[1] == "gone":
                        del self.panels[found[2]]
                    else:
                        panel = json.loads(found[2])
                        self.panels[panel["key"]] = panel
        except TimeoutError:
            raise AssertionError(f"waited in vain for {what}: {self.panels}") from None


@asynccontextmanager
async def opened(kubeconfig: Path, *options: str) -> AsyncIterator[Page]:
    """The page of a cluster, while the block runs."""
    process = await asyncio.create_subprocess_exec(
        PROGRAM, "dashboard", "--kubeconfig", str(kubeconfig), *options,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, limit=2**24,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            line = (await process.stdout.readline()).decode()
        found = re.fullmatch(r"(.*): (http://127\.0\.0\.1:\d+/[\w-]{32}/)  \(Ctrl-C to stop\)\n", line)
        assert found is not None, (line, (await process.stderr.read()).decode())
        async with (
            aiohttp.ClientSession(read_bufsize=2**24) as session,
            session.get(f"{found[2]}events") as response,
        ):
            yield Page(process, found[2], response)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def phase_of(panels: dict[str, Any], key: str) -> str:
    """The phase of a workload; empty if it is not shown, or has none."""
    panel = panels.get(key)
    return panel["view"]["status"]["phase"] if panel and panel["view"]["status"] else ""
