"""Clients within the server's event loop: a request is a call, and a watch is read where it is written.

There is no kernel and no HTTP between the two, so nothing is ever under way while the loop is idle: that makes virtual
time exact, however busy the machine is. What `inplace.kube` asks of an aiohttp session is all that there is of one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import Self, cast

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from inplace.kube.connection import Connection
from inplace.runtime.clock import Clock
from kubesim.api.exchange import Answerer, Dropped, Exchange, Reply, Stream


class _Session:
    """Where an aiohttp session would be."""

    def __init__(self, answer: Answerer, clock: Clock) -> None:
        self._answer = answer
        self._clock = clock

    async def request(
        self, method: str, url: URL, *, data: bytes | None, headers: Mapping[str, str], **_: object
    ) -> _Response | _Watch:
        """Ask. Raises what aiohttp raises of a connection that is dropped."""
        exchange = Exchange(method, url.path, url.query, headers, data or b"", interrupt=_nobody)
        answering = asyncio.ensure_future(self._answer(exchange))
        exchange.interrupt = answering.cancel
        cancelled = _cancelled()
        try:
            answer = await answering
        except (Dropped, asyncio.CancelledError) as error:
            if _cancelled() > cancelled:
                raise asyncio.CancelledError from None  # whoever asks is to stop, dropped or not
            if exchange.dropped or isinstance(error, Dropped):
                raise aiohttp.ServerDisconnectedError from None
            raise
        return _Watch(answer) if isinstance(answer, Stream) else _Response(answer, self._clock.now())


class _Response:
    """Where an aiohttp response would be, to a call that has been answered whole: its own `content`."""

    def __init__(self, reply: Reply, now: datetime) -> None:
        self.status = reply.code
        self.headers = CIMultiDict({**reply.headers, "Date": format_datetime(now, usegmt=True)})
        self._body = reply.body
        self.content = self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing is open."""

    async def iter_any(self) -> AsyncIterator[bytes]:
        """The body, at once."""
        yield self._body


class _Watch:
    """Where an aiohttp response would be, to a watch: its own `content`."""

    status = 200
    headers: CIMultiDict[str] = CIMultiDict()

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.content = self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stream.close()

    async def iter_any(self) -> AsyncIterator[bytes]:
        """The body as it comes. Raises what aiohttp raises of one that breaks off."""
        try:
            async for lines in self._stream.batches:
                yield lines
        except Dropped:
            raise aiohttp.ClientPayloadError("the connection was dropped") from None


def _cancelled() -> int:
    """How often the present task was asked to stop."""
    task = asyncio.current_task()
    return task.cancelling() if task is not None else 0


def _nobody() -> None:
    """Nobody waits yet."""


def near(connection: Connection, answer: Answerer, clock: Clock) -> Connection:
    """A connection that need not be opened or closed: its calls and watches go to a server of this loop."""
    connection.calls = connection.watches = cast("aiohttp.ClientSession", _Session(answer, clock))
    return connection
