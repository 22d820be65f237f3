"""Actions and requests in words: log event, metric label, the sentence of a dry run. Every action has one row here.

Log events are named `subject.verb`. The names and labels are an interface: dashboards and alerts depend on them.
"""

from __future__ import annotations

from typing import Final, NamedTuple, assert_never

import msgspec

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
    UpgradeAction,
    WorkloadAction,
    WriteStatus,
)
from inplace.core.actions.patches import Creation, Patch, Removal, Request
from inplace.core.objects import names
from inplace.core.objects.reasons import EventReason
from inplace.core.template import sizes

#: The label, and so the sort, of the write of a status.
REPORT: Final = "write_status"
#: That of the write of a failure.
FAILURE: Final = "record_failure"


class Description(NamedTuple):
    """`event` is logged once the action has taken effect; `sentence` follows "would"."""

    event: str
    label: str
    sentence: str


def describe_action(action: Action) -> Description:
    """The row of an action."""
    match action:
        case CreatePullPod(_, _, node, image):
            return Description("pull_pod.created", "create_pull_pod", f"pull {image} onto node {node} with a pull Pod")
        case DeletePullPod(pod):
            return Description("pull_pod.deleted", "delete_pull_pod", f"delete the pull Pod {pod.name}")
        case ReserveDisruptions(budget, ours=ours):
            pods = ", ".join(sorted(ours))
            reserve = f"reserve disruptions of {pods} in" if pods else "release our reservations in"
            sentence = f"{reserve} PodDisruptionBudget {budget.metadata.name}"
            return Description("disruption_budget.reserved", "reserve_disruptions", sentence)
        case BeginResize(pod, record):
            sentence = f"begin to resize Pod {pod.name} for revision {record.target}"
            return Description("pod.resize_begun", "begin_resize", sentence)
        case ResizePod(pod, record, sizes_):
            to = "; ".join(f"{name} to {sizes.words(size)}" for name, size in sizes_.items())
            return Description("pod.resized", "resize_pod", f"resize Pod {pod.name}: {to}")
        case DryRunPatch(pod, sizes=sizes_) if sizes_:
            return Description("pod.dry_run_passed", "dry_run_patch", f"dry-run the resize of Pod {pod.name}")
    return _describe_workload(action) if isinstance(action, WorkloadAction) else _describe_pod(action)


def sort_of(action: Action) -> str:
    """What distinguishes a write from others on the same object."""
    label = describe_action(action).label
    return f"{label}: {action.note}" if isinstance(action, PatchWorkload | PatchReplicaSet) else label


def about(action: Action) -> str:
    """The path of what a write is about; empty for one that the whole workload waits for."""
    match action:
        case PatchWorkload() | PatchReplicaSet() | CreateReplicaSet() | DeleteReplicaSet() | DryRunPatch():
            return ""
        case PatchWorkloadStatus():
            return "status"
        case LabelPhase():
            return f"metadata.labels[{names.PHASE}]"
        case ReleaseFields():
            return "metadata.managedFields"
        case WriteStatus() | ClearStatus():
            return f"metadata.annotations[{names.STATUS}]"
        case ReserveDisruptions(budget):
            return f"poddisruptionbudgets[{budget.metadata.name}]"
        case CreatePullPod(name=name):
            return f"pods[{name}]"
        case _:
            return f"pods[{action.pod.name}]"


def _describe_pod(action: UpgradeAction) -> Description:
    match action:
        case OpenGate(pod):
            return Description("pod.gate_opened", "open_gate", f"open the gate of Pod {pod.name}")
        case CloseGate(pod, record):
            return Description("pod.drained", "close_gate", f"drain Pod {pod.name} for revision {record.target}")
        case PatchImages(pod, record, change):
            images = ", ".join(f"{name} to {image}" for name, image in change.images.items()) or "metadata only"
            sentence = f"patch Pod {pod.name} to revision {record.target}: {images}"
            return Description("pod.patched", "patch_images", sentence)
        case Complete(pod, record):
            return Description("pod.completed", "complete", f"complete Pod {pod.name} at revision {record.target}")
        case RecordFailure(pod, record):
            sentence = f"record that Pod {pod.name} failed ({record.reason})"
            return Description("pod.failed", FAILURE, sentence)
        case DryRunPatch(pod, images):
            sentence = f"dry-run the patch of Pod {pod.name} to {', '.join(images.values())}"
            return Description("pod.dry_run_passed", "dry_run_patch", sentence)
        case Abort(pod):
            return Description("pod.restored", "abort", f"return Pod {pod.name} to service unchanged")
        case _:
            assert_never(action)


def _describe_workload(action: WorkloadAction) -> Description:
    match action:
        case PatchWorkload(_, reason, note):
            sentence = _EDITS.get(str(reason), f"change the workload: {note}")
            return Description("workload.patched", "patch_workload", sentence)
        case PatchWorkloadStatus(_, status):
            fields = ", ".join(f"{key} to {value}" for key, value in status.items())
            sentence = f"set {fields} in the workload's status"
            return Description("workload.status_patched", "patch_workload_status", sentence)
        case PatchReplicaSet(_, child, note):
            sentence = f"change {child.kind} {child.metadata.name}: {note}"
            return Description("replicaset.patched", "patch_replica_set", sentence)
        case CreateReplicaSet(_, kind, body, note):
            sentence = f"create {kind} {body['metadata']['name']}: {note}"
            return Description("replicaset.created", "create_replica_set", sentence)
        case DeleteReplicaSet(_, child, note):
            sentence = f"delete {child.kind} {child.metadata.name}: {note}"
            return Description("replicaset.deleted", "delete_replica_set", sentence)
        case LabelPhase(_, phase):
            return Description("workload.phase_labeled", "label_phase", f"label the workload {phase}")
        case WriteStatus(_, status):
            return Description("workload.status_written", REPORT, f"report the phase {status.phase}")
        case ClearStatus():
            return Description("workload.status_cleared", "clear_status", "remove our status")
        case ReleaseFields():
            sentence = "give up the fields of the workload that our field manager owns"
            return Description("workload.fields_released", "release_fields", sentence)
        case _:
            assert_never(action)


#: What a change of the workload that its owner is told of is an attempt at.
_EDITS: Final[dict[str, str]] = {
    EventReason.Frozen: "freeze the workload",
    EventReason.FreezeLost: "restore the freeze of the workload",
    EventReason.StrategyForgotten: "replace the lost record of the workload's strategy",
    EventReason.Restored: "restore the workload's own strategy",
    EventReason.HandedOver: "hand the workload over to its native rollout",
}


def describe_request(request: Request) -> str:
    """What a request carries, on one line; preconditions are left out."""
    match request:
        case Patch(ops=ops):
            return msgspec.json.encode([op for op in ops if op["op"] != "test"]).decode()
        case Creation(body=body):
            return msgspec.json.encode(body).decode()
        case Removal(uid=uid):
            return f"only with the uid {uid}"
        case _:
            assert_never(request)
