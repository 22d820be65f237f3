"""Bounds on the connections of an HTTP server that anybody in the cluster may reach: how many, how long, how much.

aiohttp waits for ever for the end of a request's headers, and for a client that does not read what it has asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

from aiohttp import web

#: Connections of one server: a kubelet and a few scrapers have one each.
MAX_CONNECTIONS: Final = 64
#: Seconds for each step: to send a request, to be answered, to read the answer and send the next one.
STEP_SECONDS: Final = 10.0
#: Bytes of one request with its headers; ours have some hundred.
MAX_REQUEST: Final = 16_384

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Guards:
    """The connections of one server, those first that have not moved on for longest. Makes their protocols.

    If there are too many, the first that is not being answered is cut off, so that who holds many open and sends
    nothing does not keep others out.
    """

    def __init__(self, make: Callable[[], asyncio.Protocol]) -> None:
        self._make = make
        self._open: dict[asyncio.Protocol, _Guard] = {}

    def __call__(self) -> asyncio.Protocol:
        """The protocol of one more connection."""
        return _Guard(self._make(), self)

    def __len__(self) -> int:
        return len(self._open)

    @web.middleware
    async def watch(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """A middleware that notes what each connection is at."""
        guard = self._open.get(cast("asyncio.Protocol", request.protocol))
        if guard is None:
            return await handler(request)
        guard.step(answering=True)
        try:
            return await handler(request)
        finally:
            guard.step(answering=False)

    def goes_on(self, request: web.Request) -> None:
        """An answer without an end has got further: its client has read what it was sent."""
        guard = self._open.get(cast("asyncio.Protocol", request.protocol))
        if guard is not None:
            guard.step(answering=True)

    def moved(self, inner: asyncio.Protocol, guard: _Guard) -> None:
        """A connection is new, or has moved on."""
        self._open.pop(inner, None)
        self._open[inner] = guard
        if len(self._open) > MAX_CONNECTIONS:
            idle = (other for other in self._open.values() if not other.answering)
            next(idle, guard).abort()

    def closed(self, inner: asyncio.Protocol) -> None:
        """A connection has ended."""
        self._open.pop(inner, None)


#: The guards of the server that serves an application.
GUARDS: Final = web.AppKey("guards", Guards)


class _Guard(asyncio.Protocol):
    """One connection: everything goes on to aiohttp's own protocol, within the bounds."""

    def __init__(self, inner: asyncio.Protocol, guards: Guards) -> None:
        self._inner = inner
        self._guards = guards
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._received = 0
        self.answering = False

    def step(self, *, answering: bool) -> None:
        """The next step begins."""
        if self._transport is None:
            return
        self.answering, self._received = answering, 0
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(STEP_SECONDS, self.abort)
        self._guards.moved(self._inner, self)

    def abort(self) -> None:
        """Cut it off."""
        self._guards.closed(self._inner)
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The first step begins."""
        self._transport = cast("asyncio.Transport", transport)
        self._inner.connection_made(transport)
        self.step(answering=False)

    def data_received(self, data: bytes) -> None:
        """Cut off what is too much for a request."""
        self._received += len(data)
        if self._received > MAX_REQUEST:
            self.abort()
        else:
            self._inner.data_received(data)

    def eof_received(self) -> Any:
        """The client sends no more."""
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        """The client reads too slowly."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """It has caught up."""
        self._inner.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        """It has ended."""
        if self._timer is not None:
            self._timer.cancel()
        self._transport = None
        self._guards.closed(self._inner)
        self._inner.connection_lost(error)
