"""Whether a reason is true: what each code claims, held against the objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from inplace.core.objects.reasons import ReasonCode
from inplace.core.state.statuses import Status
from inplace.core.template import trees
from tests.campaign.judges.disruption import is_drained
from tests.campaign.ledger import condition, images, is_owned, is_ready, member_changes, sizes
from tests.campaign.trace import Sight, Trace

#: Seconds in which a status tells of a change.
TOLD = 2.0
Claim = Callable[[Trace, Sight], bool]


def untrue(ours: Trace, sight: Sight, status: Status) -> Iterator[tuple[str, str]]:
    """The reasons that are not true, with their words."""
    others = set(status.waiting) - {ReasonCode.Budget}
    words = {str(one.code): one.message for one in status.reasons}
    for code in sorted({*words, *status.waiting}):
        if code == ReasonCode.Budget and others:
            continue  # the Pod before it has the place, and waits for something else
        claim = _CLAIMS.get(code)
        if claim is not None and not claim(ours, sight):
            yield code, words.get(code, status.message)


def _native_rollout(_: Trace, sight: Sight) -> bool:
    """The native controller has Pods of another revision to replace."""
    assert sight.workload is not None
    status, intent = sight.workload.get("status") or {}, sight.intent
    if intent.kind == "DaemonSet":
        return bool(status.get("updatedNumberScheduled", 0) < status.get("desiredNumberScheduled", 0))
    if intent.kind == "Deployment":
        with_pods = [
            one
            for one in sight.sets
            if one["spec"].get("replicas") and is_owned(one, sight.workload["metadata"]["uid"])
        ]
        same = [trees.bare(one["spec"]["template"]) == sight.template for one in with_pods]
        return same != [True]
    return status.get("currentRevision") != status.get("updateRevision")


def _budget(_: Trace, sight: Sight) -> bool:
    return sight.ready < sight.desired or any(is_drained(pod) for pod in sight.pods) or len(sight.pods) < sight.desired


def _node(_: Trace, sight: Sight) -> bool:
    return bool(sight.intent.away)


def _paused_by_owner(_: Trace, sight: Sight) -> bool:
    return sight.intent.paused


def _paused(_: Trace, sight: Sight) -> bool:
    return sight.intent.settings.get("paused") == "true"


def _pulling(_: Trace, sight: Sight) -> bool:
    return bool(sight.helpers)


def _pdb(_: Trace, sight: Sight) -> bool:
    return sight.intent.min_available is not None


def _refused(ours: Trace, sight: Sight) -> bool:
    recent = [one for one in ours.entries[: sight.entries] if one.ours and sight.at - one.at < 130]
    return any(one.code >= 400 for one in recent)


def _differs(_: Trace, sight: Sight) -> bool:
    return any(images(pod) != images(sight.template) or sizes(pod) != sizes(sight.template) for pod in sight.pods)


def _nobody(_: Trace, __: Sight) -> bool:
    """It is over within a moment, if it is true at all."""
    return False


def _terminating(_: Trace, sight: Sight) -> bool:
    return any("deletionTimestamp" in pod["metadata"] for pod in sight.pods)


def _scheduled(_: Trace, sight: Sight) -> bool:
    return any(not pod["spec"].get("nodeName") for pod in sight.pods)


def _unready(ours: Trace, sight: Sight) -> bool:
    """A Pod is not Ready, or has become so in the very moment: a status is written once a second."""
    recent = [one for one in ours.entries[: sight.entries] if sight.at - one.at < TOLD]
    changed = any(not is_ready(change.old) for _, change in member_changes(recent) if change.old is not None)
    return changed or not all(map(is_ready, sight.pods))


def _gated(_: Trace, sight: Sight) -> bool:
    """Some Pod lacks the condition that the setting names."""
    wanted = sight.intent.settings.get("gates", "").rpartition("=")[2]
    return bool(wanted) and any(condition(pod, wanted) != "True" for pod in sight.pods)


_CLAIMS: dict[str, Claim] = {
    ReasonCode.NativeRollout: _native_rollout,
    ReasonCode.Budget: _budget,
    ReasonCode.NodeNotReady: _node,
    ReasonCode.PausedByOwner: _paused_by_owner,
    ReasonCode.Paused: _paused,
    ReasonCode.PrePull: _pulling,
    ReasonCode.DisruptionBudget: _pdb,
    ReasonCode.WriteRefused: _refused,
    ReasonCode.OptOutPending: _differs,
    ReasonCode.Terminating: _terminating,
    ReasonCode.NotScheduled: _scheduled,
    ReasonCode.WaitingForReady: _unready,
    ReasonCode.BeforeDrain: _gated,
    ReasonCode.BeforeSwap: _gated,
    ReasonCode.BeforeReady: _gated,
    ReasonCode.WaitingForResize: _node,
    ReasonCode.ByCommand: _nobody,
    ReasonCode.Starting: _nobody,
    ReasonCode.PendingWrite: _nobody,
    ReasonCode.Preflight: _nobody,
    ReasonCode.Reserving: _nobody,
    ReasonCode.LeaderTakeover: _nobody,
    ReasonCode.CacheStale: _nobody,
    ReasonCode.Freezing: _nobody,
    ReasonCode.Preparing: _nobody,
    ReasonCode.RevisionUnknown: _nobody,
    ReasonCode.ScaledAway: _nobody,
}
