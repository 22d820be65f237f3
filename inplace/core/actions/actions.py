"""What a plan may ask for: the closed set of writes that inplace ever makes.

An action is an intention about objects as they were read; `patch` turns it into a request with its preconditions.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from inplace.core.objects.model import Meta, Pdb, Pod, Tree, Workload
from inplace.core.objects.reasons import EventReason
from inplace.core.state.records import Record
from inplace.core.state.statuses import Phase, Status
from inplace.core.template.change import PodChange


class OpenGate(Struct, frozen=True):
    """Open the gate of a Pod that nobody has spoken for: absent -> True."""

    pod: Pod


class CloseGate(Struct, frozen=True):
    """Close the gate and begin the record."""

    pod: Pod
    record: Record


class PatchImages(Struct, frozen=True):
    """Patch images and template metadata of the live Pod. `change.images` is empty where only the target moved."""

    pod: Pod
    record: Record
    change: PodChange


class Complete(Struct, frozen=True):
    """Open the gate, write the revision's labels, and close the record. `change` holds metadata still to be written."""

    pod: Pod
    record: Record
    change: PodChange | None = None
    revision_labels: Mapping[str, str] = {}


class RecordFailure(Struct, frozen=True):
    """Open the gate and record the failure."""

    pod: Pod
    record: Record


class Abort(Struct, frozen=True):
    """Open the gate and drop the record: nothing was patched, and nothing will be."""

    pod: Pod


class DryRunPatch(Struct, frozen=True):
    """Ask, by a dry run, whether the image patch of this Pod would be taken; `key` names all that are alike."""

    pod: Pod
    images: dict[str, str]
    key: str


class CreatePullPod(Struct, frozen=True):
    """Create the helper Pod that pulls an image onto a node; that it exists already is as good."""

    workload: Workload
    name: str
    node: str
    image: str
    body: Tree


class DeletePullPod(Struct, frozen=True):
    """Delete a helper Pod; `again`: to make another in its place."""

    helper: Pod
    again: bool = False


class ReserveDisruptions(Struct, frozen=True):
    """Set the entries of a PodDisruptionBudget and what it still allows; `ours` are the Pods whose entries are ours.

    `recount`: its controller is asked to recount.
    """

    budget: Pdb
    entries: dict[str, datetime]
    allowed: int
    ours: frozenset[str]
    recount: bool = False


class PatchWorkload(Struct, frozen=True):
    """Change the workload itself: freeze, thaw, or leave nothing behind.

    `spec` maps paths below `/spec` to new values, None removes; labels and annotations likewise. `why` becomes an
    Event; None for what is nobody's concern.
    """

    workload: Workload
    why: EventReason | None
    note: str
    spec: Tree = {}
    labels: dict[str, str | None] = {}
    annotations: dict[str, str | None] = {}


class PatchWorkloadStatus(Struct, frozen=True):
    """Set fields of the workload's status that its own controller leaves behind."""

    workload: Workload
    status: dict[str, str]


class PatchReplicaSet(Struct, frozen=True):
    """Change a workload that stands between this one and its Pods. `spec` and `annotations` as in Edit."""

    workload: Workload
    child: Workload
    note: str
    spec: Tree = {}
    annotations: dict[str, str | None] = {}


class CreateReplicaSet(Struct, frozen=True):
    """Create such a workload, whole; that it exists already is as good."""

    workload: Workload
    kind: str
    body: Tree
    note: str


class DeleteReplicaSet(Struct, frozen=True):
    """Delete such a workload, which has no Pods."""

    workload: Workload
    child: Workload
    note: str


class Event(Struct, frozen=True):
    """An Event to record on the workload once the write that it speaks of has been made."""

    reason: EventReason
    note: str
    warning: bool = False


class WriteStatus(Struct, frozen=True):
    """Write our status: the annotation and, as far as the kind lets us, the phase label and the conditions."""

    workload: Workload
    status: Status
    events: tuple[Event, ...] = ()
    with_label: bool = True
    with_conditions: bool = True


class LabelPhase(Struct, frozen=True):
    """Write the phase label alone."""

    workload: Workload
    phase: Phase


class ClearStatus(Struct, frozen=True):
    """Take our status and our conditions back."""

    workload: Workload


PodAction = OpenGate | CloseGate | PatchImages | Complete | RecordFailure | Abort | DryRunPatch
WorkloadAction = (
    PatchWorkload
    | PatchWorkloadStatus
    | PatchReplicaSet
    | CreateReplicaSet
    | DeleteReplicaSet
    | WriteStatus
    | LabelPhase
    | ClearStatus
)
PullPodAction = CreatePullPod | DeletePullPod
Action = PodAction | WorkloadAction | PullPodAction | ReserveDisruptions


def subject(action: Action) -> Meta:
    """The object that an action writes; of one that creates, the workload that it is created for. A helper to be made
    has no uid yet, and goes by its name.
    """
    match action:
        case PatchReplicaSet(child=child) | DeleteReplicaSet(child=child):
            return child.metadata
        case CreatePullPod(workload, name):
            return Meta(name=name, namespace=workload.metadata.namespace, uid=f"helper {name}")
        case DeletePullPod(helper):
            return helper.metadata
        case ReserveDisruptions(budget):
            return budget.metadata
        case _:
            return action.workload.metadata if isinstance(action, WorkloadAction) else action.pod.metadata
