"""Every wait has a true reason, in the server's words where it refused, and ends or is Degraded by its deadline."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

from inplace.core.state.statuses import Phase, Status
from kubesim.api.faults import WORDS
from tests.campaign.judges.reasons import untrue
from tests.campaign.judges.verdict import Verdict
from tests.campaign.ledger import Tree, condition, images, is_at, member_changes, record_of, sizes, tag, tags
from tests.campaign.story import BAD
from tests.campaign.trace import Sight, Trace
from tests.campaign.vocabulary.others import SORTS
from tests.scenarios.embedded import EPOCH

#: Seconds by which a deadline may be missed: retries, backoffs and looks.
SLACK = 150.0
#: Within so many seconds of a change nothing is said of what should be.
SOON = 50.0
#: A write that is refused is tried again within so many seconds, and twice within twice as many.
AGAIN = 35.0
RECENT = 2 * AGAIN
#: A container that ends four times in a row does so within so many seconds: the kubelet backs off between.
ENDS = 150.0
#: Codes in whose words a refusal is told.
_VERDICTS = ("400", "403", "404", "409", "413", "422", "429", "500", "503")
#: Those of a write that came too late. Each change by others begins that anew, and it is told once it has lasted.
_LATE = ("404", "409")
#: Those that are told at once; any other once it has lasted for 30 s.
_AT_ONCE = ("400", "403", "413", "422")
#: Changes that no Pod can take in place.
_INVALID = ("many",)


def judge(ours: Trace, native: Trace) -> Iterator[Verdict]:
    """Every sight of an opted-in workload, and whether we let go of it."""
    out = ours.sight("opted out")
    if ours.is_mended and out is not None and not ours.is_out:
        status = out.status
        yield Verdict("waits", f"not opted out: {_codes(status) if status is not None else '-'}", f"{status}")
    for sight in ours.sights:
        intent = sight.intent
        mute = any(what.partition(": ")[0] in {"statuses", "all writes"} for what in intent.refused)
        if not intent.opted_in or not intent.alive or mute or sight.workload is None:
            continue
        status = sight.status
        if status is None:
            if not intent.refused and ours.since_unquiet(sight.at) >= SOON and sight.quiet >= SOON:
                yield Verdict("waits", "no status", f"{sight.name}, {sight.at:.0f} s")
            continue
        yield from _phase(ours, native, sight, status)
        yield from _refusals(ours, sight, status)
        if sight.quiet >= SOON and ours.since_unquiet(sight.at) >= SOON:
            for code, words in untrue(ours, sight, status):
                yield Verdict("waits", f"untrue {code}", f"{sight.name}, {sight.at:.0f} s: {words}")


def _phase(ours: Trace, native: Trace, sight: Sight, status: Status) -> Iterator[Verdict]:
    where = f"{sight.name}, {sight.at:.0f} s: {status.phase}, {status.message!r}, {_reasons(status)}"
    if _lost(ours, sight, status):
        return
    if sight.name.startswith("mended"):
        if not ours.has_unheard_settings:
            yield from _mended(ours, native, sight, status, where)
        return
    held = _is_gated_in_time(sight) or _is_paused(ours, sight, status)
    overdue = sight.quiet >= sight.intent.deadline + SLACK and not held
    # The native rollout of an image that does not run ends by its own controller's word, if at all.
    given_up = status.phase is Phase.HANDED_OVER and _is_bad(sight.template)
    if overdue and not given_up and status.phase in {Phase.PROGRESSING, Phase.HANDED_OVER, Phase.ROLLING_BACK}:
        yield Verdict("waits", f"no end: {status.phase} {_codes(status)}", where)
    cause = _CAUSES.get(status.phase)
    if cause is not None and sight.quiet >= SOON and not cause(ours, sight, status):
        yield Verdict("waits", f"no cause: {status.phase} {_codes(status)}", where)
    if status.healthy and status.healthy == status.revision and _is_bad(sight.template):
        yield Verdict("waits", "healthy never ran", where)


def _mended(ours: Trace, native: Trace, sight: Sight, status: Status, where: str) -> Iterator[Verdict]:
    twin = native.sight(sight.name)
    if status.phase is Phase.REFUSED and _codes(status) == "StrategyUnsupported" and _is_recreated_by_owner(twin):
        return
    if status.phase is not Phase.UP_TO_DATE:
        yield Verdict("waits", f"not mended: {status.phase} {_codes(status)}", where)
    elif _is_kept_by_owner(twin) or ours.is_partition_taken(native):
        return
    elif not all(is_at(pod, sight.template) for pod in sight.pods):
        yield Verdict("waits", "mended in name only", f"{where}: {[tags(pod) for pod in sight.pods]}")
    elif not sight.intent.touched and any(sizes(pod) != sizes(sight.template) for pod in sight.pods):
        yield Verdict("waits", "mended but for sizes", f"{where}: {[sizes(pod) for pod in sight.pods]}")


def _is_bad(template: Tree) -> bool:
    """Whether an image of it does not run."""
    return any(one in BAD for one in tags(template))


def _is_kept_by_owner(twin: Sight | None) -> bool:
    """Whether a partition of the owner's own keeps Pods at the old image: an apply does not take it away from a
    workload whose last applied configuration a replace has taken."""
    workload = twin.workload if twin is not None else None
    strategy = (workload or {"spec": {}})["spec"].get("updateStrategy") or {}
    return bool((strategy.get("rollingUpdate") or {}).get("partition"))


def _is_recreated_by_owner(twin: Sight | None) -> bool:
    """Whether the owner's strategy is Recreate: likewise."""
    workload = twin.workload if twin is not None else None
    strategy = (workload or {"spec": {}})["spec"].get("strategy") or {}
    return bool(strategy.get("type") == "Recreate")


