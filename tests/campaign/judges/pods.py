"""What must hold of every Pod: labels tell the truth (I5), a closed gate ends open (I4), nobody's keys are touched.

Only writes of ours are judged, as the server saw them.
"""

from __future__ import annotations

from collections.abc import Iterator

from inplace.core.objects import names
from tests.campaign.judges.disruption import is_drained
from tests.campaign.judges.verdict import Verdict
from tests.campaign.ledger import Tree, image, label, member_changes
from tests.campaign.trace import Sight, Trace

#: Keys that every Pod has from its controller.
_CONTROLLERS = (names.REVISION_LABEL, names.TEMPLATE_GENERATION_LABEL, names.TEMPLATE_HASH_LABEL)


def judge(ours: Trace, _: Trace) -> Iterator[Verdict]:
    """Every write of ours, and every sight of the end."""
    before_swap: dict[str, str] = {}
    for entry, change in member_changes(ours.entries):
        old, new = change.old, change.new
        if not entry.ours or old is None or new is None:
            continue
        uid = new["metadata"]["uid"]
        if image(old) != image(new):
            before_swap[uid] = _container(old)
        yield from _labels(old, new, entry.at)
        relabelled = label(old, names.REVISION_LABEL) != label(new, names.REVISION_LABEL)
        if relabelled and uid in before_swap and _container(new) == before_swap.pop(uid):
            yield Verdict("pods", "label before swap", f"{change.name}: labelled with the old container at {entry.at}")
    for sight in ours.sights:
        yield from _gates(sight)


def _labels(old: Tree, new: Tree, at: float) -> Iterator[Verdict]:
    """A key is written only if the templates differ in it."""
    was, now = old["metadata"].get("labels") or {}, new["metadata"].get("labels") or {}
    for key in sorted(was.keys() | now.keys()):
        if was.get(key) == now.get(key) or key in _CONTROLLERS or key == "tier":
            continue
        yield Verdict(
            "pods",
            "foreign label",
            f"{at:.1f} s: {new['metadata']['name']}: we changed {key} from {was.get(key)} to {now.get(key)}",
        )


def _gates(sight: Sight) -> Iterator[Verdict]:
    """Once nothing is under way, no gate is closed."""
    ended = sight.name == "opted out" or (sight.name == "calm" and sight.quiet > sight.intent.deadline + 100)
    for pod in sight.pods:
        if ended and is_drained(pod):
            fault = "gate left closed" if sight.name == "calm" else "gate closed after opting out"
            yield Verdict("pods", fault, f"{pod['metadata']['name']} at {sight.at:.0f} s ({sight.name})")


def _container(pod: Tree) -> str:
    found = (pod.get("status") or {}).get("containerStatuses") or ()
    return next((str(one.get("containerID", "")) for one in found if one["name"] == "app"), "")
