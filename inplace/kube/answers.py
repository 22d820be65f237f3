"""What a server has answered -> a type, if it is what was asked for.

Whatever else answers with 200, a proxy or an error in disguise, must not pass for an object: every field of ours has a
default, so nearly any JSON would be one without labels, without conditions, without anything. `pages` sees to lists,
`watch` to what it streams.
"""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec
from msgspec import Raw, Struct

from inplace.kube.errors import UNDECODABLE, Unexpected
from inplace.kube.resource import Resource

T = TypeVar("T")
#: The subresources that are read and written as the object itself; eviction, scale and token have kinds of their own.
_SAME_KIND: Final = ("", "status", "resize")


class _Named(Struct, frozen=True):
    name: str = ""


class _Head(Struct, frozen=True):
    kind: str = ""
    metadata: _Named = _Named()
    status: Raw = Raw(b"null")


def decode(body: bytes | Raw, type: type[T], *, outcome_unknown: bool = False) -> T:
    """JSON -> a type. Raises Unexpected if it does not fit."""
    if type is Raw:
        return Raw(bytes(body))  # type: ignore[return-value]
    try:
        return msgspec.json.decode(body, type=type)
    except UNDECODABLE as error:
        raise Unexpected(str(error), bytes(body), outcome_unknown=outcome_unknown) from error


def read(body: bytes, resource: Resource, name: str, type: type[T]) -> T:
    """The object that was asked for. Raises Unexpected if this is another, or none."""
    _check(body, resource, name, outcome_unknown=False)
    return decode(body, type)


def written(body: bytes, resource: Resource, name: str, type: type[T], subresource: str) -> T:
    """The object as it is now. Raises Unexpected, as `read`; an empty name is one that the server gives."""
    if subresource in _SAME_KIND:
        _check(body, resource, name, outcome_unknown=True)
    return decode(body, type, outcome_unknown=True)


def deleted(body: bytes, resource: Resource, name: str) -> None:
    """Nothing, if this says that the object is gone, or shows the object, which is then about to go."""
    head = decode(body, _Head, outcome_unknown=True)
    if head.kind != "Status":
        _check(body, resource, name, outcome_unknown=True)
    elif bytes(head.status) != b'"Success"':
        raise Unexpected("a failure that passes for a success", body, outcome_unknown=True)


def named(body: object) -> str:
    """The name of an object that is to be created; empty if it has none yet."""
    metadata = body.get("metadata") if isinstance(body, dict) else None
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return name if isinstance(name, str) else ""


def _check(body: bytes, resource: Resource, name: str, *, outcome_unknown: bool) -> None:
    if body.startswith(_usual(resource, name)):
        return
    head = decode(body, _Head, outcome_unknown=outcome_unknown)
    found = head.metadata.name
    if head.kind != resource.kind or (name and found != name):
        why = f"expected {resource.kind} {name}, found {head.kind or 'no kind'} {found}".rstrip()
        raise Unexpected(why, body, outcome_unknown=outcome_unknown)


def _usual(resource: Resource, name: str) -> bytes:
    """How an API server's answer begins, whose fields are in the order of its types: so most are decoded once only."""
    beginning = f'{{"kind":"{resource.kind}","apiVersion":"{resource.api_version}","metadata":{{"name":"{name}"'
    return beginning.encode()
