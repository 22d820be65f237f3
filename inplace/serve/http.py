"""The HTTP servers of the process, for probes and metrics: one for both, or one for each, if it has an address.

Does not depend on what is measured and checked. Plain HTTP on purpose: no secrets are served, and NetworkPolicies can
limit access. Whoever has it all the same cannot hold up the process (`guard`).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self, cast

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from inplace.serve.guard import GUARDS, Guards
from inplace.serve.probes import Handler

#: For how long the encoded metrics are served again, in seconds: to encode them takes the event loop a millisecond.
ENCODED_SECONDS: Final = 1.0
#: How long requests in flight may still take at shutdown, in seconds; ours take milliseconds.
SHUTDOWN_SECONDS: Final = 1.0

Address = tuple[str, int]
#: Adds what a server serves.
Routes = Callable[[web.Application], None]


class ListenError(Exception):
    """The address is invalid or unavailable; the message is one line and says what to do."""


def parse_listen(text: str, option: str = "--listen") -> Address | None:
    """`HOST:PORT`, `[::1]:PORT`, `:PORT` (all addresses) or `off` (None); raises ListenError for `option`."""
    if text == "off":
        return None
    match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^\s:\[\]]*):(\d{1,5})", text, re.ASCII)
    if match is None or int(match[2]) > 65535:
        raise ListenError(f"{option} {text!r} is no address: use HOST:PORT, such as 127.0.0.1:8080, or off")
    return match[1].strip("[]") or "0.0.0.0", int(match[2])  # noqa: S104  what an absent host means


def metrics_routes(registry: CollectorRegistry) -> Routes:
    """Serve what is registered at /metrics."""

    def add(app: web.Application) -> None:
        app.router.add_get("/metrics", _metrics(registry))

    return add


def _metrics(registry: CollectorRegistry) -> Handler:
    #: By content type, of which there are a few: until when it holds, and what was encoded.
    encoded: dict[str, tuple[float, bytes]] = {}

    async def handle(request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        now = asyncio.get_running_loop().time()
        until, body = encoded.get(content_type, (now, b""))
        if now >= until:
            body = encode(registry)
            encoded.clear()
            encoded[content_type] = now + ENCODED_SECONDS, body
        return web.Response(body=body, headers={"Content-Type": content_type})

    return handle


class Server:
    """Serves while the context is open; does nothing without an address.

    `option` named it, for the error, with what else can be chosen than another one.
    """

    def __init__(
        self, address: Address | None, *routes: Routes, option: str = "--listen", instead: str = ", or off"
    ) -> None:
        self._address = address
        self._instead = instead
        self._option = option
        app = web.Application()
        for add in routes:
            add(app)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=SHUTDOWN_SECONDS)
        self._guards = Guards(self._protocol)
        app.middlewares.append(self._guards.watch)
        app[GUARDS] = self._guards
        self._listener: asyncio.Server | None = None

    def _protocol(self) -> asyncio.Protocol:
        return cast("web.Server", self._runner.server)()

    async def __aenter__(self) -> Self:
        if self._address is None:
            return self
        host, port = self._address
        await self._runner.setup()
        try:
            self._listener = await asyncio.get_running_loop().create_server(self._guards, host, port)
        except OSError as error:
            await self._runner.cleanup()
            why = error.strerror or error
            advice = f"choose another {self._option}{self._instead}"
            raise ListenError(f"cannot listen on {host}:{port}: {why}; {advice}") from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._listener is not None:
            self._listener.close()
            await self._runner.cleanup()

    @property
    def port(self) -> int | None:
        """The port of the server: the configured one or, if that is 0, the one that the system assigned."""
        return int(self._listener.sockets[0].getsockname()[1]) if self._listener is not None else None
