"""Never more than the budget out of service by our doing, and no Pod swapped without being drained (I1, I2).

Pods that others took out of service count once they have been so for long enough to be known.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from inplace.core.objects import names
from inplace.core.state.records import PodPhase
from tests.campaign.judges.verdict import Verdict
from tests.campaign.ledger import (
    Changed,
    Entry,
    Tree,
    annotation,
    condition,
    images,
    is_member,
    is_ready,
    label,
    record_of,
)
from tests.campaign.story import Intent
from tests.campaign.trace import Trace

#: Seconds within which a change by others, or of the budget, cannot be held against us.
KNOWN = 12.0
#: Seconds in which a setting is heard: what was decided in that moment follows the one before.
HEARD = 0.5
#: Kinds whose strategy says how many Pods may be out of service.
_ROLLED = ("deployments", "daemonsets")


def judge(ours: Trace, _: Trace) -> Iterator[Verdict]:
    """Every write of ours on a Pod."""
    pods: dict[str, Tree] = {}
    since: dict[str, float] = {}
    ours_closed: set[str] = set()
    stored = 1
    for entry, change in _changes(ours.entries):
        if change.plural != "pods":
            stored = _stored(change.new) if change.new is not None else 1
            continue
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
                yield from _over_budget(ours, entry, change, pods, known, stored)


def _changes(entries: list[Entry]) -> Iterator[tuple[Entry, Changed]]:
    """Changes of the workload itself and of its Pods, in order."""
    for entry in entries:
        for change in entry.changes:
            tree = change.new or change.old or {}
            if is_member(tree) if change.plural == "pods" else change.plural in _ROLLED and change.name == "web":
                yield entry, change


def _stored(workload: Tree) -> int:
    """How many Pods the strategy on the server lets be out of service, or the one that a freeze keeps for later.

    It is not always that of the owner's file: an apply takes nothing away that a file had which was replaced.
    """
    spec = workload["spec"]
    strategy = spec.get("strategy") or spec.get("updateStrategy") or {}
    if label(workload, names.FROZEN) is not None and strategy.get("type") == "OnDelete":
        strategy = _recorded(annotation(workload, names.ORIGINAL_STRATEGY))
    found = (strategy.get("rollingUpdate") or {}).get("maxUnavailable")
    return found if isinstance(found, int) else 1


def _recorded(text: str | None) -> Tree:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _takes_down(before: Tree, now: Tree) -> bool:
    """Whether a write of ours takes a Pod out of service that was in it. One without a gate that is being swapped has
    its place in the budget until it is done, be it Ready meanwhile."""
    record = record_of(before)
    swapping = record is not None and record.phase is PodPhase.SWAPPING and not _has_gate(before)
    if not is_ready(before) or is_drained(before) or swapping:
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
    ours: Trace, entry: Entry, change: Changed, pods: dict[str, Tree], known: set[str], stored: int
) -> Iterator[Verdict]:
    """`known`: the Pods out of service of which we know; `stored`: what the strategy on the server allows."""
    intents = ours.intents_in(entry.at - KNOWN, entry.at)
    desired = min(intent.replicas for intent in intents)
    out = [pod for uid, pod in pods.items() if uid in known and not _leaves(pod)]
    missing = max(0, desired - sum(not _leaves(pod) for pod in pods.values())) if _is_steady(ours, entry.at) else 0
    spare = max(0, len(pods) - desired)
    count = len(out) + missing + (change.new is not None and not is_drained(change.new)) - spare
    most = max(stored, *(budget(intent) for intent in intents))
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
