"""Who begins first where a command and the controller upgrade Pods of the same workload.

Both wait for the moment in which a Pod serves again. Each would begin one in it, past the budget, for neither has seen
the other's drain: the controller goes first.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from inplace.core.objects import names
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.state import statuses
from inplace.core.state.statuses import Phase

#: How long nothing must have happened before a command begins a Pod beside a controller that is at work. Longer than
#: the time for which that waits after a Pod is Ready (docs/design/protocol.md, "Evidence").
_QUIET: Final = timedelta(seconds=5)
#: Phases in which a controller begins Pods of its own.
_AT_WORK: Final = frozenset({Phase.PROGRESSING, Phase.ROLLING_BACK})


def controller_first(snapshot: Snapshot, now: datetime, looking: timedelta) -> Reason | None:
    """Why a command begins no Pod of this workload yet; None if it may.

    `looking`: for how long the command has looked at it, which is how long the controller has had to say what it does.
    """
    workload = snapshot.workload
    status = statuses.read(workload.metadata)
    if workload.metadata.label(names.MODE) is None or status is None:
        return None
    if status.observed_generation < workload.metadata.generation:
        quiet = looking
    elif status.phase not in _AT_WORK:
        return None
    else:
        changes = [status.updated_at, *(one.since for pod in snapshot.pods if (one := pod.condition("Ready")))]
        quiet = now - max((at for at in changes if at is not None and at <= now), default=now - _QUIET)
    if quiet >= _QUIET:
        return None
    return Reason(ReasonCode.Budget, "", "the controller, which upgrades the same workload, begins first")
