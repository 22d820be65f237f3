"""A second registry on loopback: hands every request on to the cluster's own while it is reachable.

With a password it asks for it, as private registries do (WWW-Authenticate: Basic).
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web

from tests.scenarios.world import Registry

_KEPT = ("Content-Type", "Docker-Content-Digest", "Docker-Distribution-Api-Version", "Content-Length")


class Forwarder(Registry):
    """Answers as the registry behind it does, or cuts the connection."""

    def __init__(self, behind: str, password: str) -> None:
        self._behind = behind
        self._wanted = "Basic " + base64.b64encode(f"user:{password}".encode()).decode() if password else ""
        self._open = False
        self._moved: dict[str, str] = {}
        self._quick = asyncio.Event()
        self._quick.set()

    def stall(self, yes: bool) -> None:
        """Whether requests wait from now on, as at a slow registry."""
        if yes:
            self._quick.clear()
        else:
            self._quick.set()

    def reachable(self, yes: bool) -> None:
        """Whether it answers from now on."""
        self._open = yes

    def move(self, tag: str, to: str) -> None:
        """From now on a tag of any repository means what another one does."""
        self._moved[tag] = to

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """One request."""
        await self._quick.wait()
        if not self._open:
            assert request.transport is not None
            request.transport.abort()
            return web.Response(status=503)
        if self._wanted and request.headers.get("Authorization") != self._wanted:
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="forwarder"'})
        host, _, prefix = self._behind.partition("/")
        path = request.path if not prefix or request.path == "/v2/" else request.path.replace("/v2/", f"/v2/{prefix}/")
        head, _, last = path.rpartition("/manifests/")
        path = f"{head}/manifests/{self._moved[last]}" if last in self._moved else path
        headers = {"Accept": ", ".join(request.headers.getall("Accept", ["*/*"]))}
        async with (
            aiohttp.ClientSession() as session,
            session.request(request.method, f"http://{host}{path}", headers=headers) as found,
        ):
            kept = {key: found.headers[key] for key in _KEPT if key in found.headers}
            body = await found.read()
        if request.method == "HEAD":
            return web.Response(status=found.status, headers=kept)
        kept.pop("Content-Length", None)
        return web.Response(status=found.status, headers=kept, body=body)


@asynccontextmanager
async def forwarding(behind: str, password: str = "") -> AsyncIterator[Forwarder]:
    """Listen on a free port of loopback while the block runs."""
    made = Forwarder(behind, password)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        made.host = "{}:{}".format(*runner.addresses[0][:2])
        yield made
    finally:
        await runner.cleanup()
