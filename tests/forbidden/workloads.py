"""Writes of workloads, their templates and their status."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from inplace.core.objects import names
from inplace.kube import resource as resources
from inplace.kube.resource import Resource
from tests.forbidden.stage import GONE, IMAGE, NEVER
from tests.forbidden.write import Tree, Write, drop, pointer, put


def metadata(resource: Resource, name: str, subresource: str = "") -> Iterator[Write]:
    """What changes of the metadata of nothing."""
    more = {"subresource": subresource}
    owners: Tree = {"owners that are gone": [GONE], "a controller": [{**GONE, "controller": True}]}
    for what, value in owners.items() if (resource, subresource) != (resources.PODS, "status") else ():
        # the API server keeps a Pod's owners from being changed with its status, without a word
        yield put(what, resource, name, "/metadata/ownerReferences", value, **more)
    yield put("finalizers", resource, name, "/metadata/finalizers", NEVER, **more)


def _marks(resource: Resource, name: str, subresource: str = "") -> Iterator[Write]:
    """Labels and annotations of others, and what only people write of ours."""
    more, labels = {"subresource": subresource}, not subresource or resource is not resources.DEPLOYMENTS
    for what, key, value in (
        ("a label changed", "team", "b"),
        ("a new label", "argocd.argoproj.io/instance", "x"),
        ("another mode", names.MODE, "InPlaceIfPossible"),
    ):
        if labels:  # the API server keeps a Deployment's labels from being changed with its status, without a word
            yield put(what, resource, name, f"/metadata/labels/{pointer(key)}", value, **more)
    if labels:
        yield drop("a label gone", resource, name, "/metadata/labels/team", **more)
        yield drop("opting out", resource, name, f"/metadata/labels/{pointer(names.MODE)}", **more)
    kept = "/metadata/annotations/example.com~1kept"
    yield put("an annotation changed", resource, name, kept, "2", **more)
    yield drop("an annotation gone", resource, name, kept, **more)
    yield put("a new annotation", resource, name, "/metadata/annotations/example.com~1new", "2", **more)
    if subresource or resource is not resources.DEPLOYMENTS:
        setting = f"/metadata/annotations/{pointer(names.PREFIX)}max-unavailable"
        yield put("a setting", resource, name, setting, "1", **more)


_SPECS: Final[dict[Resource, Tree]] = {
    resources.STATEFULSETS: {
        "replicas": 0,
        "minReadySeconds": 9,
        "revisionHistoryLimit": 0,
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Delete"},
        "ordinals": {"start": 5},
    },
    resources.DAEMONSETS: {"minReadySeconds": 9, "revisionHistoryLimit": 0},
    resources.DEPLOYMENTS: {
        "replicas": 0,
        "minReadySeconds": 9,
        "revisionHistoryLimit": 0,
        "progressDeadlineSeconds": 99,
        "strategy": {"type": "Recreate"},
    },
    resources.REPLICASETS: {"replicas": 0, "minReadySeconds": 9},
}


def of_workload(resource: Resource, name: str) -> Iterator[Write]:
    """One that is opted in."""
    yield from metadata(resource, name)
    yield from _marks(resource, name)
    for field, value in _SPECS[resource].items():
        yield put(field, resource, name, f"/spec/{field}", value)
    yield from of_template(resource, name, below=False)


_SIDES: Final = ("requests", "limits")


def of_template(resource: Resource, name: str, *, below: bool) -> Iterator[Write]:
    """Stored: a dry run with another template is how the controller tries the policies. `below` a Deployment images and
    sizes may change, and nothing else.
    """
    spec, app = "/spec/template/spec", "/spec/template/spec/containers/0"
    changes: dict[str, tuple[str, object]] = {
        "host's processes": (f"{spec}/hostPID", True),
        "host's network": (f"{spec}/hostNetwork", True),
        "host's files": (f"{spec}/volumes", [{"name": "x", "hostPath": {"path": "/"}}]),
        "privileged": (f"{app}/securityContext", {"privileged": True}),
        "command": (f"{app}/command", ["sh"]),
        "environment": (f"{app}/env", [{"name": "A", "value": "b"}]),
        "service account": (f"{spec}/serviceAccountName", "admin"),
        "node": (f"{spec}/nodeName", "control-plane"),
        "tolerations": (f"{spec}/tolerations", [{"operator": "Exists"}]),
        "priority": (f"{spec}/priorityClassName", "system-node-critical"),
        "large pages": (f"{spec}/resources", {side: {"memory": "1Gi", "hugepages-2Mi": "2Mi"} for side in _SIDES}),
        "another container": (f"{spec}/containers/-", {"name": "x", "image": IMAGE}),
        "an init container": (f"{spec}/initContainers", [{"name": "x", "image": IMAGE}]),
    }
    if not below:
        changes |= {
            "image": (f"{app}/image", "evil.example.com/app:v1"),
            "size of its Pods": (f"{spec}/resources", {"limits": {"cpu": "9"}}),
            "template's annotation": ("/spec/template/metadata/annotations/example.com~1x", "2"),
            "template's label": ("/spec/template/metadata/labels/version", "2"),
        }
    for what, (path, value) in changes.items():
        yield put(f"template: {what}", resource, name, path, value, stored=True)


def of_nobodys(resource: Resource, name: str) -> Iterator[Write]:
    """A workload that nobody has opted in."""
    yield put("opting in", resource, name, f"/metadata/labels/{pointer(names.MODE)}", "InPlaceOnly")
    yield put("freezing", resource, name, f"/metadata/labels/{pointer(names.FROZEN)}", "true")
    yield put("our status", resource, name, f"/metadata/annotations/{pointer(names.STATUS)}", "{}")
    path = f"/metadata/annotations/{pointer(names.STATUS)}"
    yield put("our status", resource, name, path, "{}", subresource="status")
    if resource is resources.DEPLOYMENTS:
        yield put("a pause", resource, name, "/spec/paused", True)
    elif resource is not resources.REPLICASETS:
        yield put("a freeze", resource, name, "/spec/updateStrategy", {"type": "OnDelete"})


_COUNTS: Final = {
    resources.STATEFULSETS: ("replicas", "readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"),
    resources.DAEMONSETS: ("currentNumberScheduled", "desiredNumberScheduled", "numberReady", "numberMisscheduled"),
    resources.DEPLOYMENTS: ("replicas", "readyReplicas", "updatedReplicas", "availableReplicas"),
    resources.REPLICASETS: ("replicas", "readyReplicas", "fullyLabeledReplicas", "availableReplicas"),
}


def of_status(resource: Resource, name: str) -> Iterator[Write]:
    """The status of one that is opted in."""
    yield from metadata(resource, name, "status")
    yield from _marks(resource, name, "status")
    counts = tuple({"op": "add", "path": f"/status/{field}", "value": 7} for field in _COUNTS[resource])
    yield Write("status: counts", resource, name, "status", counts)
    yield put("status: generation", resource, name, "/status/observedGeneration", 99, subresource="status")
    lie = [{"type": "Available", "status": "False", "reason": "X", "message": "x"}]
    yield put("status: a condition", resource, name, "/status/conditions", lie, subresource="status")
    if resource is resources.STATEFULSETS:
        for field in ("currentRevision", "updateRevision"):
            yield put(f"status: {field}", resource, name, f"/status/{field}", "web-x", subresource="status")
