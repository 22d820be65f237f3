"""One request and its answer, whatever carries them: sockets (`http`) or a call within the event loop (`near`)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

from msgspec import Struct


class Exchange(Struct, eq=False):
    """A request that has arrived, and the means to break it off."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    data: bytes
    #: Wakes whoever waits for the answer once it will not come.
    interrupt: Callable[[], object]
    #: The connection is gone: nothing arrives any more, in either direction.
    dropped: bool = False

    @property
    def agent(self) -> str:
        """The program that asks."""
        return self.headers.get("User-Agent", "")

    def drop(self) -> None:
        """Break the connection."""
        self.dropped = True
        self.interrupt()


class Reply(Struct, frozen=True):
    """A whole answer."""

    code: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = {}


class Stream(Struct, frozen=True):
    """An answer that goes on. Whoever carries it closes it, read or not."""

    batches: AsyncIterator[bytes]
    close: Callable[[], None]


class Dropped(Exception):
    """The connection ended without an answer, or amid one."""


Answerer = Callable[[Exchange], Awaitable[Reply | Stream]]
