"""The same story without us: what the owner has in the end must be the same.

Judged at the end of the story, when all is calm, and again when the owner has set an image that runs, and opted out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from inplace.core.objects import names
from inplace.core.template import trees
from tests.campaign.judges.disruption import is_drained
from tests.campaign.judges.verdict import Verdict
from tests.campaign.ledger import Tree, annotation, is_at, is_ready, label, tag, tags
from tests.campaign.story import BAD
from tests.campaign.trace import Sight, Trace
from tests.scenarios.world import OURS

#: What Kubernetes counts for itself.
_COUNTED = ("deployment.kubernetes.io/revision", names.TEMPLATE_GENERATION)
#: Strategies by which its own controller keeps Pods at what they are.
KEEPING = ("canary", "ondelete")
#: Seconds after which every gate is open, once nothing is amiss.
OPENED = 50.0


def judge(ours: Trace, native: Trace) -> Iterator[Verdict]:
    """Every sight of the end, beside its twin; what follows from an earlier difference is not said again."""
    if _invalid(native) - _invalid(ours):
        return
    unheard = {"annotations setting"} if ours.has_unheard_settings else set[str]()
    calm = [one for one in _at("calm", ours, native) if one.fault.partition(": ")[2] not in unheard]
    if ours.story.start.kind == "DaemonSet" and any(move.verb == "orphan" for move in ours.story.moves):
        # One that is created anew counts its generations from 1, and takes older Pods with that number for its own.
        calm = [one for one in calm if one.fault != "images of Pods"]
    if _is_paused_halfway(ours) or _is_stuck_without_us(ours) or _is_lifted_by_what_keeps_pods(ours):
        calm = [one for one in calm if one.fault != "images of Pods"]
    yield from calm
    if not ours.is_mended or not ours.is_out:
        return
    known = {one.fault.partition(": ")[2] for one in calm} | unheard
    out = [one for one in _at("opted out", ours, native) if one.fault.partition(": ")[2] not in known]
    yield from out
    if not out and not ours.is_partition_taken(native):
        yield from _undone(ours, native)


def _invalid(trace: Trace) -> set[int]:
    """Moves that the server refused for the strategy they would have left: with us the policies may have replaced it.

    A server-side apply of OnDelete leaves an empty rollingUpdate behind where it had set a partition before.
    """
    return {move for move, (_, words) in trace.refused.items() if "is invalid: spec.updateStrategy" in words}


def _is_paused_halfway(ours: Trace) -> bool:
    """Whether its owner stopped the native rollout of a workload that was not opted in, and still does, when gates had
    had no time to be opened since something was amiss: without us it may have got further by then."""
    sight = ours.sight("calm")
    if sight is None or not sight.intent.paused:
        return False
    pauses = [at for (_, before), (at, now) in pairwise(ours.intents) if now.paused and not before.paused]
    last = max((at for at in pauses if at <= sight.at), default=0.0)
    return not ours.intent_at(last).opted_in and ours.since_unquiet(last) < OPENED


def _is_stuck_without_us(ours: Trace) -> bool:
    """Whether it was not opted in at any time, and its image does not run: how far the native rollout of that has got
    depends on which Pod something befell."""
    sight = ours.sight("calm")
    if sight is None or any(intent.opted_in for at, intent in ours.intents if at <= sight.at):
        return False
    return any(one in BAD for one in tags(sight.template))


def _is_lifted_by_what_keeps_pods(ours: Trace) -> bool:
    """Whether its owner gave it a strategy that keeps Pods after the opt-out.

    If Pods differ from the template then, it stays frozen until somebody lifts that; and a partition keeps Pods that
    without us were replaced before.
    """
    pairs = [(before, at, now) for (_, before), (at, now) in pairwise(ours.intents)]
    outs = [at for before, at, now in pairs if before.opted_in and not now.opted_in]
    given = [at for before, at, now in pairs if before.commit.strategy != now.commit.strategy in KEEPING]
    return any(at > out for out in outs for at in given)


def _at(name: str, ours: Trace, native: Trace) -> Iterator[Verdict]:
    mine, twin = ours.sight(name), native.sight(name)
    if mine is None or twin is None:
        return
    taken = ours.is_partition_taken(native)
    for one in _compared(name, mine, twin):
        if not taken or one.fault not in {"images of Pods", "calm: strategy", "opted out: updateStrategy"}:
            yield one


def _compared(name: str, mine: Sight, twin: Sight) -> Iterator[Verdict]:
    if mine.workload is None or twin.workload is None:
        if (mine.workload is None) != (twin.workload is None):
            yield Verdict("oracle", f"{name}: workload", f"with us {mine.workload}, without {twin.workload}")
        return
    spec, other = mine.workload["spec"], twin.workload["spec"]
    out = name == "opted out"
    held = mine.intent.opted_in
    for key in sorted(spec.keys() | other.keys()):
        if key in {"updateStrategy", "strategy", "paused"} and (held or not out):
            continue
        if _plain(spec.get(key)) != _plain(other.get(key)):
            seen = f"spec.{key}: with us {spec.get(key)}, without {other.get(key)}"
            yield Verdict("oracle", f"{name}: {key}", seen)
    if held and not out:
        yield from _strategy(mine, twin)
    yield from _metadata(name, mine.workload, twin.workload)
    if out or (name == "calm" and _has_let_go(mine)):
        yield from _pods(mine, twin)


def _has_let_go(sight: Sight) -> bool:
    """Whether nobody upgrades it in place, and nothing of ours keeps its own controller from replacing Pods."""
    found = sight.workload
    return not sight.intent.opted_in and found is not None and label(found, names.FROZEN) is None


def _strategy(mine: Sight, twin: Sight) -> Iterator[Verdict]:
    """What the owner last said of the strategy is what a thaw would leave."""
    assert mine.workload is not None
    assert twin.workload is not None
    for key in ("updateStrategy", "strategy"):
        wanted, found = twin.workload["spec"].get(key), mine.workload["spec"].get(key)
        if key == "updateStrategy" and found and _is_held(mine):
            found = _thawed(found, annotation(mine.workload, names.ORIGINAL_STRATEGY))
        if wanted and wanted["type"] == "OnDelete":
            wanted, found = wanted["type"], (found or {}).get("type")
        if found != wanted and not mine.intent.touched:
            yield Verdict("oracle", "calm: strategy", f"{key}: with us {found}, without {wanted}")


def _is_held(mine: Sight) -> bool:
    """Whether the freeze is in the place of the owner's strategy. One that he has written over it stays."""
    workload = mine.workload or {}
    block = workload["spec"]["updateStrategy"].get("rollingUpdate") or {}
    is_ours = mine.intent.kind != "StatefulSet" or block.get("partition") == names.FROZEN_PARTITION
    return is_ours and label(workload, names.FROZEN) is not None


