"""The freeze comes before anything else: the next write of it, or why it must wait."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from inplace.core.actions.actions import DeleteReplicaSet, PatchReplicaSet, PatchWorkload, WorkloadAction
from inplace.core.objects import names
from inplace.core.objects.reasons import EventReason, Reason, ReasonCode, Wait
from inplace.core.objects.workloads import Workload
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.state import statuses
from inplace.core.state.statuses import Phase

#: Why a write on the workload takes its Pods from the native controller.
FREEZES: Final = (EventReason.Frozen, EventReason.FreezeLost)
#: A freeze that was restored this often within this time is contested; then it rests, at first for so long.
CONTESTED_AFTER: Final = 3
CONTESTED_WITHIN: Final = timedelta(minutes=10)
FIRST_REST: Final = timedelta(seconds=10)


def needed(snapshot: Snapshot, now: datetime) -> PatchWorkload | PatchReplicaSet | DeleteReplicaSet | Wait | None:
    """The next write, or why it must wait; None if the freeze stands, or is not needed."""
    found = _next_write(snapshot)
    if isinstance(found, Reason):
        return Wait(found)
    if not isinstance(found, PatchWorkload) or found.why is None:
        return found
    if snapshot.freeze_policy is None and _was_left_resumed(snapshot.workload):
        return Wait(Reason(ReasonCode.Preflight, "spec", "checking by dry run whether admission policies freeze it"))
    return conflict(snapshot.freeze_restored, now) or found


def hand_back(snapshot: Snapshot) -> WorkloadAction | None:
    """The next write before the freeze may be lifted, or after somebody else has lifted it: its own controller then
    replaces the Pods that differ from the template, and no others.
    """
    kind, workload = snapshot.kind, snapshot.workload
    target = kind.target(workload, snapshot.revisions)
    if isinstance(target, Reason):
        return None
    pods = [(pod, snapshot.revision_of(pod)) for pod in snapshot.pods]
    return kind.hand_back(workload, snapshot.owned, target, pods)


def _next_write(snapshot: Snapshot) -> PatchWorkload | PatchReplicaSet | DeleteReplicaSet | Reason | None:
    """What the kind wants; until it is known whether policies freeze it, first that it is frozen without them."""
    policies = (False, True) if snapshot.freeze_policy is None else (snapshot.freeze_policy,)
    wanted = (snapshot.kind.freeze(snapshot.workload, snapshot.owned, freeze_policy=policy) for policy in policies)
    return next((found for found in wanted if found is not None), None)


def _was_left_resumed(workload: Workload) -> bool:
    """Whether a controller was done with it and did not freeze it: it relied on policies, which are there most likely.

    A pause for the moment until that is known would be seen by everybody who watches it.
    """
    status = statuses.read(workload.metadata)
    done = status is not None and status.phase is Phase.UP_TO_DATE
    return done and workload.metadata.label(names.FROZEN) is None


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
