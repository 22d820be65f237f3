"""The only HTTP server of the process: probes and metrics, if it has an address.

Does not depend on what is measured and checked. Plain HTTP on purpose: no secrets are served, and NetworkPolicies can
limit access.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from inplace.serve import probes
from inplace.serve.probes import Check, Handler

#: How long requests in flight may still take at shutdown, in seconds; ours take milliseconds.
SHUTDOWN_SECONDS: Final = 1.0

Address = tuple[str, int]


class ListenError(Exception):
    """The address is invalid or unavailable; the message is one line and says what to do."""


def parse_listen(text: str) -> Address | None:
    """`HOST:PORT`, `[::1]:PORT`, `:PORT` (all addresses) or `off` (None). Raises ListenError."""
    if text == "off":
        return None
    match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^\s:\[\]]*):(\d{1,5})", text, re.ASCII)
    if match is None or int(match[2]) > 65535:
        raise ListenError(f"--listen {text!r} is no address: use HOST:PORT, such as 127.0.0.1:8080, or off")
    return match[1].strip("[]") or "0.0.0.0", int(match[2])  # noqa: S104  what an absent host means


def make_app(registry: CollectorRegistry, live: Mapping[str, Check], ready: Mapping[str, Check]) -> web.Application:
    """The routes of the server."""
    app = web.Application()
    probes.add_routes(app, live, ready)
    app.router.add_get("/metrics", _metrics(registry))
    return app


def _metrics(registry: CollectorRegistry) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(registry), headers={"Content-Type": content_type})

    return handle


class Server:
    """Serves while the context is open; does nothing without an address."""

    def __init__(
        self,
        address: Address | None,
        registry: CollectorRegistry,
        *,
        live: Mapping[str, Check],
        ready: Mapping[str, Check],
    ) -> None:
        self._address = address
        self._runner = web.AppRunner(
            make_app(registry, live, ready), access_log=None, handle_signals=False, shutdown_timeout=SHUTDOWN_SECONDS
        )

    async def __aenter__(self) -> Self:
        if self._address is None:
            return self
        host, port = self._address
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            await self._runner.cleanup()
            why = error.strerror or error
            raise ListenError(f"cannot listen on {host}:{port}: {why}; choose another --listen, or off") from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._address is not None:
            await self._runner.cleanup()

    @property
    def port(self) -> int | None:
        """The port of the server: the configured one or, if that is 0, the one that the system assigned."""
        addresses = self._runner.addresses
        return int(addresses[0][1]) if addresses else None
