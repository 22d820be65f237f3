"""Bytes -> values: what the API's JSON looks like around the objects, and how a stream of it is cut into lines.

Objects are decoded by whoever knows their type; here they stay raw. Refuses to know connections and time.
"""

from __future__ import annotations

from typing import Final, Generic, TypeVar

import msgspec
from msgspec import Raw, Struct

from inplace.kube.errors import BadAnswer, Status

T = TypeVar("T")


class ListMeta(Struct, frozen=True, rename="camel"):
    """metav1.ListMeta."""

    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class Page(Struct, frozen=True):
    """One page of a list; items are decoded one by one, so that one bad object spoils no other."""

    metadata: ListMeta = ListMeta()
    items: tuple[Raw, ...] = ()


class List(Struct, Generic[T], frozen=True):
    """A whole list, and the version to watch from."""

    items: tuple[T, ...]
    resource_version: str


class ServerVersion(Struct, frozen=True, rename="camel"):
    """`/version`; `git_version` is what people call it: v1.36.3."""

    major: str = ""
    minor: str = ""
    git_version: str = ""


class Envelope(Struct, frozen=True):
    """One line of a watch: metav1.WatchEvent."""

    type: str
    object: Raw


class Identity(Struct, frozen=True):
    """Which object it is, read even where the object itself cannot be."""

    namespace: str = ""
    name: str = ""
    resource_version: str = msgspec.field(default="", name="resourceVersion")


class _Identified(Struct, frozen=True):
    metadata: Identity = Identity()


ENVELOPE: Final = msgspec.json.Decoder(Envelope)
_IDENTIFIED: Final = msgspec.json.Decoder(_Identified)


def decode(body: bytes | Raw, type: type[T], *, written: bool = False) -> T:
    """JSON -> a type. Raises BadAnswer; `written`: after a write, whose outcome is then unknown."""
    if type is Raw:
        return Raw(bytes(body))  # type: ignore[return-value]
    try:
        return msgspec.json.decode(body, type=type)
    except msgspec.MsgspecError as error:
        message = f"the server's answer is not what was asked for: {error}: {bytes(body)[:80]!r}"
        raise BadAnswer(message, outcome_unknown=written) from error


def identify(raw: Raw) -> Identity:
    """Name and version of an object, empty where not even those can be read. A bookmark has only a version."""
    try:
        return _IDENTIFIED.decode(raw).metadata
    except msgspec.MsgspecError:
        return Identity()


def status(body: bytes | Raw) -> Status:
    """The Status in an answer; of a proxy's HTML its beginning."""
    try:
        return msgspec.json.decode(body, type=Status)
    except msgspec.MsgspecError:
        return Status(message=" ".join(bytes(body)[:200].decode(errors="replace").split()))


class Lines:
    """Cuts a stream into lines of any length. A partial line at the end was cut off and is never handed out."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that are complete with this chunk, without empty ones; linear in the bytes of a line."""
        first, *others = chunk.split(b"\n")
        self._parts.append(first)
        if not others:
            return []
        whole = [b"".join(self._parts), *others[:-1]]
        self._parts = [others[-1]]
        return [line for line in whole if line.strip()]
