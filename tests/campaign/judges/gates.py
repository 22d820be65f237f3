"""No step of ours before the condition that the owner's setting `gates` names for it.

Judged is what the server stored at the moment of the write. A condition or a setting that changed a moment before
cannot be held against us; and for containers that are to be stopped and do not run nothing is waited for.
"""

from __future__ import annotations

from collections.abc import Iterator

from inplace.core.state.records import PodPhase
from tests.campaign.judges.disruption import HEARD, is_drained
from tests.campaign.judges.verdict import Verdict
from tests.campaign.ledger import Changed, Entry, Tree, condition, images, member_changes, record_of
from tests.campaign.trace import Trace

#: The step whose condition is asked for, and what a write of it does to a Pod.
DRAIN, SWAP, READY = "before-drain", "before-swap", "before-ready"


def judge(ours: Trace, _: Trace) -> Iterator[Verdict]:
    """Every write of ours on a Pod."""
    since: dict[tuple[str, str], float] = {}
    changes = list(member_changes(ours.entries))
    for place, (entry, change) in enumerate(changes):
        old, new = change.old, change.new
        if old is None or new is None:
            continue
        uid = new["metadata"]["uid"]
        if entry.ours:
            runs = _is_at_work(old, _swapped(changes[place:], uid))
            for step, wanted in _asked_for(ours, entry.at):
                lacked = condition(old, wanted) != "True" and entry.at - since.get((uid, wanted), 0.0) > HEARD
                if lacked and step in _steps(old, new, runs=runs):
                    where = f"{entry.at:.1f} s: {change.name}: {wanted} is {condition(old, wanted)}"
                    yield Verdict("gates", step, where)
        for one in old["status"].get("conditions") or ():
            if one["status"] != condition(new, one["type"]):
                since[uid, one["type"]] = entry.at


def _asked_for(ours: Trace, at: float) -> set[tuple[str, str]]:
    """The steps and conditions that the setting has named for long enough to be heard."""
    named = [{_gate(one.settings.get("gates", ""))} for one in ours.intents_in(at - HEARD, at)]
    return set.intersection(*named) - {("", "")}


def _gate(text: str) -> tuple[str, str]:
    step, _, wanted = text.partition("=")
    return step, wanted


def _swapped(changes: list[tuple[Entry, Changed]], uid: str) -> set[str]:
    """The containers that the next swap of ours stops in a Pod; empty if none comes."""
    for entry, change in changes:
        if entry.ours and change.old is not None and change.new is not None and change.new["metadata"]["uid"] == uid:
            each = zip(change.new["spec"]["containers"], images(change.old), strict=True)
            found = {one["name"] for one, was in each if one["image"] != was}
            if found:
                return found
    return set()


def _is_at_work(pod: Tree, swapped: set[str]) -> bool:
    """Whether any of these containers runs, or any at all if it is not known which."""
    statuses = pod["status"].get("containerStatuses") or ()
    return any("running" in one["state"] for one in statuses if not swapped or one["name"] in swapped)


def _steps(old: Tree, new: Tree, *, runs: bool) -> set[str]:
    """What a write does to the Pod; `runs`: whether a container that is to be stopped runs."""
    swapped = images(old) != images(new)
    found = {SWAP} if swapped and runs else set()
    if runs and not is_drained(old) and (is_drained(new) or swapped):
        found.add(DRAIN)
    before, after = record_of(old), record_of(new)
    if before is not None and after is not None and before.phase is PodPhase.SWAPPING and after.phase is PodPhase.DONE:
        found.add(READY)
    return found
