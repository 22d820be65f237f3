"""A page for one person: files, and a stream of what has changed, to a browser on the same machine.

Does not depend on what is shown. Only who knows the token in the path is answered, and only if the browser was led here
by the name of this machine: another site's name that points to it (DNS rebinding) is refused.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from aiohttp import hdrs, web
from msgspec import Struct

from inplace.runtime.waiting import wait_at_most
from inplace.serve.guard import GUARDS

#: Names by which a browser may have been led here; a tunnel has another port, but none of a stranger's names.
HOSTS: Final = frozenset({"127.0.0.1", "localhost"})
#: Streams at once: a person has a few tabs.
MAX_STREAMS: Final = 8
#: Seconds after which a stream says that it is still there; well below those of the guards.
BEAT_SECONDS: Final = 4.0
#: Nothing is loaded or run but our own files, and no other page can show or read this one.
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class File(Struct, frozen=True):
    """A file of the page."""

    content_type: str
    body: bytes


class Feed:
    """What is shown now, by key, and who waits for something else."""

    def __init__(self) -> None:
        self._shown: dict[str, bytes] = {}
        self._waiting: set[asyncio.Event] = set()

    def put(self, shown: Mapping[str, bytes]) -> None:
        """Show this, and nothing else any more; values are JSON on one line."""
        if shown != self._shown:
            self._shown = dict(shown)
            for event in self._waiting:
                event.set()

    def changes(self, seen: dict[str, bytes]) -> list[tuple[str, bytes | None]]:
        """What is another than was seen, None for what is gone; it counts as seen then."""
        gone = [(key, None) for key in seen if key not in self._shown]
        new = [(key, value) for key, value in self._shown.items() if seen.get(key) != value]
        seen.clear()
        seen.update(self._shown)
        return [*gone, *new]

    async def wait(self, event: asyncio.Event) -> None:
        """Until something has changed since the event was cleared, or it is time for a sign of life."""
        self._waiting.add(event)
        try:
            await wait_at_most(event, BEAT_SECONDS)
        finally:
            self._waiting.discard(event)


def page_routes(token: str, files: Mapping[str, File], feed: Feed) -> Callable[[web.Application], None]:
    """Serve files below the token, that with the empty name as the page itself, and the feed as `events`."""
    room = asyncio.Semaphore(MAX_STREAMS)

    async def serve(request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if not secrets.compare_digest(request.match_info["token"].encode(), token.encode()):
            raise web.HTTPForbidden(text="the address lacks the token: open the one that inplace dashboard has printed")
        if name == "events":
            if room.locked():
                raise web.HTTPServiceUnavailable(text="this page is open too often: close a tab")
            async with room:
                return await _stream(request, feed)
        found = files.get(name)
        if found is None:
            raise web.HTTPNotFound(text="there is no such file")
        return web.Response(body=found.body, headers={hdrs.CONTENT_TYPE: found.content_type})

    async def without_token(_: web.Request) -> web.StreamResponse:
        raise web.HTTPForbidden(text="the address lacks the token: open the one that inplace dashboard has printed")

    def add(app: web.Application) -> None:
        app.middlewares.append(_guarded)
        app.router.add_get("/", without_token)
        app.router.add_get("/{token}/{name:[a-z.]*}", serve)

    return add


@web.middleware
async def _guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every answer has our headers; who was led here by a strange name gets none."""
    host = request.headers.get(hdrs.HOST, "")
    try:
        if host.partition(":")[0].lower() not in HOSTS:
            expected = " or ".join(sorted(HOSTS))
            raise web.HTTPForbidden(text=f"the request is for another host: expected {expected}")
        response = await handler(request)
    except web.HTTPException as refusal:
        refusal.headers.update(HEADERS)
        raise
    if not response.prepared:
        response.headers.update(HEADERS)
    return response


async def _stream(request: web.Request, feed: Feed) -> web.StreamResponse:
    """Server-sent events until the client goes: of each key that has changed its value, or that it is gone."""
    response = web.StreamResponse(headers={**HEADERS, hdrs.CONTENT_TYPE: "text/event-stream"})
    await response.prepare(request)
    seen, changed, guards = dict[str, bytes](), asyncio.Event(), request.app[GUARDS]
    while True:
        changed.clear()
        found = feed.changes(seen)
        events = [b"event: gone\ndata: %s\n\n" % key.encode() for key, value in found if value is None]
        events += [b"event: shown\ndata: %s\n\n" % value for _, value in found if value is not None]
        try:
            await response.write(b"".join(events) or b": still here\n\n")
        except ConnectionResetError:  # the tab is closed: nothing that anybody has to be told
            return response
        guards.goes_on(request)
        await feed.wait(changed)
