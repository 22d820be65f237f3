"""While a workload is opted in for in-place only, its own controller replaces no Pod for a change of the template.

Not judged: what the owner does to a workload that was not opted in for long enough to be frozen; a native rollout that
had begun before; a change in the very write that lifts the freeze, without the policies (docs/explanation/critique.md).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from inplace.core.state.records import PodPhase
from tests.campaign.judges.verdict import Verdict
from tests.campaign.ledger import Tree, member_changes, record_of, sizes, tags
from tests.campaign.story import WHOLE, Commit, Intent
from tests.campaign.trace import Trace

#: Seconds in which a workload is frozen if nothing is amiss.
FROZEN_AFTER = 55.0


def judge(ours: Trace, _: Trace) -> Iterator[Verdict]:
    """Every Pod that Kubernetes' controllers deleted."""
    yield from _while_opted_in(ours)
    yield from _after_opting_out(ours)


def _after_opting_out(ours: Trace) -> Iterator[Verdict]:
    """By an opt-out none is replaced where all have the template's image at that moment."""
    pods: dict[str, Tree] = {}
    moments, calm = list(ours.intents), False
    before: Intent | None = None
    for entry, change in member_changes(ours.entries):
        while moments and moments[0][0] <= entry.at:
            intent = moments.pop(0)[1]
            calm, before = before is not None and _is_mere_opt_out(before, intent, list(pods.values())), intent
        old, new = change.old, change.new
        if new is not None:
            pods[new["metadata"]["uid"]] = new
        elif old is not None:
            pods.pop(old["metadata"]["uid"], None)
        if calm and entry.manager and entry.request.verb == "delete" and old is not None:
            if old["status"].get("phase") in {"Failed", "Succeeded"}:
                continue
            yield Verdict("replaced", "needlessly", f"{entry.at:.1f} s: {change.name} had what was asked for")
            return


def _is_mere_opt_out(before: Intent, now: Intent, pods: list[Tree]) -> bool:
    """Whether this is all that a move does, and every Pod has the image that is wanted."""
    out = before.opted_in and not now.opted_in and now.alive and now.quiet and now.replicas == before.replicas
    plain = not (now.commit.env or now.commit.label or _is_resized(now) or now.restarted or now.touched or now.crashed)
    alive = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    there = all(tags(pod) == tags_of(now) and not _is_unproven(pod) for pod in alive)
    return out and plain and there and len(alive) == len(pods) == now.replicas


def tags_of(intent: Intent) -> tuple[str, ...]:
    """The tags of the containers of a Pod of the owner's file."""
    return tuple(one for one in (intent.commit.tag, intent.commit.sidecar) if one)


def _is_resized(now: Intent) -> bool:
    """Whether the cpu of the container, or of the Pod as a whole, was ever another."""
    ever = (now.commit, *now.earlier)
    return any(commit.cpu != Commit().cpu or commit.whole not in {"", WHOLE} for commit in ever)


def _is_unproven(pod: Tree) -> bool:
    """Whether its image was patched, and nothing shows yet that it runs."""
    record = record_of(pod)
    return record is not None and record.phase in {PodPhase.SWAPPING, PodPhase.FAILED}


def _while_opted_in(ours: Trace) -> Iterator[Verdict]:
    pods: dict[str, Tree] = {}
    moments = _image_changes(ours)
    #: Whether a native rollout, of an image or of a size, was under way when an image was last changed.
    under_way = False
    for entry, change in member_changes(ours.entries):
        while moments and moments[0][0] <= entry.at:
            was = moments.pop(0)[1]
            under_way = any(tags(pod) != was for pod in pods.values()) or len({*map(sizes, pods.values())}) > 1
        old, new = change.old, change.new
        if new is not None:
            pods[new["metadata"]["uid"]] = new
        elif old is not None:
            pods.pop(old["metadata"]["uid"], None)
        if not entry.manager or entry.request.verb != "delete" or old is None or under_way:
            continue
        if "deletionTimestamp" in old["metadata"] or (new is not None and "deletionTimestamp" not in new["metadata"]):
            continue
        held = _held_since(ours, entry.at)
        if held is None or old["status"].get("phase") in {"Failed", "Succeeded"}:
            continue
        if tags(old) != tags_of(ours.intent_at(entry.at)) and _changed(ours, held, entry.at):
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
    if now.replicas < before.replicas or now.policies != before.policies or now.deleted != before.deleted:
        return True
    return not now.policies and now.lifted != before.lifted


def _image_changes(ours: Trace) -> list[tuple[float, tuple[str, ...]]]:
    """When an image of the owner's changed, and what they were before."""
    moments = [(when, tags_of(intent)) for when, intent in ours.intents]
    return [(when, old) for (_, old), (when, new) in itertools.pairwise(moments) if old != new]


def _changed(ours: Trace, held: float, at: float) -> bool:
    """Whether an image was last changed when the freeze had had its time."""
    changes = [when for when, _ in _image_changes(ours) if when <= at]
    return bool(changes) and changes[-1] >= held + FROZEN_AFTER
