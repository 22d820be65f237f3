"""An API server that says what a test tells it to: scripted answers over real HTTP."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from msgspec.structs import replace

from inplace.kube import resource as resources
from inplace.kube.access import Access, Credential
from inplace.kube.client import Client
from inplace.kube.connection import Connection
from inplace.kube.kubeconfig import Impersonation
from inplace.runtime.clock import LoopClock
from inplace.runtime.observe import NullObserver

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Recorder(NullObserver):
    """Keeps what was counted and said."""

    def __init__(self) -> None:
        self.counts: list[tuple[str, dict[str, str]]] = []
        self.seconds: list[tuple[str, float, dict[str, str]]] = []
        self.events: list[tuple[str, dict[str, object]]] = []

    def count(self, metric: str, value: float = 1, /, **labels: str) -> None:
        self.counts.append((metric, labels))

    def observe(self, metric: str, seconds: float, /, **labels: str) -> None:
        self.seconds.append((metric, seconds, labels))

    def event(self, name: str, /, **fields: object) -> None:
        self.events.append((name, fields))

    def timed(self, metric: str, **labels: str) -> list[float]:
        """What was observed, in order."""
        return [seconds for name, seconds, found in self.seconds if name == metric and labels.items() <= found.items()]

    def total(self, metric: str, **labels: str) -> int:
        return sum(name == metric and labels.items() <= found.items() for name, found in self.counts)


class Script:
    """Answers in order; the last is repeated. `requests` are those that arrived."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[web.Request] = []
        self.bodies: list[Any] = []
        self.at: list[float] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.bodies.append(json.loads(body) if body else None)
        self.at.append(asyncio.get_running_loop().time())
        answer = self.answers[min(len(self.requests), len(self.answers) - 1)]
        self.requests.append(request)
        return await answer(request)


class _Source:
    """Another token, whenever it is asked for one."""

    def __init__(self, host: str) -> None:
        self.access = Access(host, credential=Credential(authorization="Bearer first"))

    async def ask(self) -> Access:
        return replace(self.access, credential=Credential(authorization="Bearer second"))

    async def look(self) -> Access:
        return self.access


@asynccontextmanager
async def serving(*answers: Answer) -> AsyncIterator[tuple[Client, Script, Recorder]]:
    """A client of a scripted server."""
    script, recorder = Script(*answers), Recorder()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", script.handle)
    clock = LoopClock(datetime(2026, 1, 1, tzinfo=UTC))

    async with TestServer(app) as server:
        source = _Source(str(server.make_url("/")).rstrip("/"))
        connection = Connection(source, source.access, clock, namespace="", as_who=Impersonation(), agent="test/1")
        async with connection:
            yield Client(connection, recorder, clock, rng=random.Random(0)), script, recorder


def ok(body: Any) -> Answer:
    """200 with a JSON body."""

    async def answer(_: web.Request) -> web.Response:
        return web.json_response(body)

    return answer


def took() -> Answer:
    """A write is taken: the object that was sent, or of a patch or a deletion the one at this path."""

    async def answer(request: web.Request) -> web.Response:
        if request.method == "POST":
            return web.json_response(await request.json())
        *_, plural, name = request.path.split("/")
        kind = next(resource.kind for resource in resources.ALL if resource.plural == plural)
        return web.json_response({"kind": kind, "metadata": {"name": name}})

    return answer


def status(code: int, *, headers: dict[str, str] | None = None, **fields: Any) -> Answer:
    """A Status."""

    async def answer(_: web.Request) -> web.Response:
        body = {"kind": "Status", "status": "Failure", "code": code, **fields}
        return web.json_response(body, status=code, headers=headers)

    return answer


def text(code: int, body: str) -> Answer:
    """What a proxy says."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=body, status=code, content_type="text/html")

    return answer


def cut(*, after: bytes = b"") -> Answer:
    """The connection ends without an answer, or in the middle of one."""

    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        if after:
            request.transport.write(after)
        request.transport.close()
        return web.Response()

    return answer


def hang() -> Answer:
    """No answer, ever."""

    async def answer(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(10_000)
        return web.Response()

    return answer


def stream(*lines: Any, then: Callable[[], Awaitable[None]] | None = None, tail: bytes = b"") -> Answer:
    """A watch: JSON lines (bytes are sent as they are), then an end."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for line in lines:
            await response.write(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n")
        if tail:
            await response.write(tail)
        if then is not None:
            await then()
        return response

    return answer


def pod(name: str, version: str, **fields: Any) -> dict[str, Any]:
    """A Pod, as far as these tests care."""
    return {
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "uid": name, "resourceVersion": version},
        **fields,
    }


def page(*items: Any, version: str = "10", token: str = "", kind: str = "PodList") -> dict[str, Any]:
    """A page of a list."""
    return {"kind": kind, "metadata": {"resourceVersion": version, "continue": token}, "items": list(items)}


def event(kind: str, one: Any) -> dict[str, Any]:
    """A line of a watch."""
    return {"type": kind, "object": one}
