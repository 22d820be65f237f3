"""Connections within one event loop: what one end writes, the other reads in the next turn of the loop.

HTTP is spoken on them as on a socket. There is no kernel between the ends, so nothing is ever under way while the loop
is idle: that makes virtual time exact, however busy the machine is. Does not depend on what is sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, Self

import aiohttp
from aiohttp.client_proto import ResponseHandler

from inplace.kube.connection import CALLS, Connection

#: Seconds that an idle connection is kept.
KEEPALIVE_SECONDS: Final = 90.0
_ADDRESSES: Final = {"peername": ("memory", 0), "sockname": ("memory", 0)}


class End(asyncio.Transport):
    """One end of a connection. No limits: a reader that pauses finds everything when it goes on."""

    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: asyncio.Protocol) -> None:
        super().__init__(_ADDRESSES)
        self._loop = loop
        self._protocol = protocol
        self._peer: End | None = None
        self._unread: list[bytes] = []
        self._paused = self._ended = self._scheduled = self._closing = False

    @classmethod
    def pair(cls, protocol: asyncio.Protocol, other: asyncio.Protocol) -> Self:
        """Connect two protocols; returns the first one's end."""
        loop = asyncio.get_running_loop()
        here, there = cls(loop, protocol), cls(loop, other)
        here._peer, there._peer = there, here
        other.connection_made(there)
        protocol.connection_made(here)
        return here

    # --- writing ----------------------------------------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """The other end reads it in the next turn; unread data is lost at the end."""
        if not self._closing and self._peer is not None:
            self._peer._unread.append(bytes(data))
            self._peer._schedule()

    def get_write_buffer_size(self) -> int:
        """Everything has left at once."""
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """There are none."""

    def can_write_eof(self) -> bool:
        """Connections are closed whole."""
        return False

    def close(self) -> None:
        """The other end reads what was written, and then the end of it."""
        if not self._closing:
            self._closing = True
            self._loop.call_soon(self._protocol.connection_lost, None)
            if self._peer is not None:
                self._peer._ended = True
                self._peer._schedule()

    def abort(self) -> None:
        """As closing: nothing waits to be sent."""
        self.close()

    def is_closing(self) -> bool:
        """Whether this end is closed."""
        return self._closing

    # --- reading ----------------------------------------------------------------------------------------------------

    def pause_reading(self) -> None:
        """Deliver nothing for a while."""
        self._paused = True

    def resume_reading(self) -> None:
        """Deliver what has come meanwhile."""
        self._paused = False
        self._schedule()

    def is_reading(self) -> bool:
        """Whether what comes is delivered."""
        return not self._paused and not self._closing

    def _schedule(self) -> None:
        if not self._scheduled and self.is_reading():
            self._scheduled = True
            self._loop.call_soon(self._deliver)

    def _deliver(self) -> None:
        self._scheduled = False
        if not self.is_reading():
            return
        if self._unread:
            data, self._unread = b"".join(self._unread), []
            self._protocol.data_received(data)
        if self._ended and not self._unread and self.is_reading():
            self._protocol.eof_received()
            self.close()


class Connector(aiohttp.BaseConnector):
    """Connects an aiohttp session with a server of this loop; `serve` makes the server's side of a connection."""

    def __init__(self, serve: Callable[[], asyncio.Protocol], limit: int) -> None:
        super().__init__(limit=limit, keepalive_timeout=KEEPALIVE_SECONDS)
        self._serve = serve

    async def _create_connection(self, req: Any, traces: Any, timeout: Any) -> ResponseHandler:
        made: ResponseHandler = self._factory()
        End.pair(made, self._serve())
        return made


@asynccontextmanager
async def near(connection: Connection, serve: Callable[[], asyncio.Protocol]) -> AsyncIterator[Connection]:
    """An open connection whose calls and watches go to a server of this loop."""
    async with connection, _session(serve, CALLS) as connection.calls, _session(serve, 0) as connection.watches:
        yield connection


def _session(serve: Callable[[], asyncio.Protocol], limit: int) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=Connector(serve, limit),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
    )
