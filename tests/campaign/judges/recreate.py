"""Under the strategy Recreate two versions never serve side by side by our doing."""

from __future__ import annotations

from collections.abc import Iterator

from tests.campaign.judges.verdict import Verdict
from tests.campaign.ledger import Tree, image, is_ready, member_changes
from tests.campaign.trace import Trace


def judge(ours: Trace, _: Trace) -> Iterator[Verdict]:
    """The moments after writes on Pods while the strategy is Recreate."""
    pods: dict[str, Tree] = {}
    swapped: set[str] = set()
    for entry, change in member_changes(ours.entries):
        uid = (change.new or change.old or {})["metadata"]["uid"]
        if change.new is None:
            pods.pop(uid, None)
            continue
        pods[uid] = change.new
        if entry.ours and change.old is not None and image(change.old) != image(change.new):
            intent = ours.intent_at(entry.at)
            if intent.opted_in and intent.commit.strategy == "recreate":
                swapped.add(uid)
        serving = {image(pod) for pod in pods.values() if is_ready(pod)}
        ours_serve = any(uid in swapped and is_ready(pod) for uid, pod in pods.items())
        if len(serving) > 1 and ours_serve and ours.intent_at(entry.at).commit.strategy == "recreate":
            yield Verdict("recreate", "overlap", f"{entry.at:.1f} s: {sorted(serving)} served side by side")
            return
