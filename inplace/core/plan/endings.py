"""How upgrades end: one status and the next -> what has ended between them, for the metrics.

An upgrade moves a workload to a revision at which it has not been healthy before. Read from the status that is stored
and from the records on the Pods alone, so that neither another plan nor another leader sees an end twice. Its return to
the last healthy revision is the end of an upgrade, and none itself; nor is a first rollout, or a refusal of settings.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final

from msgspec import Struct

from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import ReasonCode
from inplace.core.state import records
from inplace.core.state.records import PodPhase, Record
from inplace.core.state.statuses import Phase, Status


class Result(StrEnum):
    """How an upgrade ended. One that failed may be retried, and then ends once more."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"
    REFUSED = "refused"
    SUPERSEDED = "superseded"
    HANDED_OVER = "handed_over"


#: Why an upgrade was superseded: the template has yet another revision, or the last healthy one again.
NEW_REVISION: Final = "NewRevision"
REVERTED: Final = "Reverted"
#: The phases of an upgrade that has not ended.
_UNENDED: Final = frozenset({Phase.PROGRESSING, Phase.PAUSED, Phase.AWAITING_PROMOTION})


class Ending(Struct, frozen=True):
    """One upgrade has ended. `reason`: why, as a reason code or one of the above; empty if it succeeded.

    `began_at`: when the first of its Pods was begun, if any was.
    """

    result: Result
    reason: str = ""
    began_at: datetime | None = None


def endings(workload: str, pods: Iterable[Pod], before: Status | None, after: Status) -> tuple[Ending, ...]:
    """The upgrades of the workload with this uid that have ended with the second of these statuses."""
    if before is None:
        return ()
    found = [record for pod in pods if isinstance(record := records.of(pod, workload), Record)]
    ended = (_left(found, before, after), _reached(found, before, after))
    return tuple(ending for ending in ended if ending is not None)


def _left(found: Sequence[Record], before: Status, after: Status) -> Ending | None:
    """The end of the upgrade that the first status is about, if the second is about another revision.

    One that has not begun with any Pod leaves nothing behind; nor does one that was refused, and stands as
    progressing again while the next revision has no name yet.
    """
    begun = before.healthy != before.revision and any(record.target == before.revision for record in found)
    if before.revision == after.revision or before.phase not in _UNENDED or not begun:
        return None
    return Ending(Result.SUPERSEDED, REVERTED if after.revision == before.healthy else NEW_REVISION)


def _reached(found: Sequence[Record], before: Status, after: Status) -> Ending | None:
    """The end of the upgrade that the second status is about."""
    if not _is_upgrade(found, before.healthy, after.revision):
        return None
    own = [record for record in found if record.target == after.revision]
    began_at = min((record.started_at for record in own), default=None)
    same = before.revision == after.revision
    failed = next((ReasonCode.read(failure.code) for failure in after.failures), ReasonCode.Unknown)
    refused = next((reason.code for reason in after.reasons), ReasonCode.Unknown)
    match after.phase:
        case Phase.UP_TO_DATE if not (same and before.phase is Phase.UP_TO_DATE):
            done = any(record.phase is PodPhase.DONE for record in own)
            return Ending(Result.SUCCEEDED, began_at=began_at) if done else None
        case Phase.DEGRADED if after.failed and not (same and before.phase is Phase.DEGRADED and before.failed):
            return Ending(Result.FAILED, failed, began_at)
        case Phase.ROLLING_BACK | Phase.ROLLED_BACK if before.rolled_back_from != after.revision:
            return Ending(Result.ROLLED_BACK, failed, began_at)
        case Phase.REFUSED if _is_new_refusal(before, after):
            return Ending(Result.REFUSED, refused)
        case Phase.HANDED_OVER if not (same and before.phase is Phase.HANDED_OVER):
            return Ending(Result.HANDED_OVER, refused)
        case _:
            return None


def _is_upgrade(found: Sequence[Record], healthy: str, revision: str) -> bool:
    """Whether Pods are moved to a revision at which they were not healthy, rather than created at the first one."""
    return healthy != revision and (bool(healthy) or any(record.target == revision for record in found))


def _is_new_refusal(before: Status, after: Status) -> bool:
    """Not one that stands on while the workload's own controller names the revision again, as after each scaling."""
    if before.revision != after.revision:
        return True
    return before.phase is not Phase.REFUSED and before.observed_generation == after.observed_generation
