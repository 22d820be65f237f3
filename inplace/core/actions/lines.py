"""What a log line says of a write: how important it is, and its fields beside the workload's kind, namespace and name.

Fields are the same for every write that has them: `pod`, `from` and `to` (images, as `kubectl set image` takes them),
`from_revision` and `to_revision`, `reason` and `message`. They are an interface, and stand in docs/reference/logs.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from inplace.core.actions.actions import (
    Abort,
    Action,
    BeginResize,
    ClearStatus,
    CloseGate,
    Complete,
    CreatePullPod,
    CreateReplicaSet,
    DeletePullPod,
    DeleteReplicaSet,
    DryRunPatch,
    LabelPhase,
    OpenGate,
    PatchImages,
    PatchReplicaSet,
    PatchWorkload,
    PatchWorkloadStatus,
    RecordFailure,
    ReleaseFields,
    ReserveDisruptions,
    ResizePod,
    WriteStatus,
)
from inplace.core.objects import names
from inplace.core.objects.reasons import EventReason
from inplace.core.state import statuses
from inplace.core.state.records import Record
from inplace.core.state.statuses import Phase, Status
from inplace.core.template import sizes
from inplace.core.template.change import Size

Fields = dict[str, object]

#: Writes that only prepare, or repeat what another line says.
_DETAILS: Final = (DryRunPatch, DeletePullPod, ReserveDisruptions, PatchWorkloadStatus, LabelPhase, ReleaseFields)
#: Of these somebody should know: another writer works against us.
_CONTESTED: Final = (EventReason.FreezeLost, EventReason.StrategyForgotten)
_BAD: Final = (Phase.REFUSED, Phase.DEGRADED, Phase.ROLLING_BACK, Phase.ROLLED_BACK)


def level(action: Action) -> str:
    """debug, info or warning; a write that succeeded is never an error."""
    match action:
        case RecordFailure():
            return "warning"
        case PatchWorkload(_, why, _) if why in _CONTESTED:
            return "warning"
        case WriteStatus(workload, status):
            return _level_of(statuses.read(workload.metadata), status)
        case _:
            return "debug" if isinstance(action, _DETAILS) else "info"


def _level_of(before: Status | None, after: Status) -> str:
    """A change of phase or revision is news; what only counts Pods is in the lines of these Pods."""
    if before is not None and (before.phase, before.revision) == (after.phase, after.revision):
        return "debug"
    return "warning" if after.phase in _BAD else "info"


def fields(action: Action, now: datetime) -> Fields:
    """The fields; without those that are empty."""
    return {key: value for key, value in _fields(action, now).items() if value not in ("", None)}


def _fields(action: Action, now: datetime) -> Fields:
    match action:
        case OpenGate(pod) | Abort(pod):
            return {"pod": pod.name}
        case CloseGate(pod, record) | BeginResize(pod, record):
            return {"pod": pod.name, **_revisions(record), "attempt": record.attempt}
        case PatchImages(pod, record, change):
            before = {name: container.image for name in change.images if (container := pod.container(name)) is not None}
            return {"pod": pod.name, "from": images(before), "to": images(change.images), **_revisions(record)}
        case Complete(pod, record):
            took = max(0.0, (now - record.started_at).total_seconds())
            proof = ", ".join(f"{name}={one.evidence}" for name, one in record.containers.items() if one.evidence)
            return {"pod": pod.name, **_moves(record), "evidence": proof, "took_seconds": round(took, 3)}
        case RecordFailure(pod, record):
            return {"pod": pod.name, **_moves(record), "reason": record.reason, "message": record.message}
        case DryRunPatch(pod, wanted, sizes=asked):
            return {
                "pod": pod.name,
                "to": images(wanted) or _by_name(_in_words(asked)),
            }
        case CreatePullPod(name=name, node=node, image=image):
            return {"pull_pod": name, "node": node, "image": image}
        case DeletePullPod(pod):
            pulled = pod.metadata.annotation(names.PULLED)
            return {"pull_pod": pod.name, "node": pod.spec.node_name, "image": pulled}
        case ReserveDisruptions(budget, ours=ours):
            return {"disruption_budget": budget.metadata.name, "pods": ", ".join(sorted(ours))}
        case _:
            return _of_rest(action)


def _in_words(asked: Mapping[str, Size]) -> dict[str, str]:
    return {name: sizes.words(size) for name, size in asked.items()}


def _by_name(texts: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {text}" for name, text in texts.items())


def _of_rest(action: Action) -> Fields:
    match action:
        case ResizePod(pod, record, wanted):
            before = {name: record.resized[name].from_ for name in wanted if name in record.resized}
            return {"pod": pod.name, "from": _by_name(before), "to": _by_name(_in_words(wanted)), **_revisions(record)}
        case WriteStatus(_, status):
            counts = {key: getattr(status, key) for key in ("replicas", "updated", "ready", "in_flight", "failed")}
            return {"phase": str(status.phase), "revision": status.revision, **counts, "message": status.message}
        case LabelPhase(_, phase):
            return {"phase": str(phase)}
        case PatchWorkload(_, why, note):
            return {"reason": str(why) if why is not None else "", "message": note}
        case PatchWorkloadStatus(_, status):
            return {"message": ", ".join(f"{key}={value}" for key, value in status.items())}
        case PatchReplicaSet(_, child, note) | DeleteReplicaSet(_, child, note):
            return {"replica_set": child.metadata.name, "message": note}
        case CreateReplicaSet(_, _, body, note):
            return {"replica_set": str(body["metadata"]["name"]), "message": note}
        case ClearStatus() | ReleaseFields():
            return {}
        case _:
            raise AssertionError(f"{type(action).__name__} has no row in _fields")


def _moves(record: Record) -> Fields:
    containers = record.containers.items()
    before = {name: one.from_ for name, one in containers if one.from_}
    after = {name: one.to for name, one in containers if one.to}
    return {"from": images(before), "to": images(after), **_revisions(record)}


def _revisions(record: Record) -> Fields:
    return {"from_revision": record.base, "to_revision": record.target}


def images(found: Mapping[str, str]) -> str:
    """By container, as `kubectl set image` takes them."""
    return ", ".join(f"{container}={image}" for container, image in found.items())
