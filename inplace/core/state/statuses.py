"""The status of a workload in `inplace.dev/status`: its fields, its codec, its limits
(docs/design/protocol.md, "Formats")."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from inplace.core.objects import names
from inplace.core.objects.memo import memoised
from inplace.core.objects.model import Meta
from inplace.core.objects.reading import UNREADABLE
from inplace.core.objects.reasons import Reason
from inplace.core.objects.workloads import Workload
from inplace.core.state import versions
from inplace.core.state.versions import VERSION, Others


class Phase(StrEnum):
    """The phase of a workload; value of the label `inplace.dev/phase`."""

    UP_TO_DATE = "UpToDate"
    PROGRESSING = "Progressing"
    PAUSED = "Paused"
    AWAITING_PROMOTION = "AwaitingPromotion"
    REFUSED = "Refused"
    DEGRADED = "Degraded"
    ROLLING_BACK = "RollingBack"
    ROLLED_BACK = "RolledBack"
    HANDED_OVER = "HandedOver"


LIMIT_BYTES: Final = 4096
#: What has more characters was written neither by us nor by another release of this version. It is not decoded.
LIMIT: Final = 4 * LIMIT_BYTES
MAX_REASONS: Final = 10
#: A path is not cut below this; it may name a key that the user chose, of any length.
PATH_CHARACTERS: Final = 100
MAX_FAILURES: Final = 5


class Failure(Struct, frozen=True, gc=False):
    """One failed Pod."""

    pod: str
    code: str
    message: str


class Status(Struct, frozen=True, rename="camel"):
    """The state of the rollout of a workload. `updated_at` (UTC) is when it was written.

    `healthy` is the last revision at which all Pods were done, and at least one was available. `rolled_back_from` is
    one that failed: as long as the template has it, the Pods are moved to and kept at the healthy one. `retried` is the
    last retry request that was answered. `step` is the number of completed steps, `reached_at` since when the rollout
    waits at the current one, `promoted` the last promotion request. `others` are the fields of another release.
    """

    v: int
    observed_generation: int
    revision: str
    phase: Phase
    replicas: int
    updated: int
    ready: int
    in_flight: int
    failed: int
    updated_at: datetime
    waiting: dict[str, int] = {}
    reasons: tuple[Reason, ...] = ()
    failures: tuple[Failure, ...] = ()
    healthy: str = ""
    rolled_back_from: str = ""
    retried: str = ""
    step: int = 0
    reached_at: datetime | None = None
    promoted: str = ""
    message: str = ""
    others: Others = msgspec.UNSET

    def is_settled(self, revision: str) -> bool:
        """Whether all Pods were done at this revision, and at least one was available: without Pods nothing has run.

        Pods that become unready later, or come later, are no failure of it.
        """
        done = self.phase is Phase.UP_TO_DATE and self.revision == revision
        has_run = self.healthy == revision or self.updated > 0
        return (done and has_run) or (self.phase is Phase.ROLLED_BACK and self.healthy == revision)


def current(workload: Workload) -> Status | None:
    """The status if it is about the current generation, else None."""
    status = read(workload.metadata)
    if status is None:
        return None
    return status if status.observed_generation >= workload.metadata.generation else None


def read(metadata: Meta) -> Status | None:
    """The workload's status; None if it is missing or cannot be decoded by this version."""
    text = metadata.annotation(names.STATUS)
    return _decode(text) if text is not None and len(text) <= LIMIT else None


@memoised(1024, largest=16_384)
def _decode(text: str) -> Status | None:
    try:
        status = replace(_DECODER.decode(text), others=versions.others(text, Status))
    except UNREADABLE:
        return None
    return status if status.v == VERSION and _is_sane(status) else None


def foreign(metadata: Meta) -> int | None:
    """The version of a status that another version of inplace has written and this one must leave alone."""
    text = metadata.annotation(names.STATUS)
    return versions.foreign(text) if text is not None else None


def _is_sane(status: Status) -> bool:
    """Whether it can be reckoned with: others can write the annotation."""
    times = [at for at in (status.updated_at, status.reached_at) if at is not None]
    return status.step >= 0 and all(at.tzinfo is not None and 2000 <= at.year < 9000 for at in times)


def encode(status: Status) -> str:
    """Encode a status, with messages cut until it fits its limit."""
    cut = 400
    shortened = _shorten(status, cut)
    while len(text := versions.encode(shortened, status.others)) > LIMIT_BYTES and cut > 25:
        cut //= 2
        shortened = _shorten(status, cut)
    return text.decode()


def kept(reasons: tuple[Reason, ...]) -> tuple[Reason, ...]:
    """The reasons that a status has room for; the last of them says how many it has not."""
    if len(reasons) <= MAX_REASONS:
        return reasons
    there, left_out = reasons[: MAX_REASONS - 1], reasons[MAX_REASONS - 1 :]
    return (*there, Reason(left_out[0].code, "", f"{len(left_out)} more reasons are left out"))


def same(before: Status | None, after: Status) -> bool:
    """Whether two statuses differ in nothing but the time."""
    return before is not None and encode(replace(before, updated_at=after.updated_at)) == encode(after)


def _shorten(status: Status, cut: int) -> Status:
    return replace(
        status,
        message=_cut(status.message, cut),
        reasons=tuple(
            Reason(r.code, _cut(r.path, max(cut, PATH_CHARACTERS)), _cut(r.message, cut)) for r in kept(status.reasons)
        ),
        failures=tuple(Failure(f.pod, f.code, _cut(f.message, cut)) for f in status.failures[:MAX_FAILURES]),
    )


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


_DECODER: Final = msgspec.json.Decoder(Status)
