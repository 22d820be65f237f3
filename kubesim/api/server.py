"""The API server: who asks, what goes wrong by plan, and watches.

Everything about objects stands in `verbs` and below it, what carries requests in `http` and `near`.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Final, Self

from msgspec.structs import replace

from inplace.runtime.clock import Clock
from kubesim.api import discovery, faults, requests, verbs
from kubesim.api.exchange import Dropped, Exchange, Reply, Stream
from kubesim.api.failure import Failure, expired, no_such_path
from kubesim.api.faults import Cut, Delay, Kill, Plan, Request
from kubesim.api.http import HttpServer
from kubesim.api.registry import Registry
from kubesim.api.requests import Target
from kubesim.api.storage import DEFAULT_HISTORY, Storage, Stored
from kubesim.api.verbs import Call, Verbs
from kubesim.api.watching import Watch

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
        self.verbs = Verbs(Registry(self.storage, clock, rng), clock)
        self._silenced: set[str] = set()
        self._numbers: Counter[str] = Counter()
        self._open: dict[Exchange, None] = {}
        self._watches: dict[Watch, None] = {}
        self.url = ""

    async def __aenter__(self) -> Self:
        self._http = HttpServer(self.answer)
        self.url = await self._http.start()
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.cut_watches()
        await self._http.stop()

    # --- what a test does to it -------------------------------------------------------------------------------------

    def silence(self, agent: str) -> None:
        """Hear nothing more of a client, as if its process had been killed: nothing it sends from now on arrives."""
        self._silenced.add(agent)
        for exchange in [exchange for exchange in self._open if exchange.agent == agent]:
            exchange.drop()

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

    async def answer(self, exchange: Exchange) -> Reply | Stream:
        """Answer a request. Raises Dropped where no answer arrives."""
        self._open[exchange] = None
        answer: Reply | Stream | None = None
        try:
            answer = await self._answer(exchange, exchange.agent)
        except Failure as error:
            answer = _refusal(error)
        finally:
            if not isinstance(answer, Stream):
                del self._open[exchange]
        return answer

    async def _answer(self, exchange: Exchange, agent: str) -> Reply | Stream:
        target = requests.target(exchange.method, exchange.path, exchange.query)
        if target is None:
            return self._about_itself(exchange.path)
        seen = self._note(agent, target, dry_run="dryRun" in exchange.query)
        fault = None if agent in self._silenced else self.plan(seen)
        if isinstance(fault, Delay):
            await self._clock.sleep(fault.seconds)
        if agent in self._silenced or fault is Cut.BEFORE:
            raise self._cut(seen)
        if isinstance(fault, Kill):
            raise self._kill(seen, _call(exchange, target), fault)
        if isinstance(fault, faults.Answer):
            self.on_answer(seen, fault.code)
            reason, words = faults.WORDS[fault.code]
            raise Failure(fault.code, reason, words, retry_after=fault.retry_after)
        if isinstance(fault, faults.Garbled):
            return self._garble(seen, _call(exchange, target), fault)
        if target.verb == "watch":
            return self._watch(exchange, target, cut=fault is Cut.AFTER)
        call = _call(exchange, target)
        if isinstance(fault, faults.Undone):
            return self._undo(seen, call)
        return self._carry_out(seen, call, cut=fault is Cut.AFTER)

    def _undo(self, seen: Request, call: Call) -> Reply:
        reply = self._carry_out(seen, replace(call, query={**call.query, "dryRun": "All"}), cut=False)
        if seen.verb != "patch":
            return reply
        stored = replace(call, target=replace(call.target, verb="get", subresource=""), query={}, data=b"")
        return Reply(reply.code, self.verbs(stored).body)

    def _garble(self, seen: Request, call: Call, fault: faults.Garbled) -> Reply:
        if fault.arrives and call.target.verb != "watch":
            self._carry_out(seen, call, cut=False)
        return Reply(200, fault.body)

    def _kill(self, seen: Request, call: Call, fault: Kill) -> Dropped:
        if fault is Kill.AFTER and call.target.verb != "watch":
            with suppress(Failure):
                self.verbs(call)
        self.silence(seen.agent)
        return self._cut(seen)

    def _carry_out(self, seen: Request, call: Call, *, cut: bool) -> Reply:
        try:
            answer = self.verbs(call)
        except Failure as error:
            if cut:
                raise self._cut(seen) from error
            self.on_answer(seen, error.code)
            raise
        if cut:
            raise self._cut(seen)
        self.on_answer(seen, answer.code)
        return Reply(answer.code, answer.body)

    def _note(self, agent: str, target: Target, *, dry_run: bool) -> Request:
        self._numbers[agent] += 1
        resource, number = target.kind.resource, self._numbers[agent]
        where = target.namespace or ""
        return Request(agent, target.verb, resource.plural, target.subresource, where, target.name, number, dry_run)

    def _cut(self, seen: Request) -> Dropped:
        self.on_answer(seen, 0)
        return Dropped()

    def _about_itself(self, path: str) -> Reply:
        if path in _CHECKS:
            return Reply(200, b"ok", "text/plain")
        found = discovery.answer(path)
        if found is not None:
            return Reply(200, json.dumps(found).encode())
        if path.startswith("/api/"):
            raise no_such_path()
        return Reply(404, b"404 page not found\n", "text/plain")

    # --- watches ----------------------------------------------------------------------------------------------------

    def _watch(self, exchange: Exchange, target: Target, *, cut: bool) -> Stream:
        watch = Watch(self.storage, target.kind, target.namespace, exchange.query, self._render(exchange, target))
        self._watches[watch] = None
        exchange.interrupt = watch.end
        return Stream(_sent(exchange, watch, cut=cut), partial(self._close, exchange, watch))

    def _close(self, exchange: Exchange, watch: Watch) -> None:
        watch.close()
        self._watches.pop(watch, None)
        self._open.pop(exchange, None)

    def _render(self, exchange: Exchange, target: Target) -> Callable[[str, Stored], bytes] | None:
        """How this watch sees an object; None: as it is stored."""
        if verbs.wants_table(exchange.headers.get("Accept", "")):
            include, first = exchange.query.get("includeObject", "Metadata"), [True]

            def table(_: str, stored: Stored) -> bytes:
                header, first[0] = first[0], False
                return verbs.table_event(target.kind, stored, self._clock.now(), include, header=header)

            return table
        if verbs.view_differs(target.kind):
            return lambda _, one: verbs.view(target.kind, one)
        return None


async def _sent(exchange: Exchange, watch: Watch, *, cut: bool) -> AsyncIterator[bytes]:
    """What a watch sends, until its end or until its connection is dropped."""
    async for lines in watch.batches():
        if exchange.dropped:
            break
        yield lines
        if cut:
            raise Dropped
    if exchange.dropped:
        raise Dropped


def _call(exchange: Exchange, target: Target) -> Call:
    headers = exchange.headers
    user = headers.get("Impersonate-User") or verbs.ANONYMOUS
    content_type, accept = headers.get("Content-Type", ""), headers.get("Accept", "")
    return Call(target, exchange.query, exchange.data, content_type, accept, user)


def _refusal(error: Failure) -> Reply:
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after is not None else {}
    return Reply(error.code, json.dumps(error.status()).encode(), headers=headers)
