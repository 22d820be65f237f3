"""The actions of a plan: the closed set of writes that inplace ever makes.

An action refers to objects as they were read; `patches` turns it into a request with its preconditions.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from inplace.core.objects.model import Meta, Pod, Tree
from inplace.core.objects.reasons import EventReason
from inplace.core.objects.workloads import Pdb, Workload
from inplace.core.state.records import Record
from inplace.core.state.statuses import Phase, Status
from inplace.core.template.change import PodChange, Size


class OpenGate(Struct, frozen=True):
    """Open the gate of a new Pod, or one that no attempt keeps closed; the record, if there is one, stays."""

    pod: Pod


class CloseGate(Struct, frozen=True):
    """Close the gate and begin the record."""

    pod: Pod
    record: Record


class BeginResize(Struct, frozen=True):
    """Begin the record of an attempt whose first part is a resize that restarts nothing. `change`: all of it."""

    pod: Pod
    record: Record
    change: PodChange


class ResizePod(Struct, frozen=True):
    """Set cpu and memory of containers, or of the Pod as a whole, through `pods/resize`."""

    pod: Pod
    record: Record
    sizes: Mapping[str, Size]


class PatchImages(Struct, frozen=True):
    """Patch images and template metadata of the live Pod. `change.images` is empty if only the target moved."""

    pod: Pod
    record: Record
    change: PodChange


class Complete(Struct, frozen=True):
    """Open the gate, write the labels of the revision, and close the record. `change`: metadata still to be written."""

    pod: Pod
    record: Record
    change: PodChange | None = None
    revision_labels: Mapping[str, str] = {}


class RecordFailure(Struct, frozen=True):
    """Open the gate and record the failure."""

    pod: Pod
    record: Record


class Abort(Struct, frozen=True):
    """Open the gate and drop the record: nothing was patched, and nothing will be. `record`: what stays of it.

    `revision_labels`: by which its own controller tells a Pod that was patched and is let go of.
    """

    pod: Pod
    record: Record | None = None
    revision_labels: Mapping[str, str] = {}


class DryRunPatch(Struct, frozen=True):
    """Dry-run the image patch of this Pod, or its resize; `key` identifies all patches with the same answer."""

    pod: Pod
    images: dict[str, str]
    key: str
    sizes: Mapping[str, Size] = {}


class CreatePullPod(Struct, frozen=True):
    """Create the pull Pod that pulls an image onto a node; not an error if it exists already."""

    workload: Workload
    name: str
    node: str
    image: str
    body: Tree
    #: Whether it has what the API server refused it without.
    adapted: bool = False


class DeletePullPod(Struct, frozen=True):
    """Delete a pull Pod; `again`: to create another in its place."""

    pod: Pod
    again: bool = False


class ReserveDisruptions(Struct, frozen=True):
    """Set the entries of a PodDisruptionBudget and the disruptions that it still allows. `ours`: Pods with our entries.

    `recount`: also ask its controller to recount.
    """

    budget: Pdb
    entries: dict[str, datetime]
    allowed: int
    ours: frozenset[str]
    recount: bool = False


class PatchWorkload(Struct, frozen=True):
    """Change the workload itself: freeze, thaw, or clean up.

    `spec` maps paths below `/spec` to new values, None removes; labels and annotations likewise. `why` becomes an
    Event; None if users need not know.
    """

    workload: Workload
    why: EventReason | None
    note: str
    spec: Tree = {}
    labels: dict[str, str | None] = {}
    annotations: dict[str, str | None] = {}


class PatchWorkloadStatus(Struct, frozen=True):
    """Set fields of the workload's status that its own controller leaves outdated."""

    workload: Workload
    status: dict[str, str]


class PatchReplicaSet(Struct, frozen=True):
    """Change a ReplicaSet between this workload and its Pods. `spec`, `annotations` and `why` as in PatchWorkload."""

    workload: Workload
    child: Workload
    note: str
    spec: Tree = {}
    annotations: dict[str, str | None] = {}
    why: EventReason | None = None


class CreateReplicaSet(Struct, frozen=True):
    """Create such a ReplicaSet."""

    workload: Workload
    kind: str
    body: Tree
    note: str


class DeleteReplicaSet(Struct, frozen=True):
    """Delete such a ReplicaSet, which has no Pods."""

    workload: Workload
    child: Workload
    note: str


class Event(Struct, frozen=True):
    """An Event to record on the workload once the write that it reports has been made."""

    reason: EventReason
    note: str
    warning: bool = False


class WriteStatus(Struct, frozen=True):
    """Write our status: the annotation and, if the kind permits it, the phase label and the conditions.

    Without the annotation if another version's stands there.
    """

    workload: Workload
    status: Status
    events: tuple[Event, ...] = ()
    with_label: bool = True
    with_conditions: bool = True
    with_annotation: bool = True


class LabelPhase(Struct, frozen=True):
    """Write the phase label alone."""

    workload: Workload
    phase: Phase


class ClearStatus(Struct, frozen=True):
    """Remove our status and our conditions."""

    workload: Workload


class ReleaseFields(Struct, frozen=True):
    """Remove our field manager's entries, so that a server-side apply of the workload meets no conflict with us."""

    workload: Workload
    #: Their places in managedFields.
    entries: tuple[int, ...]


#: What is written to a Pod, resizes excepted.
UpgradeAction = OpenGate | CloseGate | PatchImages | Complete | RecordFailure | Abort | DryRunPatch
PodAction = UpgradeAction | BeginResize | ResizePod
WorkloadAction = (
    PatchWorkload
    | PatchWorkloadStatus
    | PatchReplicaSet
    | CreateReplicaSet
    | DeleteReplicaSet
    | WriteStatus
    | LabelPhase
    | ClearStatus
    | ReleaseFields
)
PullPodAction = CreatePullPod | DeletePullPod
Action = PodAction | WorkloadAction | PullPodAction | ReserveDisruptions


def subject(action: Action) -> Meta:
    """The object that an action writes; for a ReplicaSet to be created, the workload that owns it.

    A pull Pod to be created has no uid yet and is identified by its name.
    """
    match action:
        case PatchReplicaSet(child=child) | DeleteReplicaSet(child=child):
            return child.metadata
        case CreatePullPod(workload, name):
            return Meta(name=name, namespace=workload.metadata.namespace, uid=f"pull-pod {name}")
        case DeletePullPod(pod):
            return pod.metadata
        case ReserveDisruptions(budget):
            return budget.metadata
        case _:
            return action.workload.metadata if isinstance(action, WorkloadAction) else action.pod.metadata
