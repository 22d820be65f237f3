"""Codec of the record that an upgrade keeps on its Pod: the annotation `inplace.dev/state`, version 1
(docs/design/protocol.md, "Formats").

Together with the live Pod the record is the whole memory of an upgrade. Reading is total: what cannot be read is a
value that says so, never an exception. This module knows no rules about what a record may become.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Final

import msgspec
from msgspec import Struct, field

from inplace.core.objects import names
from inplace.core.objects.model import Pod


class PodPhase(StrEnum):
    """Where a Pod stands in its upgrade; the `phase` of its record."""

    DRAINING = "Draining"
    SWAPPING = "Swapping"
    DONE = "Done"
    FAILED = "Failed"
    ROLLED_BACK = "RolledBack"


class Evidence(StrEnum):
    """Why a container counts as swapped; the rungs of the ladder (docs/design/protocol.md, "Evidence")."""

    IMAGE_CHANGED = "ImageChanged"
    EXPECTED_DIGEST = "ExpectedDigest"
    SAME_DIGEST = "SameDigest"
    UNCHANGED = "Unchanged"
    ASSUMED_BY_GENERATION = "AssumedByGeneration"


VERSION: Final = 1
#: Characters of a message kept in a record or a status; registries send whole pages.
MESSAGE_LIMIT: Final = 400
IN_FLIGHT: Final = (PodPhase.DRAINING, PodPhase.SWAPPING)


class Baseline(Struct, frozen=True, gc=False, omit_defaults=True):
    """One container before the image patch, and the evidence of its swap once there is some.

    `unsettled`: an earlier image patch was not confirmed when this baseline was read, so that a container of that
    earlier image may still appear. `origin` is then the image that the container `id` is known to have been made from.
    `expected`: the digest that the new container has to show, where a helper on its node has pulled the image.
    """

    from_: str = field(default="", name="from")
    to: str = ""
    stored: str = ""
    id: str = ""
    image_id: str = field(default="", name="imageID")
    restarts: int = 0
    evidence: str = ""
    unsettled: bool = False
    origin: str = ""
    expected: str = ""


class Record(Struct, frozen=True, gc=False, rename="camel"):
    """Where the upgrade of one Pod stands.

    `generation` is the metadata.generation that the image patch produces (G in docs/design/protocol.md, "Evidence"),
    0 where the server does not count it. `deadline` ends every wait of this attempt. Times are UTC. `retry` is the
    request that it answers.
    """

    v: int
    workload: str
    attempt: int
    phase: PodPhase
    base: str
    target: str
    started_at: datetime
    deadline: datetime
    batch: int = 0
    generation: int = 0
    containers: dict[str, Baseline] = {}
    reason: str = ""
    message: str = ""
    retry: str | msgspec.UnsetType = msgspec.UNSET

    @property
    def answers(self) -> str:
        """The request to try again that this attempt answers; empty for the first."""
        return "" if self.retry is msgspec.UNSET else self.retry

    def failed_for(self, target: str, retry: str) -> bool:
        """Whether this attempt failed for a target and nobody has asked since for another."""
        return self.phase is PodPhase.FAILED and self.target == target and self.answers == retry

    @property
    def in_flight(self) -> bool:
        """Whether a disruption begun by us is not over."""
        return self.phase in IN_FLIGHT


class Unreadable(Struct, frozen=True, gc=False):
    """A record that this version cannot read: foreign, damaged, or written by a newer one."""

    text: str
    why: str


def read(pod: Pod) -> Record | Unreadable | None:
    """The Pod's record, None where it has none."""
    text = pod.metadata.annotation(names.STATE)
    return None if text is None else decode(text)


@lru_cache(maxsize=4096)
def decode(text: str) -> Record | Unreadable:
    """Decode a record; total on any input. One look at a Pod asks for it many times."""
    try:
        record = _DECODER.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        return Unreadable(text, str(error))
    if record.v != VERSION:
        return Unreadable(text, f"version {record.v}, this controller reads version {VERSION}")
    if record.started_at.tzinfo is None or record.deadline.tzinfo is None:
        return Unreadable(text, "a time without its zone")
    return record


def encode(record: Record) -> str:
    """The record as it is written: times in RFC 3339, UTC."""
    return _ENCODER.encode(record).decode()


_DECODER: Final = msgspec.json.Decoder(Record)
_ENCODER: Final = msgspec.json.Encoder()
