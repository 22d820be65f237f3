"""Back to the last revision that was healthy here, in place, once too many Pods have failed
(docs/design/protocol.md, "One workload").

What is known of it stands in the status, so that a rollback goes on whoever leads: it is said first, and begins when
the status has said so. It holds until the template changes, or until somebody asks to try again.
"""

from __future__ import annotations

from inplace.core.kinds import Template
from inplace.core.objects import names
from inplace.core.objects.model import Workload
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.settings.schema import OnFailure, Settings
from inplace.core.state import statuses


def request(workload: Workload) -> str:
    """The request to try again that stands on the workload; empty where there is none."""
    return workload.metadata.annotation(names.RETRY) or ""


def under_way(snapshot: Snapshot, asked: Template | Reason) -> Template | Reason | None:
    """What the Pods are brought back to, while the template asks for a revision that is rolled back."""
    before = statuses.read(snapshot.workload.metadata)
    if before is None or not before.rolled_back_from or before.retried != request(snapshot.workload):
        return None
    if not isinstance(asked, Template):
        return asked
    if before.rolled_back_from != asked.revision:
        return None
    why = f"revision {before.healthy}, which was healthy, is not known any more: change the template"
    return snapshot.revisions.get(before.healthy) or Reason(ReasonCode.BaseUnknown, "", why)


def is_due(snapshot: Snapshot, asked: Template | None, settings: Settings) -> bool:
    """Whether there is something to roll back to, and the owner wants that."""
    before = statuses.read(snapshot.workload.metadata)
    known = before is not None and before.healthy in snapshot.revisions
    elsewhere = asked is not None and before is not None and before.healthy != asked.revision
    return settings.on_failure is OnFailure.ROLLBACK and known and elsewhere
