"""What the controller that leads says of itself in its Lease, for whoever may read that and not its Pod."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from msgspec import Struct

import inplace

#: Longer values are another's; ours has a few hundred characters.
_MOST = 4096


class About(Struct, frozen=True, rename="camel"):
    """Its version; when the cache that has been silent for the longest was heard of; what is known of the fence."""

    version: str
    heard_at: datetime
    fence: str = ""


def encode(heard_at: datetime, fence: str) -> str:
    """The annotation."""
    return msgspec.json.encode(About(inplace.__version__, heard_at.astimezone(UTC), fence)).decode()


def decode(text: str) -> About | None:
    """None if it cannot be read, or says of its time no zone: anybody who may write the Lease may write anything."""
    if len(text) > _MOST:
        return None
    try:
        found = msgspec.json.decode(text, type=About)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return found if found.heard_at.tzinfo is not None else None
