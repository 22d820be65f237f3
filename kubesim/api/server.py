"""The API server over HTTP: connections, watches, and what goes wrong with them by plan.

Everything about objects stands in `verbs` and below it. No TLS, no authentication and no RBAC: whoever reaches the
port may do everything, under any name (`Impersonate-User`), so it listens on loopback only.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from aiohttp import web

from inplace.runtime.clock import Clock
from kubesim.api import discovery, faults, requests, verbs
from kubesim.api.failure import Failure, expired, no_such_path
from kubesim.api.faults import Cut, Delay, Kill, Plan, Request
from kubesim.api.registry import Registry
from kubesim.api.requests import Target
from kubesim.api.storage import DEFAULT_HISTORY, Storage, Stored
from kubesim.api.verbs import Call, Verbs
from kubesim.api.watching import Watch

HOST: Final = "127.0.0.1"
_JSON: Final = "application/json"
_CHECKS: Final = frozenset({"/healthz", "/livez", "/readyz"})
Listener = Callable[[Request, int], None]


class ApiServer:
    """A server on a free port of loopback; an async context manager.

    `plan` decides what goes wrong; `on_answer` hears of every request and its code, 0 if it was cut.
    """

    def __init__(
        self, clock: Clock, rng: random.Random, *, plan: Plan = faults.nothing, history: int = DEFAULT_HISTORY
    ) -> None:
        self.plan = plan
        self.on_answer: Listener = lambda request, code: None
        self.storage = Storage(history)
        self._clock = clock
        self._verbs = Verbs(Registry(self.storage, clock, rng), clock)
        self._silenced: set[str] = set()
        self._numbers: Counter[str] = Counter()
        self._open: dict[int, tuple[web.BaseRequest, str]] = {}
        self._watches: set[Watch] = set()
        self.url = ""

    async def __aenter__(self) -> Self:
        self._serving = web.Server(self._serve, handler_cancellation=True, access_log=None)
        self._runner = web.ServerRunner(self._serving, shutdown_timeout=0)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.cut_watches()
        await self._runner.cleanup()

    def accept(self) -> asyncio.Protocol:
        """The server's side of a new connection, which need not be one of sockets (kubesim.api.memory)."""
        made: asyncio.Protocol = self._serving()
        return made

    # --- what a test does to it -------------------------------------------------------------------------------------

    def silence(self, agent: str) -> None:
        """Hear nothing more of a client, as if its process had been killed: nothing it sends from now on arrives."""
        self._silenced.add(agent)
        for request in [request for request, whose in self._open.values() if whose == agent]:
            _abort(request)

    def cut_watches(self) -> None:
        """End every watch as a server does that goes away."""
        for watch in tuple(self._watches):
            watch.end()

    def forget_history(self) -> None:
        """Compact: who comes back to a watch or a page gets 410, and so do those who watch now."""
        self.storage.compact()
        for watch in tuple(self._watches):
            watch.end(expired("The resourceVersion for the provided watch is too old."))

    # --- one request ------------------------------------------------------------------------------------------------

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        agent = request.headers.get("User-Agent", "")
        self._open[id(request)] = (request, agent)
        try:
            return await self._answer(request, agent)
        except Failure as error:
            return _refusal(error)
        finally:
            del self._open[id(request)]

    async def _answer(self, request: web.BaseRequest, agent: str) -> web.StreamResponse:
        query = request.query
        target = requests.target(request.method, request.path, query)
        if target is None:
            return self._about_itself(request)
        data = await request.read()
        seen = self._note(agent, target)
        fault = None if agent in self._silenced else self.plan(seen)
        if isinstance(fault, Delay):
            await self._clock.sleep(fault.seconds)
        if agent in self._silenced or fault is Cut.BEFORE:
            return self._cut(request, seen)
        if isinstance(fault, Kill):
            return self._kill(request, seen, target, data, fault)
        if isinstance(fault, faults.Answer):
            self.on_answer(seen, fault.code)
            reason, words = faults.WORDS[fault.code]
            raise Failure(fault.code, reason, words, retry_after=fault.retry_after)
        if target.verb == "watch":
            return await self._watch(request, target, cut=fault is Cut.AFTER)
        return self._carry_out(request, seen, _call(request, target, data), cut=fault is Cut.AFTER)

    def _kill(self, request: web.BaseRequest, seen: Request, target: Target, data: bytes, fault: Kill) -> web.Response:
        if fault is Kill.AFTER and target.verb != "watch":
            with suppress(Failure):
                self._verbs(_call(request, target, data))
        self.silence(seen.agent)
        return self._cut(request, seen)

    def _carry_out(self, request: web.BaseRequest, seen: Request, call: Call, *, cut: bool) -> web.StreamResponse:
        try:
            answer = self._verbs(call)
        except Failure as error:
            self.on_answer(seen, error.code)
            if cut:
                return self._cut(request, seen)
            raise
        if cut:
            return self._cut(request, seen)
        self.on_answer(seen, answer.code)
        return web.Response(body=answer.body, status=answer.code, content_type=_JSON)

    def _note(self, agent: str, target: Target) -> Request:
        self._numbers[agent] += 1
        resource, number = target.kind.resource, self._numbers[agent]
        where = target.namespace or ""
        return Request(agent, target.verb, resource.plural, target.subresource, where, target.name, number)

    def _cut(self, request: web.BaseRequest, seen: Request) -> web.Response:
        self.on_answer(seen, 0)
        _abort(request)
        return web.Response()

    def _about_itself(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path in _CHECKS:
            return web.Response(text="ok")
        found = discovery.answer(request.path)
        if found is None:
            if request.path.startswith("/api/"):
                raise no_such_path()
            return web.Response(text="404 page not found\n", status=404)
        return web.json_response(found)

    # --- watches ----------------------------------------------------------------------------------------------------

    async def _watch(self, request: web.BaseRequest, target: Target, *, cut: bool) -> web.StreamResponse:
        watch = Watch(self.storage, target.kind, target.namespace, request.query, self._render(request, target))
        self._watches.add(watch)
        response = web.StreamResponse(headers={"Content-Type": _JSON})
        try:
            await response.prepare(request)
            async for lines in watch.batches():
                await response.write(lines)
                if cut:
                    _abort(request)
                    break
        except ConnectionError:
            pass  # the client has gone
        finally:
            watch.close()
            self._watches.discard(watch)
        return response

    def _render(self, request: web.BaseRequest, target: Target) -> Callable[[str, Stored], bytes] | None:
        """How this watch sees an object; None: as it is stored."""
        if verbs.wants_table(request.headers.get("Accept", "")):
            include, first = request.query.get("includeObject", "Metadata"), [True]

            def table(_: str, stored: Stored) -> bytes:
                header, first[0] = first[0], False
                return verbs.table_event(target.kind, stored, self._clock.now(), include, header=header)

            return table
        if verbs.view_differs(target.kind):
            return lambda _, one: verbs.view(target.kind, one)
        return None


def _call(request: web.BaseRequest, target: Target, data: bytes) -> Call:
    headers = request.headers
    user = headers.get("Impersonate-User") or verbs.ANONYMOUS
    return Call(target, request.query, data, headers.get("Content-Type", ""), headers.get("Accept", ""), user)


def _refusal(error: Failure) -> web.Response:
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after is not None else None
    return web.json_response(error.status(), status=error.code, headers=headers)


def _abort(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.abort()
