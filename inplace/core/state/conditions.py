"""Conditions on a workload's status for generic tools: `Reconciling` and `Stalled`, as defined by kstatus.

Both are set while an upgrade is pending, so that Flux, Helm and others neither consider it finished nor wait for one
that has failed (docs/design/kubernetes.md §10.1 to §10.3). A workload that is up to date has neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from inplace.core.objects import names, reading
from inplace.core.objects.model import Meta
from inplace.core.objects.workloads import Workload
from inplace.core.state.statuses import Phase, Status

RECONCILING: Final = "Reconciling"
STALLED: Final = "Stalled"
OURS: Final = frozenset({RECONCILING, STALLED})
#: Phases that only a user can end, whatever else is so.
_STUCK: Final = frozenset({Phase.REFUSED, Phase.DEGRADED, Phase.ROLLED_BACK})

Condition = dict[str, Any]


def read(workload: Workload) -> list[Condition] | None:
    """The conditions of the workload's status as they were read; None if there is no list."""
    return reading.read(workload.status.conditions, list[Condition] | None, None)  # type: ignore[arg-type]


def stand(workload: Workload) -> bool:
    """Whether any of ours is set."""
    return any(condition.get("type") in OURS for condition in read(workload) or ())


def without_ours(current: Sequence[Condition]) -> list[Condition]:
    """The conditions of others."""
    return [condition for condition in current if condition.get("type") not in OURS]


def due(workload: Workload, status: Status, now: datetime) -> list[Condition]:
    """The desired conditions with this status; lastTransitionTime is kept if the condition does not change."""
    found = read(workload) or []
    if status.phase is Phase.UP_TO_DATE:
        return without_ours(found)
    stuck = status.phase in _STUCK or _is_left(workload.metadata, status)
    ours = [
        _condition(RECONCILING, not stuck, status, found, now),
        _condition(STALLED, stuck, status, found, now),
    ]
    return [*ours, *without_ours(found)]


def _is_left(meta: Meta, status: Status) -> bool:
    """Whether the label was removed midway: Pods differ, nothing starts any more, and no Pod in flight is left.

    Not while it is not known yet which revision the template is: none may differ.
    """
    known = status.observed_generation >= meta.generation
    return status.phase is Phase.PAUSED and meta.label(names.MODE) is None and known


def _condition(type_: str, holds: bool, status: Status, current: Sequence[Condition], now: datetime) -> Condition:
    """A condition; the very one that stands if it says the same, with what the server has added (`lastUpdateTime`)."""
    value = "True" if holds else "False"
    said = {"type": type_, "status": value, "reason": str(status.phase), "message": status.message}
    before = next((condition for condition in current if condition.get("type") == type_), {})
    since = before.get("lastTransitionTime") if before.get("status") == value else None
    if since and all(before.get(key) == word for key, word in said.items()):
        return before
    return {**said, "lastTransitionTime": since or now.isoformat(timespec="seconds").replace("+00:00", "Z")}