def _lost(ours: Trace, sight: Sight, status: Status) -> bool:
    """What a bare ReplicaSet was given while it was not opted in is on no record, and one that is created anew has none
    at all; it replaces no Pods: nobody can tell what they were created from, until they are deleted."""
    was_out = any(at <= sight.at and not intent.opted_in for at, intent in ours.intents)
    changes = (change for entry in ours.entries[: sight.entries] for change in entry.changes)
    was_out = was_out or any(one.plural == "replicasets" and one.new is None for one in changes)
    bare = sight.intent.kind == "ReplicaSet" and was_out
    return bare and status.phase is Phase.REFUSED and {str(one.code) for one in status.reasons} == {"BaseUnknown"}


def _refusals(ours: Trace, sight: Sight, status: Status) -> Iterator[Verdict]:
    """What the server refuses for what it is, again and again, is said in its words, and overdue at the deadline.

    A dry run that is refused only leaves unknown what it was to find out.
    """
    begin = sight.at - min(RECENT, sight.quiet)
    recent = [one for one in ours.entries[: sight.entries] if one.ours and one.at > begin and not one.request.dry_run]
    reasons, failures = (one.message for one in status.reasons), (one.message for one in status.failures)
    said = " ".join([status.message, *reasons, *failures])
    for what in sight.intent.refused:
        sort, _, answer = what.partition(": ")
        since = min(at for at, intent in ours.intents if what in intent.refused)
        tries = [one for one in recent if str(one.code) == answer and SORTS[sort](one.request)]
        if answer not in _VERDICTS or len(tries) < 2 or sight.at - since < SOON or sight.at - tries[-1].at > AGAIN:
            continue
        if answer in _LATE and sight.quiet < RECENT:
            continue
        if answer not in _AT_ONCE and sight.at - tries[0].at < AGAIN:
            continue  # another write was refused before, which rests for a while when it is not needed any more
        if WORDS[int(answer)][1][:40] not in said:
            yield Verdict("waits", f"unsaid: {sort}", f"{sight.name}, {sight.at:.0f} s: {what}: {said!r}")
        elif sight.quiet >= sight.intent.deadline + SLACK and status.phase is Phase.PROGRESSING:
            yield Verdict("waits", f"refused without end: {sort}", f"{sight.name}, {sight.at:.0f} s: {what}: {said!r}")


def _codes(status: Status) -> str:
    """The reason codes, as a fault is named by them."""
    codes = {*(str(one.code) for one in status.reasons), *status.waiting, *(one.code for one in status.failures)}
    return ",".join(sorted(codes - {"Budget", "Partition", "Step", "WorkloadDegraded"})) or "-"


def _reasons(status: Status) -> list[str]:
    return [*(f"{one.code}: {one.message}" for one in status.reasons), *(f"{one.code}" for one in status.failures)]


# --- what a phase needs -----------------------------------------------------------------------------------------------


def _is_up_to_date(ours: Trace, sight: Sight, status: Status) -> bool:
    """Every Pod is there, at the template's image, unless a partition keeps some."""
    if ours.since_unquiet(sight.at) < SOON:
        return True
    intent = sight.intent
    if len(sight.pods) != sight.desired:
        return False
    kept = "partition" in intent.settings or intent.commit.strategy == "canary" or intent.touched
    alike = tag(sight.template) == intent.tag and all(is_at(pod, sight.template) for pod in sight.pods)
    return bool(kept) or (alike and all(sizes(pod) == sizes(sight.template) for pod in sight.pods))


def _is_paused(ours: Trace, sight: Sight, status: Status) -> bool:
    return sight.intent.paused or sight.intent.settings.get("paused") == "true"


def _has_steps(ours: Trace, sight: Sight, status: Status) -> bool:
    return "steps" in sight.intent.settings


