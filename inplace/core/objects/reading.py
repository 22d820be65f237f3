"""Decoding what others wrote, without an exception: an annotation, or a part of an object that was kept as it came."""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec
from msgspec import Raw

T = TypeVar("T")

#: What a decoder raises: no JSON, or not of the type; not UTF-8, or a number of thousands of digits; nested too deep.
UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)


def read(raw: Raw, type_: type[T], otherwise: T) -> T:
    """The part of an object, or `otherwise` if a server has sent what cannot be one."""
    try:
        return msgspec.json.decode(raw, type=type_)
    except UNREADABLE:
        return otherwise
