"""Under the strategy Recreate two versions never serve side by side by our doing.

Pods that are asked to swap in the same moment may still stop at different times (docs/explanation/the-freeze.md): what
a Pod is asked to run counts. What somebody set by hand on a Pod is not our doing, nor is a Pod that was only coming up
when the others were asked.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.campaign.judges.verdict import Verdict
from tests.campaign.ledger import Tree, content, image, is_ready, member_changes
from tests.campaign.trace import Trace

#: All writes of one moment are through within so many seconds.
MOMENT = 1.0


def judge(ours: Trace, _: Trace) -> Iterator[Verdict]:
    """The moments after writes on Pods while the strategy is Recreate."""
    pods: dict[str, Tree] = {}
    swapped: set[str] = set()
    by_hand: set[str] = set()
    coming_up: set[str] = set()
    serving: set[str] = set()
    since: float | None = None
    for entry, change in member_changes(ours.entries):
        if since is not None and entry.at - since > MOMENT:
            yield Verdict("recreate", "overlap", f"{since:.1f} s: {sorted(serving)} served side by side")
            return
        uid = (change.new or change.old or {})["metadata"]["uid"]
        if change.new is None:
            pods.pop(uid, None)
        else:
            pods[uid] = change.new
            changed = change.old is not None and image(change.old) != image(change.new)
            if changed and not entry.ours:
                by_hand.add(uid)
            elif changed:
                by_hand.discard(uid)
                intent = ours.intent_at(entry.at)
                if intent.opted_in and intent.commit.strategy == "recreate":
                    swapped.add(uid)
                    coming_up |= {other for other, pod in pods.items() if not is_ready(pod)} - swapped
        ours_serve = any(uid in swapped and is_ready(pod) for uid, pod in pods.items())
        serving = _serving({uid: pod for uid, pod in pods.items() if uid not in by_hand | (coming_up - swapped)})
        overlaps = len(serving) > 1 and ours_serve
        overlaps = overlaps and ours.intent_at(entry.at).commit.strategy == "recreate"
        since = (since if since is not None else entry.at) if overlaps else None


def _serving(pods: dict[str, Tree]) -> set[str]:
    return {content(image(pod)) for pod in pods.values() if is_ready(pod)}
