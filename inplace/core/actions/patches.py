"""Action -> the request that carries it out: a JSON patch with its preconditions (docs/design/protocol.md, "Writes").

Every patch tests the object's uid and, on Pods, the record that was read; list entries are tested by name before they
are replaced by index. A failed test means that the object has changed: read again and plan again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, assert_never

from msgspec import Struct, structs

from inplace.core.actions import resize_ops
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
from inplace.core.objects import names
from inplace.core.objects.model import Container, ContainerStatus, Pod, Tree
from inplace.core.objects.workloads import Workload
from inplace.core.state import conditions, records, statuses
from inplace.core.state.records import Record
from inplace.core.state.statuses import Phase
from inplace.core.template.change import PodChange

Op = dict[str, Any]
#: The only kind that we write besides Pods and workloads.
PDB: Final = "PodDisruptionBudget"


class Creation(Struct, frozen=True):
    """One object to be created, of a workload kind; a Pod if `kind` is empty."""

    kind: str
    namespace: str
    name: str
    body: Tree


class Removal(Struct, frozen=True):
    """One object to be deleted, `kind` as in Creation; only if it has this uid."""

    kind: str
    namespace: str
    name: str
    uid: str


class Patch(Struct, frozen=True):
    """One JSON patch: on a Pod if `kind` is empty, else on an object of that kind."""

    kind: str
    namespace: str
    name: str
    subresource: str
    ops: tuple[Op, ...]


Request = Patch | Creation | Removal


def build(action: Action, now: datetime) -> Request:
    """The request for an action. `now` becomes the condition's lastTransitionTime."""
    match action:
        case CreatePullPod(workload, name, body=body):
            return Creation("", workload.metadata.namespace, name, body)
        case DeletePullPod(pod):
            return Removal("", pod.metadata.namespace, pod.name, pod.uid)
        case ReserveDisruptions():
            return _reserve(action)
        case BeginResize(pod, record):
            return _pod(pod, "", _state(pod, record))
        case ResizePod(pod, _, sizes):
            return _pod(pod, "resize", _same_record(pod), resize_ops.of(pod, sizes))
        case DryRunPatch(pod, sizes=sizes) if sizes:
            return _pod(pod, "resize", resize_ops.of(pod, sizes))
    return _of_workload(action, now) if isinstance(action, WorkloadAction) else _of_pod(action, now)


def _of_pod(action: UpgradeAction, now: datetime) -> Patch:
    match action:
        case OpenGate(pod) if pod.condition(names.GATE) is None:
            return _pod(pod, "status", _gate(pod, now, "NewPod", opened=True))
        case OpenGate(pod):
            return _pod(pod, "status", _gate(pod, now, "Restored", opened=True), _same_record(pod))
        case CloseGate(pod, record):
            return _pod(pod, "status", _gate(pod, now, "Draining", opened=False), _state(pod, record))
        case PatchImages(pod, record, change):
            return _pod(pod, "", _images(pod, record, change), _metadata(pod, record, change))
        case Complete(pod, record, change, marks) if pod.has_gate(names.GATE) and not pod.is_true(names.GATE):
            # pods/status takes metadata too, so the gate and the label move in one write
            # (docs/design/kubernetes.md §1.6).
            gate = _gate(pod, now, "Upgraded", opened=True)
            return _pod(pod, "status", gate, _metadata(pod, record, change, marks))
        case Complete(pod, record, change, marks):
            return _pod(pod, "", _metadata(pod, record, change, marks))
        case RecordFailure(pod, record):
            gate = _gate(pod, now, "UpgradeFailed", opened=True) if pod.has_gate(names.GATE) else []
            return _pod(pod, "status" if gate else "", gate, _state(pod, record))
        case DryRunPatch(pod, images):
            return dry_run(pod, images)
        case Abort(pod, kept, marks):
            gate = _gate(pod, now, "Restored", opened=True) if pod.has_gate(names.GATE) else []
            labels = _map("labels", pod.metadata.labels, marks) if marks else []
            return _pod(pod, "status" if gate else "", gate, [*labels, *_state(pod, kept)])
        case _:
            assert_never(action)


def _of_workload(action: WorkloadAction, now: datetime) -> Request:
    match action:
        case PatchWorkload():
            return _workload(action.workload, _patch_workload(action))
        case LabelPhase(workload, phase):
            return _workload(workload, _map("labels", workload.metadata.labels, {names.PHASE: str(phase)}))
        case PatchWorkloadStatus(workload, status):
            same = _test("/metadata/resourceVersion", workload.metadata.resource_version)
            return _status(workload, [same, *(_add(f"/status/{key}", value) for key, value in status.items())])
        case PatchReplicaSet():
            return _patch_replica_set(action)
        case CreateReplicaSet(workload, kind, body):
            return Creation(kind, workload.metadata.namespace, body["metadata"]["name"], body)
        case DeleteReplicaSet(_, child):
            meta = child.metadata
            return Removal(child.kind, meta.namespace, meta.name, meta.uid)
        case WriteStatus():
            return _write_status(action, now)
        case ClearStatus(workload):
            current = conditions.read(workload)
            ops = _conditions(current, conditions.without_ours(current or ()))
            return _status(workload, [*ops, *_map("annotations", workload.metadata.annotations, {}, [names.STATUS])])
        case ReleaseFields(workload, entries):
            return _workload(workload, _release(entries))
        case _:
            assert_never(action)


