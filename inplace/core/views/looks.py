"""Views of workloads that are looked at again and again: decided anew only when something is another, or its time has
come.

A view is what the controller would decide now. A decision is a function of the snapshot and the time, and the plan says
itself until when it stands if nothing happens (`requeue_at`); so the same snapshot before that time has the same view.
Of a plan nothing but the view is kept: its actions carry the moment at which it was made.
"""

from __future__ import annotations

from collections.abc import Container
from datetime import datetime
from typing import NamedTuple

from inplace.core.plan.plan import Planner
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.views.workload import WorkloadView, build


class _Seen(NamedTuple):
    snapshot: Snapshot
    view: WorkloadView
    at: datetime
    until: datetime | None


class Looks:
    """The last look at each workload."""

    def __init__(self) -> None:
        self._planner = Planner(acts=False)
        self._known: dict[str, _Seen] = {}

    def view(self, snapshot: Snapshot, now: datetime) -> WorkloadView:
        """The view of a workload now; the very same object as before if it still holds."""
        uid = snapshot.workload.metadata.uid
        seen = self._known.get(uid)
        if seen is None or not _holds(seen, snapshot, now):
            plan = self._planner.plan(snapshot, now)
            seen = self._known[uid] = _Seen(snapshot, build(snapshot, plan), now, plan.requeue_at)
        return seen.view

    def keep(self, workloads: Container[str], nodes: Container[str]) -> None:
        """Drop everything about workloads (uids) and nodes (names) that do not exist."""
        self._known = {uid: seen for uid, seen in self._known.items() if uid in workloads}
        self._planner.keep(workloads, nodes)


def _holds(seen: _Seen, snapshot: Snapshot, now: datetime) -> bool:
    """Caches replace objects and never change them: to compare what has not changed is cheap."""
    return seen.at <= now and (seen.until is None or now < seen.until) and seen.snapshot == snapshot
