"""list + watch in a loop: the only writer of a Store (client-go tools/cache/reflector.go).

A paged, consistent list, then a watch from its version with bookmarks; after 410, in either form, the list again. What
vanished between two lists is reported as deleted. Attempts, also after 410, are spaced by jittered backoff as in
client-go, so that a server which answers so again and again is not asked without a pause; a problem that lasts is
visible as `problem` and never ends the process, unless it is `fatal` to whoever runs it. After what was no watch the
list again; and only a watch that is one ends the problem, or each list would.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import aclosing
from typing import Final, Generic, TypeVar

import msgspec

from inplace.kube.client import PAGE, Client
from inplace.kube.errors import UNDECODABLE, Expired, KubeError, Unexpected
from inplace.kube.pages import Page
from inplace.kube.resource import Resource
from inplace.kube.store import Store
from inplace.kube.watch import Bookmark, Changed, Deleted, Event, Lost, watch, which
from inplace.runtime.clock import Clock, SystemClock
from inplace.runtime.observe import NullObserver, Observer

T = TypeVar("T")
OnChange = Callable[[T | None, T | None, bool], None]

MIN_BACKOFF: Final = 0.8
MAX_BACKOFF: Final = 30.0
#: After this long without a problem the backoff is reset.
RESET_SECONDS: Final = 120.0
#: A problem that has lasted for so long makes what is stored unfit for decisions; an API server that restarts is back.
STALE_SECONDS: Final = 15.0
#: How long a watch that is opened again after so long may take to bring what has happened meanwhile.
CATCH_UP_SECONDS: Final = 1.0
#: A watch lasts a random time between these, so that many clients do not reconnect at once.
WATCH_SECONDS: Final = (300.0, 600.0)
#: Some servers drop a stale watch without 410: after this many short watches, list again
#: (docs/design/kubernetes.md §7.2).
MAX_SHORT: Final = 3
SHORT_SECONDS: Final = 1.0


class Reflector(Generic[T]):
    """Keeps a store like the server. `on_change(old, new, initial)` is synchronous and cheap.

    `keep` says what is stored of an object that was received with so many bytes of JSON, `stand_in` what is in place of
    one that cannot be decoded, if anything. Failures are retried for ever;
    those in `fatal` are raised by `run`.
    """

    def __init__(
        self,
        client: Client,
        resource: Resource,
        store: Store[T],
        type: type[T],
        *,
        namespace: str | None = None,
        on_change: OnChange[T] = lambda old, new, initial: None,
        keep: Callable[[T, int], T] = lambda item, size: item,
        stand_in: Callable[[Lost], T | None] = lambda lost: None,
        clock: Clock | None = None,
        observer: Observer | None = None,
        rng: random.Random | None = None,
        fatal: tuple[type[KubeError], ...] = (),
        watch_seconds: tuple[float, float] = WATCH_SECONDS,
    ) -> None:
        self._client = client
        self._fatal = fatal
        self._watch_seconds = watch_seconds
        self._resource = resource
        self._source = f"cache of {resource.plural}"
        self.store = store
        self._type = type
        self._namespace = namespace
        self._on_change = on_change
        self._keep = keep
        self._stand_in = stand_in
        self._clock = clock or SystemClock()
        self._observer = observer or NullObserver()
        self._rng = rng or random.Random()  # noqa: S311 - jitter
        self._version = ""
        self._filled = asyncio.Event()
        self._answered = asyncio.Event()
        self._backoff = MIN_BACKOFF
        self._backed_off_at = 0.0
        #: How many short watches, and how many answers of 410, there have been in a row.
        self._short = 0
        self._expired = 0
        #: The last answer was none: until a watch has shown that it is one, there is a problem.
        self._doubted = False
        self._proof: asyncio.TimerHandle | None = None
        self.last_contact = self._clock.monotonic()
        self.problem: str | None = "not listed yet"
        #: Since when there is a problem.
        self._troubled_at: float | None = self.last_contact
        #: When the last problem was over.
        self._mended_at = self.last_contact
        self._was_stale = False
        #: The error of the last attempt; None if it succeeded.
        self.failure: KubeError | None = None

    @property
    def age(self) -> float:
        """Seconds since the server was last heard of."""
        return self._clock.monotonic() - self.last_contact

    @property
    def synced(self) -> bool:
        """Whether the store has been filled and there is no problem now."""
        return self._filled.is_set() and self.problem is None

    @property
    def stale(self) -> str | None:
        """Why nothing new may be decided on what is stored: it was never filled, or is not kept up for a while."""
        if self.problem is None or self._troubled_at is None:
            behind = self._clock.monotonic() < self._mended_at + CATCH_UP_SECONDS
            return "what has happened meanwhile is being read" if behind and self._was_stale else None
        lasts = self._clock.monotonic() - self._troubled_at >= STALE_SECONDS
        return self.problem if lasts or not self._filled.is_set() else None

    def current_since(self, when: float) -> float | None:
        """Since when what is stored has been kept up, if the server was heard of at this time or later; None if not."""
        return self._mended_at if self.problem is None and self.last_contact >= when else None

    async def wait_synced(self) -> None:
        """Wait for the first complete list."""
        await self._filled.wait()

    async def wait_answered(self) -> None:
        """Wait for the first complete list or the first `failure`."""
        await self._answered.wait()

    async def run(self) -> None:
        """List and watch until cancelled; raises what is fatal."""
        while True:
            try:
                if not self._version:
                    await self._list()
                await self._watch()
            except Expired as error:
                self._version, self._expired = "", self._expired + 1
                if self._expired > 1:  # once is nothing unusual
                    self._failed(error)
                self._observer.count("inplace_watch_restarts_total", resource=self._resource.plural, why="expired")
                await self._back_off()
            except KubeError as error:
                self._failed(error)
                if isinstance(error, self._fatal):
                    raise
                if isinstance(error, Unexpected):
                    self._version, self._doubted = "", True
                self._observer.count("inplace_watch_restarts_total", resource=self._resource.plural, why="error")
                told = self._client.outages.failed(self._source, error)
                fields = {"resource": self._resource.plural, "error": str(error)}
                self._observer.event("watch.failed", level="debug" if told else "warning", **fields)
                await self._back_off()

    async def _list(self) -> None:
        """Read everything, page by page; only a complete list replaces the content of the store."""
        initial = not self._filled.is_set()
        seen: dict[tuple[str, str], tuple[T, int]] = {}
        version = ""
        decoder = msgspec.json.Decoder(self._type)
        async for page in self._client.pages(self._resource, self._namespace):
            seen.update(self._read(page, decoder))
            version = page.metadata.resource_version
            self.last_contact = self._clock.monotonic()
            del page  # before the next one is read
            await asyncio.sleep(0)
        for key in self.store.keys() - seen.keys():
            self._on_change(self.store.remove(key), None, initial)
        for number, (item, size) in enumerate(seen.values(), start=1):
            self._put(item, size, initial)
            if number % PAGE == 0:
                await asyncio.sleep(0)  # each may be an event for many
        self._observer.count("inplace_relists_total", resource=self._resource.plural)
        self._version = version
        if not self._doubted:
            self._succeeded()
        self._filled.set()
        self._answered.set()

    def _read(self, page: Page, decoder: msgspec.json.Decoder[T]) -> dict[tuple[str, str], tuple[T, int]]:
        """What is kept of a page, by key, with the sizes."""
        found: dict[tuple[str, str], tuple[T, int]] = {}
        for raw in page.items or ():
            item = self._decode(decoder, raw)
            if item is not None:
                found[self._key(item)] = self._keep(item, len(raw)), len(raw)
            elif (lost := which(raw)) is not None and (instead := self._stand_in(lost)) is not None:
                found[self._key(instead)] = instead, len(raw)
        return found

    def _key(self, item: T) -> tuple[str, str]:
        """By which it is stored. Raises Unexpected if it has no name or no version, as no object of a server has."""
        key = self.store.key(item)
        if not key[1] or not self.store.version(item):
            raise Unexpected("an object without a name or a version", "/".join(key).encode())
        return key

    def _failed(self, error: KubeError) -> None:
        self.problem, self.failure = str(error), error
        if self._troubled_at is None:
            self._troubled_at = self._clock.monotonic()
        self._answered.set()

    def _succeeded(self) -> None:
        if self.failure is not None:
            self._client.outages.ended(self._source)
        if self.problem is not None:
            self._was_stale = self._filled.is_set() and self.stale is not None
            self._mended_at = self._clock.monotonic()
        self.problem, self.failure, self._troubled_at = None, None, None

    def _decode(self, decoder: msgspec.json.Decoder[T], raw: msgspec.Raw) -> T | None:
        try:
            return decoder.decode(raw)
        except UNDECODABLE as error:
            self._observer.count("inplace_watch_undecodable_total", resource=self._resource.plural)
            fields = {"resource": self._resource.plural, "error": str(error)}
            self._observer.event("list.undecodable", level="warning", **fields)
            return None

    async def _watch(self) -> None:
        began = self._clock.monotonic()
        events = watch(
            self._client,
            self._resource,
            self._namespace,
            type=self._type,
            resource_version=self._version,
            seconds=self._rng.uniform(*self._watch_seconds),
            observer=self._observer,
            opened=self._opened,
        )
        try:
            async with aclosing(events):
                async for event in events:
                    self._take(event)
        finally:
            if self._proof is not None:
                self._proof.cancel()
        await self._closed(self._clock.monotonic() - began)

    def _take(self, event: Event[T]) -> None:
        """Store what a watch has brought."""
        if isinstance(event, Changed | Deleted):
            key = self._key(event.object)
        self._proven()
        match event:
            case Bookmark(version):
                self._version = version
            case Changed(item, size):
                self._put(self._keep(item, size), size, initial=False)
                self._version = self.store.version(item)
            case Deleted(item):
                self._on_change(self.store.remove(key) or item, None, False)
                self._version = self.store.version(item)
            case Lost():
                self._lose(event)

    def _lose(self, lost: Lost) -> None:
        """No state of it is better than one that is out of date, unless something has to stand in its place."""
        instead = None if lost.gone else self._stand_in(lost)
        if instead is not None:
            self._put(instead, 0, initial=False)
        elif (old := self.store.remove((lost.namespace, lost.name))) is not None:
            self._on_change(old, None, False)
        self._version = lost.resource_version or self._version

    def _opened(self) -> None:
        """Something begins to answer. After 410, or an answer that was none, it may say the same once more."""
        if self._expired or self._doubted:
            self._proof = asyncio.get_running_loop().call_later(SHORT_SECONDS, self._proven)
        else:
            self.last_contact = self._clock.monotonic()
            self._succeeded()

    def _proven(self) -> None:
        """The server watches: it has sent an event, or has not ended the watch at once."""
        self.last_contact = self._clock.monotonic()
        self._short, self._expired, self._doubted = 0, 0, False
        self._succeeded()

    async def _closed(self, lasted: float) -> None:
        """The server ended the watch. Several short watches in a row mean that the version is stale."""
        self._observer.count("inplace_watch_restarts_total", resource=self._resource.plural, why="closed")
        if lasted >= SHORT_SECONDS:
            self._proven()
            return
        self._short += 1
        if self._short >= MAX_SHORT or self._doubted:
            raise Unexpected("watches that end at once", b"")
        self.last_contact = self._clock.monotonic()
        await self._back_off()

    def _put(self, item: T, size: int, initial: bool) -> None:
        old = self.store.put(item, size)
        if old is None or self.store.version(old) != self.store.version(item):
            self._on_change(old, item, initial)

    async def _back_off(self) -> None:
        now = self._clock.monotonic()
        if now - self._backed_off_at > RESET_SECONDS:
            self._backoff = MIN_BACKOFF
        await self._clock.sleep(self._backoff * self._rng.uniform(0.5, 1.5))
        self._backoff = min(MAX_BACKOFF, self._backoff * 2)
        self._backed_off_at = self._clock.monotonic()
