"""Versions of what we persist: the field `v` of a Pod's record and of a workload's status
(docs/design/protocol.md, "Versions").

Within a version a field may be added: what this code does not know, it carries along. What it must not touch has
another version, and is left alone.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import msgspec
from msgspec import Struct, UnsetType
from msgspec.structs import replace

from inplace.core.objects.reading import UNREADABLE

VERSION: Final = 1

#: By name: the fields that only another release knows; UNSET if there are none.
Others = dict[str, Any] | UnsetType


class _Versioned(Struct):
    v: int


def foreign(text: str) -> int | None:
    """The version of a record or a status that this code must leave alone; None if it is ours, or has no version.

    Total on any input.
    """
    try:
        version = _DECODER.decode(text).v
    except UNREADABLE:
        return None
    return version if version != VERSION else None


def others(text: str, known: type[Struct]) -> Others:
    """The fields that this code does not know of an object that is otherwise read. Raises MsgspecError."""
    names = _names(known)
    return {key: value for key, value in _ANYTHING.decode(text).items() if key not in names} or msgspec.UNSET


@cache
def _names(known: type[Struct]) -> frozenset[str]:
    """The fields of a type as they are in JSON; asking the type takes a hundred times as long as decoding a record."""
    return frozenset(field.encode_name for field in msgspec.structs.fields(known))


def encode(own: Struct, carried: Others) -> bytes:
    """One JSON object of our fields and of `own.others`, which are carried along."""
    text = msgspec.json.encode(replace(own, others=msgspec.UNSET))
    return text if isinstance(carried, UnsetType) else text[:-1] + b"," + msgspec.json.encode(carried)[1:]


def why(version: int) -> str:
    """The sentence for a person."""
    return (
        f"written by another version of inplace (its format is {version}, this one knows {VERSION}), and left alone: "
        "run that version again, or remove the annotation"
    )


_DECODER: Final = msgspec.json.Decoder(_Versioned)
_ANYTHING: Final = msgspec.json.Decoder(dict[str, Any])
