"""Watches: what happens to the objects of one kind, as lines, from a version on (apiserver, storage/cacher).

A watch applies its selectors: an object that starts to match is ADDED, one that stops is DELETED. Knows no HTTP.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final

from kubesim.api import listing, selectors
from kubesim.api.failure import Failure
from kubesim.api.kinds import Kind, Tree
from kubesim.api.storage import Change, Storage, Stored, watch_line

Render = Callable[[str, Stored], bytes]
#: Seconds between bookmarks.
BOOKMARK_SECONDS: Final = 60.0
_INITIAL_END: Final = "k8s.io/initial-events-end"
#: Lines that a slow reader may leave unread before it is cut off.
MOST_UNREAD: Final = 100_000


class Watch:
    """One watch: lines to be sent, filled by the storage and emptied by its server."""

    def __init__(
        self, storage: Storage, kind: Kind, namespace: str | None, query: Mapping[str, str], render: Render | None
    ) -> None:
        listing.check_options(query)
        self._storage = storage
        self._kind = kind
        self._namespace = namespace
        self._test = listing.selected(kind, query)
        self._render = render
        self._bookmarks = query.get("allowWatchBookmarks") in {"true", "1"}
        self._seconds = listing.number(query, "timeoutSeconds") or 1800
        self._lines: list[bytes] = []
        self._news = asyncio.Event()
        self._ended = False
        self._begin(query)

    def _begin(self, query: Mapping[str, str]) -> None:
        version = query.get("resourceVersion", "")
        try:
            if query.get("sendInitialEvents") in {"true", "1"} or version in {"", "0"}:
                self._send_present()
                if query.get("sendInitialEvents") in {"true", "1"} and self._bookmarks:
                    self._lines.append(self._bookmark(initial=True))
            else:
                for change in self._storage.since(self._kind, int(version)):
                    self._take(change)
        except Failure as error:
            self.end(error)
        self._storage.table(self._kind).listeners[self._take] = None

    def _send_present(self) -> None:
        for one in self._storage.table(self._kind).sorted(self._namespace):
            if self._test(one.tree):
                self._lines.append(self._line("ADDED", one))

    async def batches(self) -> AsyncIterator[bytes]:
        """What is to be sent, as it comes, until the watch's time is over."""
        loop = asyncio.get_running_loop()
        end, mark = loop.time() + self._seconds, loop.time() + BOOKMARK_SECONDS
        while True:
            if self._lines:
                lines, self._lines = self._lines, []
                yield b"".join(lines)
                continue
            if self._ended or loop.time() >= end:
                return
            self._news.clear()
            try:
                async with asyncio.timeout_at(min(end, mark)):
                    await self._news.wait()
            except TimeoutError:
                if self._bookmarks and loop.time() >= mark:
                    self._lines.append(self._bookmark())
                mark = max(mark, loop.time() + BOOKMARK_SECONDS)

    def end(self, error: Failure | None = None) -> None:
        """End it, with an ERROR event if there is something to say."""
        if error is not None:
            self._lines.append(watch_line("ERROR", json.dumps(error.status()).encode()))
        self._ended = True
        self._news.set()

    def close(self) -> None:
        """Hear no more of it."""
        self._storage.table(self._kind).listeners.pop(self._take, None)

    def _take(self, change: Change) -> None:
        if self._namespace is not None and change.new.namespace != self._namespace:
            return
        line = self._seen(change)
        if line is None:
            return
        self._lines.append(line)
        self._news.set()
        if len(self._lines) > MOST_UNREAD:
            self.end()

    def _seen(self, change: Change) -> bytes | None:
        """The change as one who looks through the selectors sees it."""
        if self._test is selectors.everything:
            return change.line if self._render is None else self._line(change.type, change.new)
        before = change.old is not None and self._test(change.old.tree)
        after = change.type != "DELETED" and self._test(change.new.tree)
        if not before and not after:
            return None
        return self._line("DELETED" if not after else "MODIFIED" if before else "ADDED", change.new)

    def _line(self, type_: str, stored: Stored) -> bytes:
        return watch_line(type_, stored.body if self._render is None else self._render(type_, stored))

    def _bookmark(self, *, initial: bool = False) -> bytes:
        meta: Tree = {"resourceVersion": str(self._storage.version)}
        if initial:
            meta["annotations"] = {_INITIAL_END: "true"}
        tree = {"kind": self._kind.resource.kind, "apiVersion": self._kind.resource.api_version, "metadata": meta}
        return watch_line("BOOKMARK", json.dumps(tree).encode())
