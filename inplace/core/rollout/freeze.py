"""The freeze comes before anything else: the next write of it, or why it must wait."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from inplace.core.actions.actions import PatchReplicaSet, PatchWorkload
from inplace.core.objects.reasons import Reason, ReasonCode, Wait
from inplace.core.rollout.snapshot import Snapshot

#: A freeze that was restored this often within this time is contested; then it rests, at first for so long.
CONTESTED_AFTER: Final = 3
CONTESTED_WITHIN: Final = timedelta(minutes=10)
FIRST_REST: Final = timedelta(seconds=10)


def needed(snapshot: Snapshot, now: datetime) -> PatchWorkload | PatchReplicaSet | Wait | None:
    """The next write, or why it must wait; None if the freeze stands, or is not needed."""
    found = snapshot.kind.freeze(snapshot.workload, snapshot.owned, freeze_policy=snapshot.freeze_policy is True)
    if isinstance(found, Reason):
        return Wait(found)
    if not isinstance(found, PatchWorkload) or found.why is None:
        return found
    if snapshot.freeze_policy is None:  # it is not known yet whether there is a need to
        return Wait(Reason(ReasonCode.Freezing, "spec", "checking whether admission policies freeze it"))
    return conflict(snapshot.freeze_restored, now) or found


def conflict(restored: Sequence[datetime], now: datetime) -> Wait | None:
    """Why the freeze is not restored now: another writer keeps reverting it, so it rests longer and longer."""
    recent = [at for at in restored if now - at < CONTESTED_WITHIN]
    if len(recent) < CONTESTED_AFTER:
        return None
    rest = min(FIRST_REST * 4 ** (len(recent) - CONTESTED_AFTER), CONTESTED_WITHIN)
    until = recent[-1] + rest
    if until <= now:
        return None
    minutes = CONTESTED_WITHIN // timedelta(minutes=1)
    why = (
        f"another writer lifted the freeze {len(recent)} times within {minutes} minutes, so it is restored less "
        "and less often: remove the update strategy from what applies this object"
    )
    return Wait(Reason(ReasonCode.FreezeContested, "spec", why), until)
