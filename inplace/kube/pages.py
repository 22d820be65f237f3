"""A page of a list -> its items, each still encoded, so that one that cannot be decoded hurts no other.

A decoder gives up on the whole page if one item is nested deeper than it goes, as a ControllerRevision may be, whose
data the API server takes as they are. Then the page is cut into its items without going into them.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Raw, Struct

from inplace.kube.errors import UNDECODABLE, Unexpected

#: A string, or a bracket that is in none.
_TOKENS: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)
#: How many of them are looked at before the event loop has its turn: some milliseconds.
_TURN: Final = 20_000


class ListMeta(Struct, frozen=True, rename="camel"):
    """metav1.ListMeta."""

    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class Page(Struct, frozen=True):
    """One page of a list; items are decoded one by one."""

    metadata: ListMeta
    items: tuple[Raw, ...] | None
    kind: str = ""


async def read(body: bytes, kind: str) -> Page:
    """The page of objects of a kind in a response. Raises Unexpected if it is none.

    Whatever else answers with 200, a proxy or an error in disguise, must not pass for an empty list: what is not in a
    list does not exist.
    """
    try:
        page = msgspec.json.decode(body, type=Page)
    except RecursionError:
        page = await _cut(body)
    except UNDECODABLE as error:
        raise Unexpected(str(error), body) from error
    if page.kind != f"{kind}List":
        raise Unexpected(f"expected a {kind}List, found {page.kind or 'no kind'!r}", body)
    if not page.metadata.resource_version:
        raise Unexpected("a list without metadata.resourceVersion", body)
    return page


async def _cut(body: bytes) -> Page:
    """The page without a decoder's limit: by its brackets. Takes far longer, so with pauses."""
    metadata, items, depth, key, began, kind = ListMeta(), list[Raw](), 0, b"", 0, ""
    for number, (token, at) in enumerate(_tokens(body)):
        if number % _TURN == 0:
            await asyncio.sleep(0)
        if token.startswith(b'"'):
            kind = token[1:-1].decode(errors="replace") if depth == 1 and key == b'"kind"' else kind
            key = token if depth == 1 else key
            continue
        opens = token in b"[{"
        depth += 1 if opens else -1
        whole = (depth == 2 and opens) or (depth == 1 and not opens), key == b'"metadata"'
        item = (depth == 3 and opens) or (depth == 2 and not opens), key == b'"items"'
        if not (all(whole) or all(item)):
            continue
        if opens:
            began = at
        elif all(item):
            items.append(Raw(body[began : at + 1]))
        else:
            metadata = _metadata(body[began : at + 1])
    if depth != 0:
        raise Unexpected("its brackets do not match", body)
    return Page(metadata, tuple(items), kind)


def _tokens(body: bytes) -> Iterator[tuple[bytes, int]]:
    return ((found[0], found.start()) for found in _TOKENS.finditer(body))


def _metadata(raw: bytes) -> ListMeta:
    try:
        return msgspec.json.decode(raw, type=ListMeta)
    except UNDECODABLE as error:
        raise Unexpected(str(error), raw) from error
