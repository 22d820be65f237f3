"""Objects as `kubectl get` prints them: the server's tables (pkg/printers/internalversion/printers.go).

Wide columns have priority 1. Does not depend on HTTP.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final

from kubesim.api.kinds import Kind, Tree
from kubesim.api.storage import Stored

Cells = Callable[[Tree, datetime], list[Any]]
_Column = tuple[str, str, int]


def body(
    kind: Kind, items: Iterable[Stored], version: int, now: datetime, *, include: str, header: bool = True
) -> bytes:
    """A Table. `include` is None, Metadata (the default) or Object; `header` False leaves the columns out."""
    columns, cells = _TABLES.get(kind.resource.kind, (_PLAIN, _plain))
    rows = [{"cells": cells(item.tree, now), "object": _object(item.tree, include)} for item in items]
    table: Tree = {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": str(version)}}
    table["columnDefinitions"] = [_definition(column) for column in columns] if header else None
    table["rows"] = rows
    return json.dumps(table).encode() + b"\n"


def _definition(column: _Column) -> Tree:
    name, type_, priority = column
    return {
        "name": name,
        "type": type_,
        "format": "name" if name == "Name" else "",
        "description": "",
        "priority": priority,
    }


def _object(tree: Tree, include: str) -> Any:
    if include == "None":
        return None
    if include == "Object":
        return tree
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": tree["metadata"]}


# --- cells ----------------------------------------------------------------------------------------------------------


def age(tree: Tree, now: datetime) -> str:
    """How old an object is (duration.HumanDuration)."""
    return human((now - datetime.fromisoformat(tree["metadata"]["creationTimestamp"])).total_seconds())


def human(seconds: float) -> str:
    """Seconds as kubectl says them."""
    whole = max(0, int(seconds))
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if whole < 120:
        return f"{whole}s"
    if minutes < 10:
        return _two(minutes, "m", whole % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    return f"{hours}h" if hours < 48 else _two(days, "d", hours % 24, "h") if days < 8 else f"{days}d"


def _two(big: int, big_unit: str, small: int, small_unit: str) -> str:
    return f"{big}{big_unit}" + (f"{small}{small_unit}" if small else "")


def _plain(tree: Tree, now: datetime) -> list[Any]:
    return [tree["metadata"]["name"], age(tree, now)]


def _pod(tree: Tree, now: datetime) -> list[Any]:
    status, spec = tree.get("status") or {}, tree["spec"]
    found = status.get("containerStatuses") or []
    ready = sum(bool(one.get("ready")) for one in found)
    restarts = sum(one.get("restartCount", 0) for one in found)
    ends = [end for one in found if (end := ((one.get("lastState") or {}).get("terminated") or {}).get("finishedAt"))]
    shown = str(restarts)
    if restarts and ends:
        ago = (now - datetime.fromisoformat(max(ends))).total_seconds()
        shown = f"{restarts} ({human(ago)} ago)"
    gates = [gate["conditionType"] for gate in spec.get("readinessGates") or ()]
    holding = {condition["type"] for condition in status.get("conditions") or () if condition.get("status") == "True"}
    passed = f"{sum(gate in holding for gate in gates)}/{len(gates)}" if gates else "<none>"
    wide = [status.get("podIP") or "<none>", spec.get("nodeName") or "<none>", "<none>", passed]
    return [
        tree["metadata"]["name"],
        f"{ready}/{len(spec['containers'])}",
        pod_phase(tree),
        shown,
        age(tree, now),
        *wide,
    ]


def pod_phase(tree: Tree) -> str:
    """The STATUS column (printPod)."""
    status = tree.get("status") or {}
    reason = status.get("reason") or status.get("phase", "")
    for one in reversed(status.get("containerStatuses") or []):
        state = one.get("state") or {}
        waiting, ended = state.get("waiting") or {}, state.get("terminated") or {}
        if waiting.get("reason"):
            reason = waiting["reason"]
        elif ended:
            reason = ended.get("reason") or f"ExitCode:{ended.get('exitCode', 0)}"
    return "Terminating" if "deletionTimestamp" in tree["metadata"] else str(reason)


def _images(tree: Tree) -> list[str]:
    containers = tree["spec"]["template"]["spec"]["containers"]
    return [
        ",".join(container["name"] for container in containers),
        ",".join(container.get("image", "") for container in containers),
    ]


def _selector(tree: Tree) -> str:
    found = (tree["spec"].get("selector") or {}).get("matchLabels") or {}
    return ",".join(f"{key}={value}" for key, value in sorted(found.items())) or "<none>"


def _stateful_set(tree: Tree, now: datetime) -> list[Any]:
    status = tree.get("status") or {}
    ready = f"{status.get('readyReplicas', 0)}/{tree['spec'].get('replicas', 1)}"
    return [tree["metadata"]["name"], ready, age(tree, now), *_images(tree)]


def _deployment(tree: Tree, now: datetime) -> list[Any]:
    status = tree.get("status") or {}
    ready = f"{status.get('readyReplicas', 0)}/{tree['spec'].get('replicas', 1)}"
    numbers = [status.get("updatedReplicas", 0), status.get("availableReplicas", 0)]
    return [tree["metadata"]["name"], ready, *numbers, age(tree, now), *_images(tree), _selector(tree)]


def _replica_set(tree: Tree, now: datetime) -> list[Any]:
    status = tree.get("status") or {}
    numbers = [tree["spec"].get("replicas", 1), status.get("replicas", 0), status.get("readyReplicas", 0)]
    return [tree["metadata"]["name"], *numbers, age(tree, now), *_images(tree), _selector(tree)]


def _daemon_set(tree: Tree, now: datetime) -> list[Any]:
    status = tree.get("status") or {}
    fields = (
        "desiredNumberScheduled",
        "currentNumberScheduled",
        "numberReady",
        "updatedNumberScheduled",
        "numberAvailable",
    )
    numbers = [status.get(field, 0) for field in fields]
    return [tree["metadata"]["name"], *numbers, "<none>", age(tree, now), *_images(tree), _selector(tree)]


def _node(tree: Tree, now: datetime) -> list[Any]:
    status = tree.get("status") or {}
    ready = next(
        (condition["status"] for condition in status.get("conditions") or () if condition["type"] == "Ready"), "Unknown"
    )
    shown = {"True": "Ready", "False": "NotReady"}.get(ready, "Unknown")
    if (tree.get("spec") or {}).get("unschedulable"):
        shown += ",SchedulingDisabled"
    version = (status.get("nodeInfo") or {}).get("kubeletVersion", "")
    return [tree["metadata"]["name"], shown, "<none>", age(tree, now), version]


def _event(tree: Tree, now: datetime) -> list[Any]:
    about = tree.get("regarding") or tree.get("involvedObject") or {}
    note = tree.get("note") or tree.get("message", "")
    last = tree.get("deprecatedLastTimestamp")
    return [
        age({"metadata": {"creationTimestamp": last}} if last else tree, now),
        tree.get("type", ""),
        tree.get("reason", ""),
        f"{about.get('kind', '').lower()}/{about.get('name')}",
        note,
    ]


def _service(tree: Tree, now: datetime) -> list[Any]:
    spec = tree["spec"]
    ports = ",".join(f"{port['port']}/{port.get('protocol', 'TCP')}" for port in spec.get("ports") or ()) or "<none>"
    cells = [tree["metadata"]["name"], spec.get("type", ""), spec.get("clusterIP") or "<none>", "<none>", ports]
    return [*cells, age(tree, now)]


def _revision(tree: Tree, now: datetime) -> list[Any]:
    owner: Tree = next(iter(tree["metadata"].get("ownerReferences") or ()), {})
    kind, group = owner.get("kind", "").lower(), owner.get("apiVersion", "").partition("/")[0]
    shown = f"{kind}.{group}/{owner['name']}" if owner else "<none>"
    return [tree["metadata"]["name"], shown, tree.get("revision", 0), age(tree, now)]


def _namespace(tree: Tree, now: datetime) -> list[Any]:
    return [tree["metadata"]["name"], (tree.get("status") or {}).get("phase", ""), age(tree, now)]


_NAME: Final[_Column] = ("Name", "string", 0)
_AGE: Final[_Column] = ("Age", "string", 0)
_PLAIN: Final = (_NAME, _AGE)
_WORK: Final[tuple[_Column, ...]] = (("Containers", "string", 1), ("Images", "string", 1))
_CHOICE: Final[_Column] = ("Selector", "string", 1)


def _texts(*names: str) -> tuple[_Column, ...]:
    return tuple((name, "string", 0) for name in names)


_TABLES: Final[dict[str, tuple[tuple[_Column, ...], Cells]]] = {
    "Pod": (
        (
            _NAME,
            *_texts("Ready", "Status", "Restarts", "Age"),
            ("IP", "string", 1),
            ("Node", "string", 1),
            ("Nominated Node", "string", 1),
            ("Readiness Gates", "string", 1),
        ),
        _pod,
    ),
    "StatefulSet": ((_NAME, *_texts("Ready", "Age"), *_WORK), _stateful_set),
    "Deployment": ((_NAME, *_texts("Ready", "Up-to-date", "Available", "Age"), *_WORK, _CHOICE), _deployment),
    "ReplicaSet": ((_NAME, *_texts("Desired", "Current", "Ready", "Age"), *_WORK, _CHOICE), _replica_set),
    "DaemonSet": (
        (
            _NAME,
            *_texts("Desired", "Current", "Ready", "Up-to-date", "Available", "Node Selector", "Age"),
            *_WORK,
            _CHOICE,
        ),
        _daemon_set,
    ),
    "Node": ((_NAME, *_texts("Status", "Roles", "Age", "Version")), _node),
    "Event": (_texts("Last Seen", "Type", "Reason", "Object", "Message"), _event),
    "Service": ((_NAME, *_texts("Type", "Cluster-IP", "External-IP", "Port(s)", "Age")), _service),
    "ControllerRevision": ((_NAME, *_texts("Controller", "Revision", "Age")), _revision),
    "Namespace": ((_NAME, *_texts("Status", "Age")), _namespace),
}