def dry_run(pod: Pod, images: Mapping[str, str]) -> Patch:
    """The image patch alone, for a dry run against admission: no record, no metadata."""
    return _pod(pod, "", [op for name, image in images.items() for op in _both(pod, name, image)])


def _reserve(action: ReserveDisruptions) -> Patch:
    """Only on the version that was read: an eviction that came first wins (eviction.go, checkAndDecrement)."""
    meta = action.budget.metadata
    entries = {name: _seconds(at) for name, at in action.entries.items()}
    ops = (
        _test("/metadata/uid", meta.uid),
        _test("/metadata/resourceVersion", meta.resource_version),
        _add("/status/disruptedPods", entries),
        _add("/status/disruptionsAllowed", action.allowed),
    )
    return Patch(PDB, meta.namespace, meta.name, "status", ops)


def _seconds(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


# --- Pods ------------------------------------------------------------------------------------------------------------


def _pod(pod: Pod, subresource: str, *parts: Iterable[Op]) -> Patch:
    uid = _test("/metadata/uid", pod.uid)
    ops = (uid, *(op for part in parts for op in part))
    return Patch("", pod.metadata.namespace, pod.name, subresource, ops)


def _gate(pod: Pod, now: datetime, reason: str, *, opened: bool) -> list[Op]:
    """Set our condition: replaced in place if it exists, else appended.

    A JSON patch cannot test that a condition is absent, so an append tests the resourceVersion: only one of two writers
    appends.
    """
    value = {
        "type": names.GATE,
        "status": "True" if opened else "False",
        "reason": reason,
        "lastTransitionTime": now.isoformat(timespec="seconds").replace("+00:00", "Z"),
    }
    for index, condition in enumerate(pod.status.conditions):
        if condition.type == names.GATE:
            path = f"/status/conditions/{index}"
            return [_test(f"{path}/type", names.GATE), {"op": "replace", "path": path, "value": value}]
    if pod.status.conditions:
        same = _test("/metadata/resourceVersion", pod.metadata.resource_version)
        return [same, {"op": "add", "path": "/status/conditions/-", "value": value}]
    return [_test("/status/conditions", None), {"op": "add", "path": "/status/conditions", "value": [value]}]


def _state(pod: Pod, record: Record | None) -> list[Op]:
    return _with_state(pod, record, {}, ())


def _metadata(
    pod: Pod, record: Record, change: PodChange | None, last: Mapping[str, str] = MappingProxyType({})
) -> list[Op]:
    """Template labels and annotations, the record and, last of all, the labels of the revision: labels never lie."""
    labels = {**change.labels.add, **{k: new for k, (_, new) in change.labels.change.items()}} if change else {}
    marks = (
        {**change.annotations.add, **{k: new for k, (_, new) in change.annotations.change.items()}} if change else {}
    )
    gone = change.labels.remove if change else ()
    labels.update(last)
    return [
        *_map("labels", pod.metadata.labels, labels, gone),
        *_with_state(pod, record, marks, change.annotations.remove if change else ()),
    ]


def _with_state(pod: Pod, record: Record | None, marks: Mapping[str, str], gone: Iterable[str]) -> list[Op]:
    """Annotations together with our record, which must still be the one that was read."""
    current = pod.metadata.annotations
    test = [] if current is None else _same_record(pod)
    if record is not None:
        return [*test, *_map("annotations", current, {**marks, names.STATE: records.encode(record)}, gone)]
    return [*test, *_map("annotations", current, marks, [*gone, names.STATE])]


def _same_record(pod: Pod) -> list[Op]:
    """That our record is still the one that was read, or that there is none."""
    if pod.metadata.annotations is None:
        return [_test("/metadata/annotations", None)]
    return [_test(_pointer("annotations", names.STATE), pod.metadata.annotation(names.STATE))]


def _images(pod: Pod, record: Record, change: PodChange) -> list[Op]:
    """The new images. Tests the generation, and for each container the name, image and ID that were read."""
    ops: list[Op] = []
    if change.images and pod.metadata.generation:
        ops.append(_test("/metadata/generation", pod.metadata.generation))
    for name, image in change.images.items():
        ops += _both(pod, name, image)
        baseline = record.containers.get(name)
        if baseline is not None:
            ops += _container_id(name, baseline.id, "containerStatuses", pod.status.container_statuses)
            ops += _container_id(name, baseline.id, "initContainerStatuses", pod.status.init_container_statuses)
    return ops


def _both(pod: Pod, name: str, image: str) -> list[Op]:
    regular = _image(name, image, "containers", pod.spec.containers)
    return regular or _image(name, image, "initContainers", pod.spec.init_containers)


def _image(name: str, image: str, family: str, containers: tuple[Container, ...]) -> list[Op]:
    for index, container in enumerate(containers):
        if container.name == name:
            path = f"/spec/{family}/{index}"
            return [
                _test(f"{path}/name", name),
                _test(f"{path}/image", container.image),
                {"op": "replace", "path": f"{path}/image", "value": image},
            ]
    return []


def _container_id(name: str, expected: str, family: str, statuses_: tuple[ContainerStatus, ...]) -> list[Op]:
    for index, status in enumerate(statuses_):
        if status.name == name and status.container_id:
            path = f"/status/{family}/{index}"
            return [_test(f"{path}/name", name), _test(f"{path}/containerID", expected)]
    return []


# --- workloads -------------------------------------------------------------------------------------------------------


def _workload(workload: Workload, ops: Iterable[Op]) -> Patch:
    meta = workload.metadata
    return Patch(workload.kind, meta.namespace, meta.name, "", (_test("/metadata/uid", meta.uid), *ops))


def _status(workload: Workload, ops: Iterable[Op]) -> Patch:
    """A write to the status. It may change annotations too, and then raises no generation
    (docs/design/kubernetes.md §1.6)."""
    return structs.replace(_workload(workload, ops), subresource="status")


def _write_status(action: WriteStatus, now: datetime) -> Patch:
    workload, status, meta = action.workload, action.status, action.workload.metadata
    labels = _map("labels", meta.labels, {names.PHASE: str(status.phase)}) if action.with_label else []
    own = {names.STATUS: statuses.encode(status)} if action.with_annotation else {}
    annotations = _map("annotations", meta.annotations, own)
    current = conditions.read(workload)
    with_conditions = action.with_conditions or status.phase is Phase.UP_TO_DATE
    ops = _conditions(current, conditions.due(workload, status, now)) if with_conditions else []
    return _status(workload, [*labels, *annotations, *ops])


def _conditions(current: list[Op] | None, desired: list[Op]) -> list[Op]:
    """Replace the whole list if it is still the one that was read: others write it too."""
    if desired == (current or []):
        return []
    return [_test("/status/conditions", current), _add("/status/conditions", desired)]


def _patch_replica_set(action: PatchReplicaSet) -> Patch:
    """The spec and annotations of the child; fails if its spec has changed since it was read."""
    meta = action.child.metadata
    ops = [_test("/metadata/generation", meta.generation)] if action.spec else []
    ops += [_add(f"/spec/{_escape(path)}", value) for path, value in action.spec.items()]
    return _workload(action.child, [*ops, *_map("annotations", meta.annotations, *_split(action.annotations))])


def _patch_workload(action: PatchWorkload) -> list[Op]:
    """Spec, labels and annotations; fails if the spec or the opt-in has changed since they were read."""
    meta = action.workload.metadata
    ops = [_test("/metadata/generation", meta.generation)] if action.spec else []
    if meta.labels is not None:
        ops.append(_test(_pointer("labels", names.MODE), meta.label(names.MODE)))
    ops += [_add(f"/spec/{_escape(path)}", value) for path, value in action.spec.items()]
    ops += _map("labels", meta.labels, *_split(action.labels))
    return ops + _map("annotations", meta.annotations, *_split(action.annotations))


def _release(entries: tuple[int, ...]) -> list[Op]:
    """The last first, so that the places of the others stay; a write that changes nothing else owns nothing."""
    paths = [f"/metadata/managedFields/{place}" for place in sorted(entries, reverse=True)]
    tests = [_test(f"{path}/manager", names.FIELD_MANAGER) for path in paths]
    return [*tests, *({"op": "remove", "path": path} for path in paths)]


def _split(values: Mapping[str, str | None]) -> tuple[dict[str, str], list[str]]:
    added = {key: value for key, value in values.items() if value is not None}
    return added, [key for key, value in values.items() if value is None]


# --- JSON patch ------------------------------------------------------------------------------------------------------


def _map(
    family: str, current: Mapping[str, str] | None, values: Mapping[str, str], gone: Iterable[str] = ()
) -> list[Op]:
    """Set and remove keys of labels or annotations; a missing map is tested to be absent and added as a whole."""
    if current is None:
        path = f"/metadata/{family}"
        return [_test(path, None), {"op": "add", "path": path, "value": dict(values)}] if values else []
    ops: list[Op] = [{"op": "add", "path": _pointer(family, key), "value": value} for key, value in values.items()]
    return ops + [{"op": "remove", "path": _pointer(family, key)} for key in gone if key in current]


def _add(path: str, value: object) -> Op:
    return {"op": "add", "path": path, "value": value}


def _test(path: str, value: object) -> Op:
    return {"op": "test", "path": path, "value": value}


def _pointer(family: str, key: str) -> str:
    return f"/metadata/{family}/{_escape(key)}"


def _escape(key: str) -> str:
    """RFC 6901."""
    return key.replace("~", "~0").replace("/", "~1")