def _is_refused(ours: Trace, sight: Sight, status: Status) -> bool:
    """A setting, a change that needs new Pods, a strategy, or the server's refusal of a dry run."""
    intent = sight.intent
    invalid = any(value in _INVALID for value in intent.settings.values()) or intent.commit.strategy == "recreate"
    differs = bool(intent.commit.env or intent.restarted or intent.touched)
    differs = differs or any(one.commit.env for _, one in ours.intents)
    return invalid or differs or not intent.quiet or ours.since_unquiet(sight.at) < SOON


def _is_handed_over(ours: Trace, sight: Sight, status: Status) -> bool:
    """A change that needs new Pods, and the mode that allows it."""
    changed = any(intent.commit.env or intent.restarted for _, intent in ours.intents)
    return sight.intent.mode == "InPlaceIfPossible" and changed


def _is_rolled_back(ours: Trace, sight: Sight, status: Status) -> bool:
    """The image does not run, or could not be pulled when a Pod had it already; or somebody laid hands on Pods."""
    amiss = _is_bad(sight.template) or bool(sight.intent.touched) or _was_unpulled(ours, sight) or _was_gated(ours)
    return amiss or _crashed_in_time(ours, sight) or _was_unready_in_time(ours, sight)


def _is_gated_in_time(sight: Sight) -> bool:
    """Whether a Pod in flight waits for a condition until its deadline: so each does in turn, on the way back too."""
    found = [record_of(pod) for pod in sight.pods] if sight.intent.gated else []
    now = EPOCH + timedelta(seconds=sight.at - SLACK)
    return any(one is not None and one.in_flight and one.deadline > now for one in found)


def _was_gated(ours: Trace) -> bool:
    """Whether steps ever waited for a condition: one that never comes is a failure of the Pod."""
    return any(intent.gated for _, intent in ours.intents)


def _was_unpulled(ours: Trace, sight: Sight) -> bool:
    """Whether the registry was away while a Pod was asked to run the template's image: it stays down, unless it goes
    back."""
    changes = member_changes(ours.entries[: sight.entries])
    asked = ((entry.at, change.new) for entry, change in changes if change.new is not None)
    return any(tags(pod) == tags(sight.template) and not ours.intent_at(at).registry for at, pod in asked)


def _was_unready_in_time(ours: Trace, sight: Sight) -> bool:
    """Whether containers that we had swapped were not ready, not for a moment, until the deadline: nobody can tell why
    a probe fails. Our gate is not asked: a Pod that only that keeps from being Ready has not failed."""
    began: dict[str, float] = {}
    for entry, change in member_changes(ours.entries[: sight.entries]):
        uid = (change.new or change.old or {})["metadata"]["uid"]
        since = began.get(uid)
        if since is not None and entry.at - since >= ours.intent_at(since).deadline:
            return True
        if change.new is None or condition(change.new, "ContainersReady") == "True":
            began.pop(uid, None)
        elif entry.ours and change.old is not None and tags(change.old) != tags(change.new) == tags(sight.template):
            began[uid] = entry.at
    return any(sight.at - since >= ours.intent_at(since).deadline for since in began.values())


def _crashed_in_time(ours: Trace, sight: Sight) -> bool:
    """Whether a container ended by itself within the deadline of its upgrade: later that says nothing of the image."""
    intents = [(at, intent) for at, intent in ours.intents if at <= sight.at]
    crashes = [at for (_, before), (at, now) in pairwise(intents) if now.crashed > before.crashed]
    changes = [(entry.at, one) for entry, one in member_changes(ours.entries[: sight.entries]) if entry.ours]
    swapped = [(at, one.old, one.new) for at, one in changes if one.old is not None and one.new is not None]
    swaps = [at for at, old, new in swapped if images(old) != images(new) and is_at(new, sight.template)]
    return any(-ENDS <= at - swap <= ours.intent_at(at).deadline for at in crashes for swap in swaps)


def _is_degraded(ours: Trace, sight: Sight, status: Status) -> bool:
    """Something has been amiss in this story."""
    intents = [intent for _, intent in ours.intents]
    amiss = any(not one.quiet or one.touched or one.bad or one.min_available is not None for one in intents)
    amiss = amiss or _was_gated(ours)
    amiss = amiss or _crashed_in_time(ours, sight)
    return amiss or any(code in _codes(status) for code in ("FreezeContested",))


_CAUSES = {
    Phase.UP_TO_DATE: _is_up_to_date,
    Phase.PAUSED: _is_paused,
    Phase.AWAITING_PROMOTION: _has_steps,
    Phase.REFUSED: _is_refused,
    Phase.HANDED_OVER: _is_handed_over,
    Phase.ROLLING_BACK: _is_rolled_back,
    Phase.ROLLED_BACK: _is_rolled_back,
    Phase.DEGRADED: _is_degraded,
}
