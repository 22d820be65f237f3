"""While a workload is opted in for in-place only, its own controller replaces no Pod for a change of the template.

Not judged: what the owner does to a workload that was not opted in for long enough to be frozen; a native rollout that
had begun before; a change in the very write that lifts the freeze, without the policies (README).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from tests.campaign.judges.verdict import Verdict
from tests.campaign.ledger import image, member_changes
from tests.campaign.story import Intent
from tests.campaign.trace import Trace

#: Seconds in which a workload is frozen if nothing is amiss.
FROZEN_AFTER = 55.0


def judge(ours: Trace, _: Trace) -> Iterator[Verdict]:
    """Every Pod that Kubernetes' controllers deleted."""
    for entry, change in member_changes(ours.entries):
        old, new = change.old, change.new
        if not entry.manager or entry.request.verb != "delete" or old is None:
            continue
        if "deletionTimestamp" in old["metadata"] or (new is not None and "deletionTimestamp" not in new["metadata"]):
            continue
        held = _held_since(ours, entry.at)
        if held is None or old["status"].get("phase") in {"Failed", "Succeeded"}:
            continue
        if not image(old).endswith(f":{ours.intent_at(entry.at).tag}") and _changed(ours, held, entry.at):
            yield Verdict("replaced", "Pod", f"{entry.at:.1f} s: {change.name} was replaced natively")
            return


def _held_since(ours: Trace, at: float) -> float | None:
    """Since when the workload has been opted in with nothing amiss and nothing done to its freeze; None if not."""
    began: float | None = None
    before: Intent | None = None
    for when, intent in ours.intents:
        if when > at:
            break
        if not _holds(intent):
            began = None
        elif began is None or (before is not None and _lifts(before, intent)):
            began = when
        before = intent
    return began


def _holds(intent: Intent) -> bool:
    return intent.mode == "InPlaceOnly" and intent.alive and not intent.refused and intent.kind != "ReplicaSet"


def _lifts(before: Intent, now: Intent) -> bool:
    """Whether a move may take the freeze away, or makes Pods go for another reason than the template."""
    if now.replicas < before.replicas or now.policies != before.policies:
        return True
    return not now.policies and now.lifted != before.lifted


def _changed(ours: Trace, held: float, at: float) -> bool:
    """Whether the image was changed when the freeze had had its time."""
    moments = [(when, intent.tag) for when, intent in ours.intents if when <= at]
    changes = [when for (_, old), (when, new) in itertools.pairwise(moments) if old != new]
    return bool(changes) and changes[-1] >= held + FROZEN_AFTER
