"""What must hold of every Pod: labels tell the truth (I5), a closed gate ends open (I4), nobody's keys are touched.

Only writes of ours are judged, as the server saw them.
"""

from __future__ import annotations

from collections.abc import Iterator

from inplace.core.objects import names
from inplace.core.state import records
from inplace.core.state.records import Record
from tests.campaign.judges.disruption import is_drained
from tests.campaign.judges.verdict import Verdict
from tests.campaign.ledger import Tree, annotation, image, images, label, member_changes
from tests.campaign.trace import Sight, Trace

#: Seconds within which a gate is opened, once nothing is amiss.
SOON = 50.0
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
        if images(old) != images(new):
            yield from _restarted(ours, old, new, entry.at)
        if image(old) != image(new):
            before_swap[uid] = _container(old)
        yield from _labels(old, new, entry.at)
        relabelled = label(old, names.REVISION_LABEL) != label(new, names.REVISION_LABEL)
        if relabelled and uid in before_swap and _container(new) == before_swap.pop(uid):
            if not ours.intent_at(entry.at).opted_in and annotation(new, names.STATE) is None:
                continue  # let go of: the label says what its spec asks for, so that its own controller replaces it
            yield Verdict("pods", "label before swap", f"{change.name}: labelled with the old container at {entry.at}")
    for sight in ours.sights:
        yield from _gates(ours, sight)


def _restarted(ours: Trace, old: Tree, new: Tree, at: float) -> Iterator[Verdict]:
    """A container starts again for another image, or because somebody has asked for a restart."""
    if ours.intent_at(at).restarted or ours.intent_at(at).touched:
        return
    for was, now in zip(images(old), images(new), strict=True):
        if was != now and was.partition("@")[0] == now.partition("@")[0]:
            name = new["metadata"]["name"]
            yield Verdict("pods", "restarted needlessly", f"{at:.1f} s: {name}: from {was} to {now}")


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


def _gates(ours: Trace, sight: Sight) -> Iterator[Verdict]:
    """A gate is closed by an attempt in flight, or for a record that cannot be read, or not at all; and by nothing
    once we have let go."""
    if sight.quiet < SOON or ours.since_unquiet(sight.at) < SOON:
        return
    for pod in sight.pods:
        if not is_drained(pod) or "deletionTimestamp" in pod["metadata"]:
            continue
        if sight.name == "opted out":
            yield Verdict("pods", "gate closed after opting out", f"{pod['metadata']['name']} at {sight.at:.0f} s")
            continue
        text = annotation(pod, names.STATE)
        record = records.decode(text) if text is not None else None
        if record is None or (isinstance(record, Record) and not record.in_flight):
            yield Verdict("pods", "gate left closed", f"{pod['metadata']['name']} at {sight.at:.0f} s ({sight.name})")


def _container(pod: Tree) -> str:
    found = (pod.get("status") or {}).get("containerStatuses") or ()
    return next((str(one.get("containerID", "")) for one in found if one["name"] == "app"), "")
