"""What tools that do not know us read on a workload's status: `Reconciling` and `Stalled`, as kstatus defines them.

While an upgrade is pending both stand, so that Flux, Helm and others neither call it finished nor wait for one that
has ended badly (docs/design/kubernetes.md §10.1 to §10.3). A workload that is up to date carries neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from inplace.core.objects.model import Workload
from inplace.core.state.statuses import Phase, Status

RECONCILING: Final = "Reconciling"
STALLED: Final = "Stalled"
OURS: Final = frozenset({RECONCILING, STALLED})
#: Phases that nothing but a person's decision ends.
_STUCK: Final = frozenset({Phase.REFUSED, Phase.DEGRADED, Phase.ROLLED_BACK})

Condition = dict[str, Any]


def read(workload: Workload) -> list[Condition] | None:
    """The conditions of the workload's status as they were read; None where it has no list of them."""
    found: list[Condition] | None = msgspec.json.decode(workload.status.conditions)
    return found


def stand(workload: Workload) -> bool:
    """Whether any of ours is among them."""
    return any(one.get("type") in OURS for one in read(workload) or ())


def without_ours(found: Sequence[Condition]) -> list[Condition]:
    """The conditions of others."""
    return [one for one in found if one.get("type") not in OURS]


def due(found: Sequence[Condition], status: Status, now: datetime) -> list[Condition]:
    """The conditions as they should be with this status; a time that need not change is kept."""
    if status.phase is Phase.UP_TO_DATE:
        return without_ours(found)
    stuck = status.phase in _STUCK
    ours = [
        _condition(RECONCILING, not stuck, status, found, now),
        _condition(STALLED, stuck, status, found, now),
    ]
    return [*ours, *without_ours(found)]


def _condition(type_: str, holds: bool, status: Status, found: Sequence[Condition], now: datetime) -> Condition:
    value = "True" if holds else "False"
    before = next((one for one in found if one.get("type") == type_), {})
    since = before.get("lastTransitionTime") if before.get("status") == value else None
    return {
        "type": type_,
        "status": value,
        "reason": str(status.phase),
        "message": status.message,
        "lastTransitionTime": since or now.isoformat(timespec="seconds").replace("+00:00", "Z"),
    }
