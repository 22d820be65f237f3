"""Builders of the objects that decisions are made from; every one is decoded from JSON, as the real ones are."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec

from inplace.core import kinds
from inplace.core.kinds import Template
from inplace.core.objects import names
from inplace.core.objects.model import Pod
from inplace.core.objects.nodes import Node
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.objects.workloads import Workload
from inplace.core.rollout.snapshot import FailedWrite, Snapshot
from inplace.core.state import records
from inplace.core.state.records import Baseline, PodPhase, Record

T = TypeVar("T")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
OLD, NEW = "web-old", "web-new"
DIGEST = {"v1": "sha256:" + "1" * 64, "v2": "sha256:" + "2" * 64}


def later(seconds: float) -> datetime:
    """NOW and some."""
    return NOW + timedelta(seconds=seconds)


def stamp(at: datetime) -> str:
    """RFC 3339, whole seconds."""
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def container(
    id_: str = "c://1",
    *,
    name: str = "app",
    image: str = "app:v1",
    image_id: str = "app@" + DIGEST["v1"],
    restarts: int = 0,
    running: bool = True,
    waiting: str = "",
    last: str = "",
    exit_reason: str = "Error",
    ended: datetime | None = None,
    started: datetime = NOW,
) -> dict[str, Any]:
    """A ContainerStatus."""
    state: dict[str, Any] = {"running": {"startedAt": stamp(started)}} if running else {"waiting": {"reason": waiting}}
    times = {"finishedAt": stamp(ended)} if ended is not None else {}
    exited = {"terminated": {"containerID": last, "exitCode": 1, "reason": exit_reason, **times}} if last else {}
    return {
        "name": name, "image": image, "imageID": image_id, "containerID": id_, "restartCount": restarts,
        "ready": running, "state": state, "lastState": exited,
    }  # fmt: skip


def pod(
    *statuses: dict[str, Any],
    name: str = "web-0",
    image: str = "app:v1",
    revision: str = OLD,
    gate: str | None = "True",
    ready: bool = True,
    conditions_ready: bool | None = None,
    ready_since: datetime | None = None,
    gate_since: datetime | None = None,
    scheduled_since: datetime | None = None,
    record: Record | str | None = None,
    generation: int = 1,
    observed: int = 1,
    deleted: bool = False,
    **metadata: Any,
) -> Pod:
    """A Pod of web; `gate` None: it has none. The other `_since`: the last transitions of these conditions.

    `conditions_ready`: ContainersReady; by itself what a kubelet says of a Pod that is Ready or not by its containers.
    """
    if conditions_ready is None:
        conditions_ready = ready or gate == "False"
    conditions = [_condition("Ready", str(ready), ready_since), _condition("ContainersReady", str(conditions_ready))]
    if gate is not None and gate != "absent":
        conditions.append(_condition(names.GATE, gate, gate_since))
    if scheduled_since is not None:
        conditions.append(_condition("PodScheduled", "True", scheduled_since))
    text = record if isinstance(record, str) else records.encode(record) if record is not None else None
    tree = {
        "metadata": {
            "name": name, "namespace": "default", "uid": f"uid-{name}", "resourceVersion": "1",
            "generation": generation,
            "labels": {"app": "web", names.REVISION_LABEL: revision},
            "annotations": {names.STATE: text} if text is not None else None,
            "deletionTimestamp": stamp(NOW) if deleted else None,
            "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": "web", "controller": True}
            ],
            **metadata,
        },
        "spec": {
            "nodeName": "node", "terminationGracePeriodSeconds": 30,
            "containers": [{"name": "app", "image": image, "readinessProbe": {}}],
            "readinessGates": [{"conditionType": names.GATE}] if gate is not None else [],
        },
        "status": {
            "phase": "Running", "conditions": conditions, "observedGeneration": observed,
            "containerStatuses": list(statuses) or [container()],
        },
    }  # fmt: skip
    return decode(tree, Pod)


def _condition(type_: str, status: str, since: datetime | None = None) -> dict[str, Any]:
    return {"type": type_, "status": status} | ({"lastTransitionTime": stamp(since)} if since is not None else {})


def node(version: str = "v1.36.3", *, ready: bool = True, images: tuple[tuple[str, ...], ...] = ()) -> Node:
    """The node of every Pod here."""
    status = {
        "conditions": [{"type": "Ready", "status": str(ready)}],
        "nodeInfo": {"kubeletVersion": version},
        "images": [{"names": list(one)} for one in images],
    }
    return decode({"metadata": {"name": "node"}, "status": status}, Node)


def swapping(phase: PodPhase = PodPhase.SWAPPING, *, attempt: int = 1, **baseline: Any) -> Record:
    """A record of a Pod on its way from v1 to v2, generation 2."""
    start = {"from_": "app:v1", "to": "app:v2", "id": "c://1", "image_id": "app@" + DIGEST["v1"]}
    return Record(
        v=1,
        workload="web",
        attempt=attempt,
        phase=phase,
        base=OLD,
        target=NEW,
        started_at=NOW,
        deadline=later(600),
        generation=2,
        containers={"app": Baseline(**{**start, **baseline})} if phase is not PodPhase.DRAINING else {},
    )


def workload(
    *,
    replicas: int = 3,
    mode: str | None = "InPlaceOnly",
    frozen: bool = True,
    strategy: dict[str, Any] | None = None,
    annotations: dict[str, str] | None = None,
    update: str = NEW,
    current: str = OLD,
    updated: int = 0,
    ready: int = 3,
    generation: int = 2,
    observed: int = 2,
    original: str | None = '{"type":"RollingUpdate"}',
) -> Workload:
    """A StatefulSet named web; annotations without their prefix."""
    held = {"type": "RollingUpdate", "rollingUpdate": {"partition": names.FROZEN_PARTITION}}
    labels = ({names.MODE: mode} if mode else {}) | ({names.FROZEN: "true"} if frozen else {})
    own = {names.PREFIX + key: value for key, value in (annotations or {}).items()}
    if frozen and original is not None:
        own[names.ORIGINAL_STRATEGY] = original
    tree = {
        "kind": "StatefulSet",
        "metadata": {
            "name": "web", "namespace": "default", "uid": "web", "generation": generation, "labels": labels,
            "annotations": own,
        },
        "spec": {
            "replicas": replicas,
            "updateStrategy": strategy or (held if frozen else {"type": "RollingUpdate"}),
        },
        "status": {
            "observedGeneration": observed, "updateRevision": update, "currentRevision": current,
            "updatedReplicas": updated, "readyReplicas": ready,
        },
    }  # fmt: skip
    return decode(tree, Workload)


def template(revision: str, image: str, **spec: Any) -> Template:
    """A revision's template."""
    containers = [{"name": "app", "image": image}]
    return Template(revision, {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": containers, **spec}})


def snapshot(*pods: Pod, **changes: Any) -> Snapshot:
    """Pods of web between OLD (app:v1) and NEW (app:v2)."""
    fields: dict[str, Any] = {
        "kind": kinds.BY_NAME["StatefulSet"],
        "workload": workload(replicas=len(pods)),
        "pods": pods,
        "revisions": {OLD: template(OLD, "app:v1"), NEW: template(NEW, "app:v2")},
        "nodes": {"node": node()},
    }
    return Snapshot(**{**fields, **changes})


def refused(uid: str, message: str = "no", *, sort: str = "patch_images") -> FailedWrite:
    """A write on a Pod in flight that admission has refused just now."""
    said, fatal = (Reason(code, "", message) for code in (ReasonCode.WriteRefused, ReasonCode.AdmissionRejected))
    return FailedWrite(uid, sort, said, NOW, later(30), later(60), fatal)


def decode(tree: Any, type_: type[T]) -> T:
    """As the client decodes it."""
    return msgspec.json.decode(json.dumps(tree, separators=(",", ":")), type=type_)
