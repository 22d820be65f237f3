"""The dry run's hands: say each distinct write that would be made, and why, and make none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, assert_never

from inplace.cluster.key import Key
from inplace.core.actions import patches
from inplace.core.actions.actions import (
    Abort,
    Action,
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
    PodAction,
    RecordFailure,
    ReserveDisruptions,
    WorkloadAction,
    WriteStatus,
)
from inplace.core.actions.patches import Creation, Patch, Removal, Request
from inplace.core.rollout.snapshot import Snapshot
from inplace.runtime.clock import Clock


class DryRun:
    """Takes the place of the Applier. A write that is repeated is said once."""

    def __init__(self, say: Callable[[str], None], clock: Clock) -> None:
        self._say = say
        self._clock = clock
        self._said: set[str] = set()

    def submit(self, key: Key, _snapshot: Snapshot, action: Action) -> None:
        """Say what this action would write."""
        request = patches.build(action, self._clock.now())
        headline = f"{key.kind.lower()}/{key.name} -n {key.namespace}: would {why(action)}"
        if headline not in self._said:
            self._said.add(headline)
            self._say(f"{headline}\n  {_path(request)} {patches.describe(request)}")


def why(action: Action) -> str:
    """The action in words."""
    match action:
        case CreatePullPod(_, _, node, image):
            return f"pull {image} onto node {node} with a helper Pod"
        case ReserveDisruptions(budget, ours=ours):
            return f"reserve from PodDisruptionBudget {budget.metadata.name} for {', '.join(sorted(ours)) or 'nobody'}"
        case DeletePullPod(helper):
            return f"delete the helper Pod {helper.name}"
    return _why_workload(action) if isinstance(action, WorkloadAction) else _why_pod(action)


def _why_pod(action: PodAction) -> str:
    match action:
        case OpenGate(pod):
            return f"open the gate of the new Pod {pod.name}"
        case CloseGate(pod, record):
            return f"drain Pod {pod.name} for revision {record.target}"
        case PatchImages(pod, record, change):
            images = ", ".join(f"{name} to {image}" for name, image in change.images.items()) or "metadata only"
            return f"patch Pod {pod.name} to revision {record.target}: {images}"
        case Complete(pod, record):
            return f"finish Pod {pod.name} at revision {record.target}"
        case RecordFailure(pod, record):
            return f"record that Pod {pod.name} failed: {record.reason}: {record.message}"
        case DryRunPatch(pod, images):
            return f"ask whether Pod {pod.name} may be patched to {', '.join(images.values())}"
        case Abort(pod):
            return f"put Pod {pod.name} back into service as it is"
        case _:
            assert_never(action)


def _why_workload(action: WorkloadAction) -> str:
    match action:
        case PatchWorkload(_, reason, note):
            return f"change the workload ({reason}: {note})" if reason is not None else f"change the workload: {note}"
        case PatchWorkloadStatus(_, status):
            return f"set {', '.join(f'{key} to {value}' for key, value in status.items())} in the workload's status"
        case PatchReplicaSet(_, child, note):
            return f"change {child.kind} {child.metadata.name}: {note}"
        case CreateReplicaSet(_, kind, body, note):
            return f"create {kind} {body['metadata']['name']}: {note}"
        case DeleteReplicaSet(_, child, note):
            return f"delete {child.kind} {child.metadata.name}: {note}"
        case LabelPhase(_, phase):
            return f"label the workload {phase}"
        case ClearStatus():
            return "take our status back"
        case WriteStatus(_, status):
            return f"report {status.phase}: {status.message}"
        case _:
            assert_never(action)


def _path(request: Request) -> str:
    subresource = f"/{request.subresource}" if isinstance(request, Patch) and request.subresource else ""
    return f"{_VERBS[type(request)]} {(request.kind or 'pod').lower()}/{request.name}{subresource}"


_VERBS: Final = {Patch: "PATCH", Creation: "POST", Removal: "DELETE"}
