"""The API over HTTP, on a free port of loopback: for clients of other processes, like kubectl.

No TLS, no authentication and no RBAC: whoever reaches the port may do everything, under any name (`Impersonate-User`).
"""

from __future__ import annotations

from functools import partial
from typing import Final

from aiohttp import web

from kubesim.api.exchange import Answerer, Dropped, Exchange, Stream

HOST: Final = "127.0.0.1"


class HttpServer:
    """Carries requests from sockets to an answerer."""

    def __init__(self, answer: Answerer) -> None:
        self._answer = answer
        self._runner = web.ServerRunner(
            web.Server(self._serve, handler_cancellation=True, access_log=None), shutdown_timeout=0
        )

    async def start(self) -> str:
        """Listen; returns the URL."""
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, 0).start()
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def stop(self) -> None:
        """Listen no more, and end what is open."""
        await self._runner.cleanup()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        data, drop = await request.read(), partial(_abort, request)
        exchange = Exchange(request.method, request.path, request.query, request.headers, data, interrupt=drop)
        try:
            answer = await self._answer(exchange)
            if isinstance(answer, Stream):
                return await _stream(request, answer)
        except Dropped:
            drop()
            return web.Response()
        return web.Response(
            body=answer.body, status=answer.code, content_type=answer.content_type, headers=answer.headers
        )


async def _stream(request: web.BaseRequest, stream: Stream) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    try:
        await response.prepare(request)
        async for lines in stream.batches:
            await response.write(lines)
    except ConnectionError:
        pass  # the client has gone
    finally:
        stream.close()
    return response


def _abort(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.abort()
