"""Roll back in place to the last healthy revision once too many Pods have failed
(docs/design/protocol.md, "One workload").

Its state is in the status, so that a new leader continues it: the status is written first, and the rollback starts once
that is done. It lasts until the template changes or a user requests a retry.
"""

from __future__ import annotations

from inplace.core.kinds import Template
from inplace.core.objects import names, workloads
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.objects.workloads import Workload
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.settings.annotations import OnFailure, Settings
from inplace.core.state import statuses


def request(workload: Workload) -> str:
    """The current retry request of the workload; empty if there is none."""
    return workloads.request(workload, names.RETRY)


def under_way(snapshot: Snapshot, asked: Template | Reason) -> Template | Reason | None:
    """The revision that Pods go back to while the template's revision is rolled back."""
    before = statuses.read(snapshot.workload.metadata)
    if before is None or not before.rolled_back_from or before.retried != request(snapshot.workload):
        return None
    if not isinstance(asked, Template):
        return asked
    if before.rolled_back_from != asked.revision:
        return None
    why = f"the healthy revision {before.healthy} no longer exists: change the template"
    return snapshot.destinations.get(before.healthy) or Reason(ReasonCode.BaseUnknown, "", why)


def is_due(snapshot: Snapshot, asked: Template, settings: Settings) -> bool:
    """Whether there is something to roll back to, and the user wants that."""
    before = statuses.read(snapshot.workload.metadata)
    known = before is not None and before.healthy in snapshot.destinations
    elsewhere = before is not None and before.healthy != asked.revision
    return settings.on_failure is OnFailure.ROLLBACK and known and elsewhere
