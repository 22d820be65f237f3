"""Clients within the server's event loop: a request is a call, and a watch is read where it is written.

There is no kernel and no HTTP between the two, so nothing is ever under way while the loop is idle: that makes virtual
time exact, however busy the machine is. What `inplace.kube` asks of an aiohttp session is all that there is of one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Self, cast

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from inplace.kube.connection import Connection
from kubesim.api.exchange import Answerer, Dropped, Exchange, Reply, Stream


class _Session:
    """Where an aiohttp session would be."""

    def __init__(self, answer: Answerer) -> None:
        self._answer = answer

    async def request(
        self, method: str, url: URL, *, data: bytes | None, headers: Mapping[str, str], **_: object
    ) -> _Response:
        """Ask. Raises what aiohttp raises of a connection that is dropped."""
        exchange = Exchange(method, url.path, url.query, headers, data or b"", interrupt=_nobody)
        answering = asyncio.ensure_future(self._answer(exchange))
        exchange.interrupt = answering.cancel
        cancelled = _cancelled()
        try:
            return _Response(await answering)
        except (Dropped, asyncio.CancelledError) as error:
            if _cancelled() > cancelled:
                raise asyncio.CancelledError from None  # whoever asks is to stop, dropped or not
            if exchange.dropped or isinstance(error, Dropped):
                raise aiohttp.ServerDisconnectedError from None
            raise


class _Response:
    """Where an aiohttp response would be."""

    def __init__(self, answer: Reply | Stream) -> None:
        self._answer = answer
        self.status = answer.code if isinstance(answer, Reply) else 200
        self.headers = CIMultiDict(answer.headers if isinstance(answer, Reply) else {})

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if isinstance(self._answer, Stream):
            self._answer.close()

    @property
    def content(self) -> Self:
        """The body as it comes."""
        return self

    async def read(self) -> bytes:
        """The whole body."""
        return (
            self._answer.body if isinstance(self._answer, Reply) else b"".join([each async for each in self.iter_any()])
        )

    async def iter_any(self) -> AsyncIterator[bytes]:
        """The pieces of the body. Raises what aiohttp raises of one that breaks off."""
        if isinstance(self._answer, Reply):
            yield self._answer.body
            return
        try:
            async for lines in self._answer.batches:
                yield lines
        except Dropped:
            raise aiohttp.ClientPayloadError("the connection was dropped") from None


def _cancelled() -> int:
    """How often the present task was asked to stop."""
    task = asyncio.current_task()
    return task.cancelling() if task is not None else 0


def _nobody() -> None:
    """Nobody waits yet."""


def near(connection: Connection, answer: Answerer) -> Connection:
    """A connection that need not be opened or closed: its calls and watches go to a server of this loop."""
    connection.calls = connection.watches = cast("aiohttp.ClientSession", _Session(answer))
    return connection
