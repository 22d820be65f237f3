"""One watch: a long-lived request, turned into typed events and one typed end.

The server-side timeout is not enough: the client gives up on its own if the server neither sends nor closes. Objects
that cannot be decoded are counted and reported as lost; bookmarks are never decoded as objects. What is no event at
all is an error: something else answers than an API server, and what it leaves out has happened all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Final, Generic, TypeVar

import aiohttp
import msgspec
from msgspec import Raw, Struct

from inplace.kube.bodies import MAX_BYTES
from inplace.kube.client import Client
from inplace.kube.errors import UNDECODABLE, ApiError, Expired, Status, TooLarge, Unexpected, from_status
from inplace.kube.resource import Resource
from inplace.kube.unreachable import unreachable
from inplace.runtime.observe import Observer

T = TypeVar("T")
#: How long a server may take to begin to answer, and to end a watch at its timeout: then the client gives up.
OPEN_SECONDS: Final = 30.0
CLOSE_SECONDS: Final = 5.0


class Changed(Struct, Generic[T], frozen=True):
    """An object was added or updated; `size` is that of its JSON in bytes."""

    object: T
    size: int


class Deleted(Struct, Generic[T], frozen=True):
    """An object was deleted; `object` is its last state."""

    object: T


class Lost(Struct, frozen=True):
    """An object is there, has changed or is `gone`, and cannot be decoded: what is known of it is out of date."""

    namespace: str
    name: str
    uid: str
    resource_version: str
    gone: bool = False


class Bookmark(Struct, frozen=True):
    """All events up to this version have been sent."""

    resource_version: str


Event = Changed[T] | Deleted[T] | Lost | Bookmark


class _Envelope(Struct, frozen=True):
    type: str
    object: Raw


class _Which(Struct, frozen=True, rename="camel"):
    namespace: str = ""
    name: str = ""
    uid: str = ""
    resource_version: str = ""


class _Marked(Struct, frozen=True):
    metadata: _Which = _Which()


class _Named(Struct, frozen=True):
    type: str = ""
    object: _Marked = _Marked()


_TYPES: Final = {"ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"}
#: How the server begins each event.
_BEGINNING: Final = b'{"type":'
_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)
_NAMED: Final = msgspec.json.Decoder(_Named)


async def watch(
    client: Client,
    resource: Resource,
    namespace: str | None,
    *,
    type: type[T],
    resource_version: str,
    seconds: float,
    observer: Observer,
    opened: Callable[[], None] = lambda: None,
) -> AsyncGenerator[Event[T], None]:
    """Events from a version on, until the server closes the watch.

    `opened` is called when the server begins to answer: a quiet watch says nothing else for long.

    Raises Expired if the version is too old (as a response or as an event), Unreachable if the connection is cut or
    silent, Unexpected if this is no watch, and any other ApiError of the server.
    """
    query = {
        "resourceVersion": resource_version,
        "allowWatchBookmarks": "true",
        "timeoutSeconds": str(int(seconds)),
    }
    decoder = msgspec.json.Decoder(type)
    try:
        async with asyncio.timeout(OPEN_SECONDS):
            response = await client.open_watch(resource, namespace, query)
        async with response, asyncio.timeout(seconds + CLOSE_SECONDS):
            opened()
            async for line in _lines(response):
                event = decode_line(line, decoder, resource, observer)
                if event is not None:
                    yield event
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        raise unreachable(client.connection.address, error, outcome_unknown=False) from error


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Whole lines. Raises ClientPayloadError if the last was cut off, Unexpected if it is none, TooLarge if it has no
    end.
    """
    rest, size = list[bytes](), 0
    async for chunk in response.content.iter_any():
        first, *others = chunk.split(b"\n")
        rest.append(first)
        size += len(first)
        if size > MAX_BYTES:
            raise TooLarge(f"a line of the watch has more than {MAX_BYTES} bytes")
        if others:
            whole, rest, size = [b"".join(rest), *others[:-1]], [others[-1]], len(others[-1])
            for line in whole:
                if line:
                    yield line
    if size:
        last = b"".join(rest)
        if last.startswith(_BEGINNING):
            raise aiohttp.ClientPayloadError("the watch was cut off within an event")
        raise Unexpected("no event of a watch", last)


def decode_line(
    line: bytes, decoder: msgspec.json.Decoder[T], resource: Resource, observer: Observer
) -> Event[T] | None:
    """Decode one line of a watch. An object that is undecodable is counted: Lost, or None if not even its name can be
    read, since it is nested deeper than a decoder goes.

    Raises Unexpected if it is no event of an object, Expired and other ApiErrors.
    """
    try:
        envelope = _ENVELOPE.decode(line)
        if envelope.type not in _TYPES:
            raise Unexpected("no event of a watch", line)
        if envelope.type == "ERROR":
            raise _error(envelope.object)
        if envelope.type == "BOOKMARK":
            return _bookmark(envelope.object)
        item = decoder.decode(envelope.object)
    except UNDECODABLE as error:
        lost = _lost(line)
        observer.count("inplace_watch_undecodable_total", resource=resource.plural)
        observer.event("watch.undecodable", level="warning", resource=resource.plural, error=str(error), line=line[:80])
        return lost
    observer.count("inplace_watch_events_total", resource=resource.plural, type=envelope.type)
    return Deleted(item) if envelope.type == "DELETED" else Changed(item, len(envelope.object))


def _bookmark(raw: Raw) -> Bookmark:
    version = msgspec.json.decode(raw, type=_Marked).metadata.resource_version
    if not version:
        raise Unexpected("a bookmark without a version", bytes(raw))
    return Bookmark(version)


def _lost(line: bytes) -> Lost | None:
    """The object that cannot be decoded. Raises Unexpected if there is none."""
    try:
        named = _NAMED.decode(line)
    except RecursionError:
        return None
    except UNDECODABLE as error:
        raise Unexpected(str(error), line) from error
    if not named.object.metadata.name:
        raise Unexpected("no event of an object", line)
    return _known(named.object, gone=named.type == "DELETED")


def which(raw: Raw) -> Lost | None:
    """The object of a list that cannot be decoded; None if not even its name can be read."""
    try:
        found = msgspec.json.decode(raw, type=_Marked)
    except UNDECODABLE:
        return None
    return _known(found, gone=False) if found.metadata.name else None


def _known(found: _Marked, *, gone: bool) -> Lost:
    meta = found.metadata
    return Lost(meta.namespace, meta.name, meta.uid, meta.resource_version, gone)


def _error(raw: Raw) -> ApiError:
    status = msgspec.json.decode(raw, type=Status)
    code = status.code or 500
    if code == 410 or status.reason in {"Expired", "Gone"}:
        return Expired(410, status)
    return from_status(code, status)
