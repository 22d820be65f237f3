"""One watch: a request that stays open, turned into typed events and one typed end.

A server-side timeout is no promise: the client gives up by itself when the server neither sends nor closes. Objects
that cannot be decoded are counted and skipped; bookmarks are never decoded as objects.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final, Generic, TypeVar

import aiohttp
import msgspec
from msgspec import Raw, Struct

from inplace.kube.client import Client
from inplace.kube.connection import unreachable
from inplace.kube.errors import ApiError, Expired, Status, from_status
from inplace.kube.resource import Resource
from inplace.runtime.observe import Observer

T = TypeVar("T")
#: How long after its own timeout a silent server is given up.
PATIENCE_SECONDS: Final = 30.0


class Changed(Struct, Generic[T], frozen=True):
    """An object came or changed."""

    object: T


class Deleted(Struct, Generic[T], frozen=True):
    """An object went; `object` is its last state."""

    object: T


class Bookmark(Struct, frozen=True):
    """Nothing happened up to this version."""

    resource_version: str


class _Envelope(Struct, frozen=True):
    type: str
    object: Raw


class _Version(Struct, frozen=True, rename="camel"):
    resource_version: str = ""


class _Marked(Struct, frozen=True):
    metadata: _Version = _Version()


_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)


async def watch(
    client: Client,
    resource: Resource,
    namespace: str | None,
    *,
    type: type[T],
    resource_version: str,
    seconds: float,
    observer: Observer,
) -> AsyncGenerator[Changed[T] | Deleted[T] | Bookmark, None]:
    """Events from a version on, until the server closes the watch in its own good time.

    Raises Expired where the version is too old (both as an answer and as an event), Unreachable where the connection
    is cut or silent, and other ApiErrors as they come.
    """
    query = {
        "resourceVersion": resource_version,
        "allowWatchBookmarks": "true",
        "timeoutSeconds": str(int(seconds)),
    }
    decoder = msgspec.json.Decoder(type)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            response = await client.open_watch(resource, namespace, query)
        async with response, asyncio.timeout(seconds + PATIENCE_SECONDS):
            async for line in _lines(response):
                event = decode_line(line, decoder, resource, observer)
                if event is not None:
                    yield event
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        raise unreachable(client.connection.host, error, outcome_unknown=False) from error


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Whole lines of any length; a partial one at the end was cut off and says nothing."""
    rest = b""
    async for chunk in response.content.iter_any():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            if line:
                yield line


def decode_line(
    line: bytes, decoder: msgspec.json.Decoder[T], resource: Resource, observer: Observer
) -> Changed[T] | Deleted[T] | Bookmark | None:
    """One line of a watch; None where it cannot be read, which is counted. Raises Expired and other ApiErrors."""
    try:
        envelope = _ENVELOPE.decode(line)
        if envelope.type == "ERROR":
            raise _error(envelope.object)
        if envelope.type == "BOOKMARK":
            return Bookmark(msgspec.json.decode(envelope.object, type=_Marked).metadata.resource_version)
        one = decoder.decode(envelope.object)
    except msgspec.MsgspecError as error:
        observer.count("inplace_watch_undecodable_total", resource=resource.plural)
        observer.event("watch.undecodable", level="warning", resource=resource.plural, error=str(error), line=line[:80])
        return None
    observer.count("inplace_watch_events_total", resource=resource.plural, type=envelope.type)
    return Deleted(one) if envelope.type == "DELETED" else Changed(one)


def _error(raw: Raw) -> ApiError:
    status = msgspec.json.decode(raw, type=Status)
    code = status.code or 500
    if code == 410 or status.reason in {"Expired", "Gone"}:
        return Expired(410, status)
    return from_status(code, status)
