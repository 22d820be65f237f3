"""One watch: a request that stays open, turned into typed events and one typed end.

A server-side timeout is no promise: the client gives up by itself when the server neither sends nor closes. Objects
that cannot be decoded are counted and handed on by name; bookmarks are never decoded as objects. Refuses to know what
follows after the end: that is the reflector's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Final, Generic, TypeVar

import aiohttp
import msgspec
from msgspec import Raw, Struct

from inplace.kube import wire
from inplace.kube.client import Client
from inplace.kube.connection import unreachable
from inplace.kube.errors import ApiError, Expired, from_status
from inplace.kube.resource import Resource
from inplace.runtime.observe import Observer

T = TypeVar("T")
#: How long after its own timeout a silent server is given up.
PATIENCE_SECONDS: Final = 30.0


class Opened(Struct, frozen=True):
    """The server accepted the watch: from here on, silence means that nothing happens."""


class Changed(Struct, Generic[T], frozen=True):
    """An object came or changed."""

    object: T


class Deleted(Struct, Generic[T], frozen=True):
    """An object went; `object` is its last state."""

    object: T


class Bookmark(Struct, frozen=True):
    """Nothing happened up to this version."""

    resource_version: str


class Unreadable(Struct, frozen=True):
    """An object that is not of our type. `gone`: it was deleted, which needs no more than its name."""

    namespace: str
    name: str
    resource_version: str
    gone: bool


Event = Opened | Changed[T] | Deleted[T] | Bookmark | Unreadable


async def watch(
    client: Client,
    resource: Resource,
    namespace: str | None,
    *,
    type: type[T],
    resource_version: str,
    seconds: float,
    observer: Observer,
) -> AsyncGenerator[Event[T], None]:
    """Events from a version on, until the server closes the watch in its own good time.

    `seconds`: how long the server is asked to keep it open. Raises Expired where the version is too old (both as an
    answer and as an event), Unreachable where the connection is cut or silent, and other ApiErrors as they come.
    Close it with `contextlib.aclosing`: what is not read to its end holds a connection.
    """
    query = {
        "resourceVersion": resource_version,
        "allowWatchBookmarks": "true",
        "timeoutSeconds": str(int(seconds)),
    }
    decoder = msgspec.json.Decoder(type)
    host = client.connection.host
    with _translated(host):
        async with asyncio.timeout(PATIENCE_SECONDS):
            response = await client.open_watch(resource, namespace, query)
    async with response:
        yield Opened()
        async for line in _lines(response, seconds + PATIENCE_SECONDS, host):
            event = _decode(line, decoder, resource, observer)
            if event is not None:
                yield event


@contextmanager
def _translated(host: str) -> Iterator[None]:
    try:
        yield
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        raise unreachable(host, error, outcome_unknown=False) from error


async def _lines(response: aiohttp.ClientResponse, seconds: float, host: str) -> AsyncIterator[bytes]:
    """Lines as they arrive, for so long in all.

    The deadline is set around each read and never around a `yield`: it would cancel whatever the consumer awaits.
    """
    until = asyncio.get_running_loop().time() + seconds
    lines = wire.Lines()
    while True:
        with _translated(host):
            async with asyncio.timeout_at(until):
                chunk = await response.content.readany()
        if not chunk:
            return
        for line in lines.feed(chunk):
            yield line


def _decode(
    line: bytes, decoder: msgspec.json.Decoder[T], resource: Resource, observer: Observer
) -> Changed[T] | Deleted[T] | Bookmark | Unreadable | None:
    try:
        envelope = wire.ENVELOPE.decode(line)
    except msgspec.MsgspecError as error:
        _complain(observer, resource, error, line=line[:80].decode(errors="replace"))
        return None
    observer.count("inplace_watch_events_total", resource=resource.plural, type=envelope.type)
    if envelope.type == "ERROR":
        raise _error(envelope.object)
    if envelope.type == "BOOKMARK":
        version = wire.identify(envelope.object).resource_version
        return Bookmark(version) if version else None
    try:
        one = decoder.decode(envelope.object)
    except msgspec.MsgspecError as error:
        return _unreadable(envelope, resource, observer, error)
    return Deleted(one) if envelope.type == "DELETED" else Changed(one)


def _unreadable(
    envelope: wire.Envelope, resource: Resource, observer: Observer, error: Exception
) -> Unreadable | None:
    found = wire.identify(envelope.object)
    _complain(observer, resource, error, namespace=found.namespace, name=found.name)
    if not found.name:
        return None
    return Unreadable(found.namespace, found.name, found.resource_version, envelope.type == "DELETED")


def _complain(observer: Observer, resource: Resource, error: Exception, **fields: str) -> None:
    observer.count("inplace_watch_undecodable_total", resource=resource.plural)
    observer.event("watch.undecodable", level="warning", resource=resource.plural, error=str(error), **fields)


def _error(raw: Raw) -> ApiError:
    """The error of an ERROR event: a Status, which has no resourceVersion of an object."""
    status = wire.status(raw)
    code = status.code or 500
    if code == 410 or status.reason in {"Expired", "Gone"}:
        return Expired(410, status)
    return from_status(code, status)
