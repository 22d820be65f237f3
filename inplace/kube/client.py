"""Calls to the API server: live and slow, whereas a Store is fast and stale.

Every call has a deadline. Reads are retried after connection errors, 429 and 5xx; writes only if they certainly were
not carried out (429, connection refused), because a JSON patch that was applied fails when it is sent again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any, Final, Generic, TypeVar
from urllib.parse import urlencode

import aiohttp
import msgspec
from msgspec import Struct

from inplace.kube import answers, bodies, pages
from inplace.kube.connection import Connection
from inplace.kube.errors import (
    UNDECODABLE,
    ApiError,
    KubeError,
    ServerError,
    Status,
    Throttled,
    TooLarge,
    Unauthorized,
    Unreachable,
    from_status,
)
from inplace.kube.outages import Outages
from inplace.kube.pages import Page
from inplace.kube.resource import Resource
from inplace.kube.unreachable import unreachable
from inplace.runtime.clock import Clock, ServerClock
from inplace.runtime.observe import NO_ANSWER, Observer

T = TypeVar("T")
DEFAULT_SECONDS: Final = 30.0
FIELD_MANAGER: Final = "inplace"
PAGE: Final = 500
#: A page of more bytes is asked for again with fewer objects: however large the objects of others are, no more of them
#: than this is in memory at once. One object alone may have as much as any answer.
PAGE_BYTES: Final = 8 * 2**20
#: Attempts of one call while the server is unreachable; callers that loop try again anyway.
MAX_TRIES: Final = 3


class PatchType(StrEnum):
    """The content type of a patch."""

    JSON = "application/json-patch+json"
    MERGE = "application/merge-patch+json"
    STRATEGIC = "application/strategic-merge-patch+json"
    APPLY = "application/apply-patch+yaml"


class List(Struct, Generic[T], frozen=True):
    """A whole list."""

    items: tuple[T, ...]
    resource_version: str


class Client:
    """Typed calls on one connection.

    `field_manager` is used by all writes; `timeout` (seconds) applies to calls without one of their own.
    """

    def __init__(
        self,
        connection: Connection,
        observer: Observer,
        clock: Clock,
        *,
        field_manager: str = FIELD_MANAGER,
        timeout: float = DEFAULT_SECONDS,
        rng: random.Random | None = None,
    ) -> None:
        self.connection = connection
        #: By a `ServerClock` the time is that of the server's answers.
        self.clock = clock
        self._observer = observer
        self._manager = field_manager
        self._timeout = timeout
        self._rng = rng or random.Random()  # noqa: S311 - jitter
        #: Where parts that go on after a failure say so.
        self.outages = Outages(connection.address, observer, clock)

    # --- calls ------------------------------------------------------------------------------------------------------

    async def get(
        self,
        resource: Resource,
        name: str,
        namespace: str | None = None,
        *,
        type: type[T],
        timeout: float | None = None,
    ) -> T:
        """Read one object."""
        body = await self._call("GET", resource.path(namespace, name), timeout=timeout)
        return answers.read(body, resource, name, type)

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        type: type[T],
        label_selector: str = "",
        field_selector: str = "",
        limit: int = PAGE,
        timeout: float | None = None,
    ) -> List[T]:
        """Read all objects, consistently. `timeout` is for each page."""
        items: list[T] = []
        version = ""
        async for page in self.pages(
            resource,
            namespace,
            label_selector=label_selector,
            field_selector=field_selector,
            limit=limit,
            timeout=timeout,
        ):
            items.extend(answers.decode(raw, type) for raw in page.items or ())
            version = page.metadata.resource_version
        return List(tuple(items), version)

    async def pages(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = PAGE,
        timeout: float | None = None,
    ) -> AsyncIterator[Page]:
        """Read all objects page by page. Raises Expired if the continue token expires."""
        query = {"labelSelector": label_selector, "fieldSelector": field_selector}
        token, size = "", limit
        while True:
            asked = {**query, "limit": str(size), "continue": token}
            most = PAGE_BYTES if size > 1 else bodies.MAX_BYTES
            try:
                body = await self._call("GET", resource.path(namespace), asked, timeout=timeout, most=most)
            except TooLarge:
                if size == 1:
                    raise
                size = max(1, size // 4)
                continue
            page, length = await pages.read(body, resource.kind), len(body)
            token = page.metadata.continue_
            yield page
            if not token:
                return
            if length < PAGE_BYTES // 4:
                size = min(limit, 2 * size)
            del body, page  # before the next one is read

    async def patch(
        self,
        resource: Resource,
        name: str,
        namespace: str | None,
        body: object,
        *,
        patch_type: PatchType,
        type: type[T],
        subresource: str = "",
        dry_run: bool = False,
        field_manager: str | None = None,
        force: bool = False,
        timeout: float | None = None,
    ) -> T:
        """Change one object. Raises PreconditionFailed if a `test` of a JSON patch does not hold."""
        query = self._write_query(dry_run, field_manager) | ({"force": "true"} if force else {})
        path = resource.path(namespace, name, subresource)
        response = await self._call("PATCH", path, query, body, content_type=patch_type, timeout=timeout)
        return answers.written(response, resource, name, type, subresource)

    async def create(
        self,
        resource: Resource,
        namespace: str | None,
        body: object,
        *,
        type: type[T],
        name: str | None = None,
        subresource: str = "",
        dry_run: bool = False,
        timeout: float | None = None,
    ) -> T:
        """Create an object, or with `name` and `subresource` a subresource of one (token, eviction, binding)."""
        path = resource.path(namespace, name, subresource)
        response = await self._call("POST", path, self._write_query(dry_run, None), body, timeout=timeout)
        return answers.written(response, resource, name or answers.named(body), type, subresource)

    async def replace(
        self,
        resource: Resource,
        name: str,
        namespace: str | None,
        body: object,
        *,
        type: type[T],
        subresource: str = "",
        dry_run: bool = False,
        timeout: float | None = None,
    ) -> T:
        """Replace an object. With metadata.resourceVersion in the body, raises Conflict if it has changed."""
        path = resource.path(namespace, name, subresource)
        response = await self._call("PUT", path, self._write_query(dry_run, None), body, timeout=timeout)
        return answers.written(response, resource, name, type, subresource)

    async def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str | None = None,
        *,
        uid: str | None = None,
        grace_period_seconds: int | None = None,
        dry_run: bool = False,
        timeout: float | None = None,
    ) -> None:
        """Delete an object. With `uid`, raises Conflict if the object has another one."""
        options: dict[str, Any] = {"preconditions": {"uid": uid}} if uid else {}
        if grace_period_seconds is not None:
            options["gracePeriodSeconds"] = grace_period_seconds
        query = {"dryRun": "All"} if dry_run else {}
        response = await self._call("DELETE", resource.path(namespace, name), query, options or None, timeout=timeout)
        answers.deleted(response, resource, name)

    async def text(
        self, resource: Resource, name: str, namespace: str | None, subresource: str, query: Mapping[str, str]
    ) -> str:
        """Read a subresource that is text, such as a log. Raises TooLarge, as for every answer."""
        return (await self._call("GET", resource.path(namespace, name, subresource), query)).decode(errors="replace")

    async def read(self, path: str, *, type: type[T]) -> T:
        """Read what is no object, such as `/version`."""
        return answers.decode(await self._call("GET", path), type)

    async def open_watch(
        self, resource: Resource, namespace: str | None, query: Mapping[str, str]
    ) -> aiohttp.ClientResponse:
        """Start a watch on a connection of its own; the caller reads and closes the response."""
        return await self._send("GET", resource.path(namespace), {"watch": "true", **query}, None, "", watch=True)

    # --- one request and its repetitions ----------------------------------------------------------------------------

    def _write_query(self, dry_run: bool, manager: str | None) -> dict[str, str]:
        return {"fieldManager": manager or self._manager} | ({"dryRun": "All"} if dry_run else {})

    async def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: object = None,
        *,
        content_type: str = "application/json",
        timeout: float | None = None,
        most: int = bodies.MAX_BYTES,
    ) -> bytes:
        """Send, and retry as long as that is safe, within one deadline."""
        seconds = self._timeout if timeout is None else timeout
        if seconds <= 0:
            raise Unreachable(f"{method} {path}: no time left to send it")
        data = None if body is None else msgspec.json.encode(body)
        deadline, tries = self.clock.monotonic() + seconds, 0
        while True:
            try:
                async with asyncio.timeout(deadline - self.clock.monotonic()):
                    response = await self._send(method, path, query or {}, data, content_type, watch=False)
                    return await bodies.read(response, most)
            except (TimeoutError, aiohttp.ClientError, OSError) as error:
                server, unknown = self.connection.address, _unknown(method, error)
                failure: KubeError = unreachable(server, error, outcome_unknown=unknown)
            except ApiError as error:
                failure = error
            tries += 1
            pause = self._pause(method, failure, tries)
            if pause is None or self.clock.monotonic() + pause >= deadline:
                raise failure
            labels = {"verb": method, "host": self.connection.host}
            self._observer.count("rest_client_request_retries_total", **labels)
            if isinstance(failure, Throttled):
                self._observer.observe("rest_client_rate_limiter_duration_seconds", pause, **labels)
            await self.clock.sleep(pause)

    def _pause(self, method: str, failure: KubeError, tries: int) -> float | None:
        """Seconds to wait before a retry; None if a retry would be unsafe or pointless."""
        jitter = 1 + self._rng.random()
        match failure:
            case Throttled():
                return (failure.retry_after or 0.25 * 2.0 ** min(tries, 6)) * jitter
            case ServerError() if method == "GET":
                return failure.retry_after or 0.1 * 2.0 ** min(tries, 6) * jitter
            case Unreachable() if tries <= MAX_TRIES and (method == "GET" or not failure.outcome_unknown):
                return 0.1 * 2.0 ** min(tries, 6) * jitter
            case Unauthorized() if tries == 1:
                return 0.0
            case _:
                return None

    async def _send(
        self, method: str, path: str, query: Mapping[str, str], data: bytes | None, content_type: str, *, watch: bool
    ) -> aiohttp.ClientResponse:
        text = urlencode({key: value for key, value in query.items() if value})
        headers = await self.connection.headers()
        if data is not None:
            headers["Content-Type"] = content_type
        session = self.connection.watches if watch else self.connection.calls
        began, host, code = self.clock.monotonic(), self.connection.host, NO_ANSWER
        try:
            response = await session.request(
                method,
                self.connection.url(f"{path}?{text}" if text else path),
                data=data,
                headers=headers,
                proxy=self.connection.proxy,
                server_hostname=self.connection.server_name,
                allow_redirects=False,
            )
            code = str(response.status)
        except aiohttp.ClientConnectorCertificateError:
            self.connection.distrust()
            raise
        finally:
            self._observer.count("rest_client_requests_total", code=code, method=method, host=host)
        self.outages.answered()
        if not watch:
            took = self.clock.monotonic() - began
            self._observer.observe("rest_client_request_duration_seconds", took, verb=method, host=host)
        if isinstance(self.clock, ServerClock):
            self._set(self.clock, response.headers.get("Date", ""))
        for warning in response.headers.getall("Warning", ()):
            level = "debug" if "dryRun" in query else "warning"  # of what is not there, as a probe's Pod
            self._observer.event("server.warning", level=level, path=path, warning=warning)
        if response.status >= 300:
            await self._refuse(response, headers.get("Authorization"))
        return response

    def _set(self, clock: ServerClock, date: str) -> None:
        """A date that cannot be read, or names no zone, says nothing; it may be a proxy's."""
        with suppress(ValueError):
            at = parsedate_to_datetime(date)
            if at.tzinfo is not None and clock.heard(at):
                seconds = clock.ahead.total_seconds()
                self._observer.event("clock.corrected", level="warning", server_ahead_seconds=round(seconds))

    async def _refuse(self, response: aiohttp.ClientResponse, token: str | None) -> None:
        error = from_status(response.status, _status(await bodies.read(response)), _retry_after(response))
        if isinstance(error, Unauthorized):
            await self.connection.renew(token)
        raise error


def _status(body: bytes) -> Status:
    """The Status in a response; if it is none (a proxy's HTML), its beginning as the message."""
    try:
        return msgspec.json.decode(body, type=Status)
    except UNDECODABLE:
        return Status(message=" ".join(body[:200].decode(errors="replace").split()))


def _retry_after(response: aiohttp.ClientResponse) -> float | None:
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else None


def _unknown(method: str, error: BaseException) -> bool:
    """Whether a write may have been carried out although no response arrived."""
    return method != "GET" and not isinstance(error, aiohttp.ClientConnectorError)
