"""A real browser without a window: Debian's chromium-headless-shell, spoken to by its own protocol.

https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import os
import re
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import aiohttp

from hack.cluster import packages

PATIENCE_SECONDS: Final = 30.0
#: How often a page is loaded at most, if each load is disturbed.
LOADS: Final = 5
#: Some Pod beside the test came or went, and a link of the machine with it: no word of the page's.
NETWORK_CHANGED: Final = "net::ERR_NETWORK_CHANGED"
NEEDS: Final = {"chromium-headless-shell": "chromium-headless-shell"}
#: A page is only trusted with what it loads itself: nothing goes out, and root has no sandbox in a container.
OPTIONS: Final = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--hide-scrollbars",
    "--lang=en-US",
    "--remote-debugging-port=0",
)


class Browser:
    """One tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        #: What the console, the policy of the page and uncaught errors have said.
        self.complaints: list[str] = []
        #: Every address that was asked for.
        self.requested: list[str] = []
        self._disturbed = False

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command of the protocol."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                message = await self._socket.receive_json()
                if message.get("id") == number:
                    assert "error" not in message, message
                    result: dict[str, Any] = message["result"]
                    return result
                self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        parameters = message.get("params", {})
        match message["method"]:
            case "Log.entryAdded" if NETWORK_CHANGED in parameters["entry"]["text"]:
                self._disturbed = True
            case "Log.entryAdded":
                self.complaints.append(parameters["entry"]["text"])
            case "Runtime.exceptionThrown" | "Runtime.consoleAPICalled":
                self.complaints.append(json.dumps(parameters))
            case "Network.requestWillBeSent":
                self.requested.append(parameters["request"]["url"])

    async def open(self, address: str) -> None:
        """Go there, and wait until it is loaded."""
        for domain in ("Log", "Runtime", "Network", "Page", "Accessibility"):
            await self.call(f"{domain}.enable")
        for _ in range(LOADS):
            self._disturbed = False
            await self.call("Page.navigate", url=address)
            await self.until(f"document.readyState === 'complete' && location.href === {json.dumps(address)}")
            if not self._disturbed:  # else a part of the page may be missing
                return
        raise AssertionError(f"the links of the machine changed during each of {LOADS} loads of {address}")

    async def look(self, expression: str) -> Any:
        """The value of an expression on the page."""
        found = await self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def until(self, expression: str, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until it is true."""
        end = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < end:
            if await self.look(f"Boolean({expression})"):  # an element by its value is nothing
                return
            await asyncio.sleep(0.1)
        text = await self.look("document.body.innerText")
        raise AssertionError(f"waited in vain for {expression}; the page says:\n{text}\n{self.complaints}")

    async def press(self, key: str) -> None:
        """A key."""
        code = {"Tab": 9, "Enter": 13, " ": 32, "ArrowRight": 39, "ArrowLeft": 37, "Escape": 27, "End": 35}[key]
        extra = {"text": "\r"} if key == "Enter" else {"text": " "} if key == " " else {}
        for kind in ("keyDown", "keyUp"):
            more = extra if kind == "keyDown" else {}
            await self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **more)

    async def stop_clock(self, at: datetime) -> None:
        """On pages that are opened from now on it is always this time."""
        source = f"Date.now = () => {round(at.timestamp() * 1000)};"
        await self.call("Page.enable")
        await self.call("Page.addScriptToEvaluateOnNewDocument", source=source)

    async def size(self, width: int, height: int) -> None:
        """Another size of the window."""
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )

    async def prefers(self, scheme: str) -> None:
        """`light` or `dark`."""
        await self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    async def screenshot(self, path: Path) -> None:
        """The window, as a PNG."""
        shot = await self.call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(shot["data"]))


@asynccontextmanager
async def browser(folder: Path, width: int = 1200, height: int = 800) -> AsyncIterator[Browser]:
    """A browser of its own; installed where it is missing, and an error where it cannot be."""
    packages.ensure(NEEDS)
    program = packages.find("chromium-headless-shell")
    assert program is not None
    profile = folder / "profile"
    process = await asyncio.create_subprocess_exec(
        program,
        *OPTIONS,
        f"--user-data-dir={profile}",
        "about:blank",
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "TZ": "UTC"},
        start_new_session=True,
    )
    try:
        port = await _port(process)
        async with aiohttp.ClientSession() as session:
            async with session.put(f"http://127.0.0.1:{port}/json/new?about:blank") as response:
                tab = await response.json(content_type=None)
            async with session.ws_connect(tab["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                found = Browser(socket)
                await found.size(width, height)
                yield found
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its children too
        await process.wait()
        shutil.rmtree(profile, ignore_errors=True)


async def _port(process: asyncio.subprocess.Process) -> int:
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        while line := await process.stderr.readline():
            found = re.search(rb"DevTools listening on ws://127\.0\.0\.1:(\d+)/", line)
            if found is not None:
                return int(found[1])
    raise AssertionError("the browser has ended")