def _thawed(strategy: Tree, text: str | None) -> Tree:
    """A frozen strategy with what is on record of it, its type and its partition, and the server's defaults."""
    try:
        own = json.loads(text or "{}")
    except ValueError:
        own = {}
    own = own if isinstance(own, dict) else {}  # somebody has edited it
    block = {key: value for key, value in (strategy.get("rollingUpdate") or {}).items() if key != "partition"}
    block |= own.get("rollingUpdate") or {}
    if "partition" not in block:
        block = {"maxUnavailable": 1, "maxSurge": 0, **block}
    return {"type": own.get("type"), "rollingUpdate": block}


def _metadata(name: str, mine: Tree, twin: Tree) -> Iterator[Verdict]:
    for field in ("labels", "annotations"):
        with_us, without = (_owners(one["metadata"].get(field) or {}) for one in (mine, twin))
        for key in sorted(with_us.keys() | without.keys()):
            if with_us.get(key) != without.get(key):
                seen = f"{field}[{key}]: with us {with_us.get(key)}, without {without.get(key)}"
                what = "setting" if key.startswith(names.PREFIX) else key
                yield Verdict("oracle", f"{name}: {field} {what}", seen)


def _owners(keys: dict[str, str]) -> dict[str, str]:
    """Keys that are the owner's, the mode among them; what is left of ours after an opt-out is judged as residue."""
    return {key: text for key, text in keys.items() if key == names.MODE or key not in {*OURS, *_COUNTED}}


def _pods(mine: Sight, twin: Sight) -> Iterator[Verdict]:
    # A rollout without us that cannot end, in another moment of which a Pod was lost, has one more.
    if len(mine.pods) not in {len(twin.pods), mine.desired}:
        yield Verdict("oracle", "count of Pods", f"with us {len(mine.pods)}, without {len(twin.pods)}")
    wanted, by_hand = tag(mine.template), _is_left_to_its_owner(mine)
    judged = [pod for pod in mine.pods if tag(pod) == wanted or not by_hand]
    if by_hand:  # what was given an image of the owner's that does not run stays there
        judged = [pod for pod in judged if is_drained(pod) or not set(tags(pod)) & set(BAD)]
    if sum(map(is_ready, twin.pods)) == len(twin.pods) and not all(map(is_ready, judged)):
        yield Verdict("oracle", "Pods not Ready", f"{sum(map(is_ready, judged))} of {len(judged)} are Ready")
    if by_hand or mine.intent.touched:
        return  # an image that somebody has set by hand on a Pod stays
    behind = any(tag(pod) != wanted and not is_at(pod, mine.template) for pod in mine.pods)
    if behind and all(tag(pod) == wanted for pod in twin.pods):
        yield Verdict("oracle", "images of Pods", f"with us {[tag(pod) for pod in mine.pods]}, wanted {wanted}")


def _is_left_to_its_owner(sight: Sight) -> bool:
    """Whether nobody replaces its Pods: what was upgraded before the opt-out stays at that image."""
    strategy = (sight.workload or {})["spec"].get("updateStrategy", {})
    return sight.intent.kind == "ReplicaSet" or strategy.get("type") == "OnDelete"


def _undone(ours: Trace, native: Trace) -> Iterator[Verdict]:
    mine, twin = ours.sight("undone"), native.sight("undone")
    if mine is None or twin is None or mine.workload is None or twin.workload is None:
        return
    if (-1 in ours.refused) != (-1 in native.refused):
        seen = f"with us {ours.refused.get(-1)}, without {native.refused.get(-1)}"
        yield Verdict("oracle", "undo refused", seen)
    elif trees.bare(mine.template) != trees.bare(twin.template):
        yield Verdict("oracle", "undo", f"with us {mine.template}, without {twin.template}")
    elif any(tag(pod) != tag(mine.template) for pod in mine.pods):
        rolls = -1 not in ours.refused and all(tag(pod) == tag(twin.template) for pod in twin.pods)
        if rolls:
            yield Verdict("oracle", "undo does not roll", f"{[tag(pod) for pod in mine.pods]}")


def _plain(value: Any) -> Any:
    """False is no value; the selector and the template as they are."""
    return value or None
