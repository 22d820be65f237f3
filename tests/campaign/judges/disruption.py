"""Never more than the budget out of service by our doing, and no Pod swapped without being drained (I1, I2).

Pods that others took out of service count once they have been so for long enough to be known.
"""

from __future__ import annotations

from collections.abc import Iterator

from inplace.core.objects import names
from inplace.core.state.records import PodPhase
from tests.campaign.judges.verdict import Verdict
from tests.campaign.ledger import Changed, Entry, Tree, condition, images, is_ready, member_changes, record_of
from tests.campaign.story import Intent
from tests.campaign.trace import Trace

#: Seconds within which a change by others, or of the budget, cannot be held against us.
KNOWN = 12.0
#: Seconds in which a setting is heard: what was decided in that moment follows the one before.
HEARD = 0.5


def judge(ours: Trace, _: Trace) -> Iterator[Verdict]:
    """Every write of ours on a Pod."""
    pods: dict[str, Tree] = {}
    since: dict[str, float] = {}
    ours_closed: set[str] = set()
    for entry, change in member_changes(ours.entries):
        uid = (change.new or change.old or {})["metadata"]["uid"]
        if change.new is None:
            pods.pop(uid, None)
            continue
        before, pods[uid] = pods.get(uid), change.new
        if is_ready(change.new) and not is_drained(change.new):
            since.pop(uid, None)
        else:
            since.setdefault(uid, entry.at)
        if not is_drained(change.new):
            ours_closed.discard(uid)
        elif entry.ours:
            ours_closed.add(uid)
        if entry.ours and before is not None:
            yield from _undrained(change, ours.intents_in(entry.at - HEARD, entry.at))
            if _takes_down(before, change.new):
                known = {one for one, at in since.items() if one in ours_closed or entry.at - at >= KNOWN}
                yield from _over_budget(ours, entry, change, pods, known)


def _takes_down(before: Tree, now: Tree) -> bool:
    """Whether a write of ours takes a Pod out of service that was in it. One that is being swapped has its place in the
    budget until it is done, be it Ready meanwhile."""
    record = record_of(before)
    if not is_ready(before) or is_drained(before) or (record is not None and record.phase is PodPhase.SWAPPING):
        return False
    return is_drained(now) or (images(before) != images(now) and not _has_gate(now))


def _undrained(change: Changed, intents: list[Intent]) -> Iterator[Verdict]:
    """`intents`: what we may have heard of when we decided."""
    assert change.old is not None
    assert change.new is not None
    if (
        images(change.old) == images(change.new)
        or not _has_gate(change.old)
        or condition(change.old, "Ready") != "True"
    ):
        return
    if not any(one.settings.get("drain") == "Never" or "keep-ready-containers" in one.settings for one in intents):
        yield Verdict("disruption", "swapped while Ready", f"{change.name}: its image changed while it was Ready")


def _over_budget(
    ours: Trace, entry: Entry, change: Changed, pods: dict[str, Tree], known: set[str]
) -> Iterator[Verdict]:
    """`known`: the Pods out of service of which we know."""
    intents = ours.intents_in(entry.at - KNOWN, entry.at)
    desired = min(intent.replicas for intent in intents)
    out = [pod for uid, pod in pods.items() if uid in known and not _leaves(pod)]
    missing = max(0, desired - sum(not _leaves(pod) for pod in pods.values())) if _is_steady(ours, entry.at) else 0
    spare = max(0, len(pods) - desired)
    count = len(out) + missing + (change.new is not None and not is_drained(change.new)) - spare
    most = max(budget(intent) for intent in intents)
    if count > most:
        who = ", ".join(sorted(pod["metadata"]["name"] for pod in out))
        yield Verdict(
            "disruption", "over budget", f"{entry.at:.1f} s: {change.name} was taken down, the budget is {most}: {who}"
        )


def _is_steady(ours: Trace, at: float) -> bool:
    """Whether Pods have had the time to come since they were asked for."""
    return len(ours.intents_in(at - KNOWN, at)) == 1


def budget(intent: Intent) -> int:
    """How many Pods may be out of service: max-unavailable, else the strategy's own, else one."""
    text = intent.settings.get("max-unavailable", "")
    if text.endswith("%"):
        return max(1, intent.replicas * int(text[:-1]) // 100)
    if text.isdecimal():
        return int(text)
    return 2 if intent.commit.strategy == "two" else 1


def is_drained(pod: Tree) -> bool:
    """Whether its gate is closed."""
    return condition(pod, names.GATE) == "False"


def _has_gate(pod: Tree) -> bool:
    return bool(pod["spec"].get("readinessGates"))


def _leaves(pod: Tree) -> bool:
    return "deletionTimestamp" in pod["metadata"]
