"""What happens to an object between the request and the storage, kind by kind (pkg/registry/*/strategy.go).

Each endpoint may change its own part of an object only; the rest is put back. Generation counts changes of the spec.
Pure: trees in, trees and causes out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from kubesim.api import kinds
from kubesim.api.failure import Cause
from kubesim.api.kinds import Kind, Tree
from kubesim.api.rules import defaults, meta, pods, workloads

_APPS: Final = frozenset({"StatefulSet", "DaemonSet", "Deployment", "ReplicaSet"})
#: Kinds whose metadata.generation the server counts.
_COUNTED: Final = _APPS | {"Pod", "PodDisruptionBudget"}
_FIRST_STATUS: Final[dict[str, Callable[[Tree], Tree]]] = {
    "Pod": lambda spec: {"phase": "Pending", "qosClass": pods.quality(spec)},
    "StatefulSet": lambda _: {"replicas": 0, "availableReplicas": 0},
    "Deployment": lambda _: {},
    "ReplicaSet": lambda _: {"replicas": 0},
    "DaemonSet": lambda _: {
        "currentNumberScheduled": 0,
        "desiredNumberScheduled": 0,
        "numberMisscheduled": 0,
        "numberReady": 0,
    },
    "PodDisruptionBudget": lambda _: {
        "currentHealthy": 0,
        "desiredHealthy": 0,
        "disruptionsAllowed": 0,
        "expectedPods": 0,
    },
    "Service": lambda _: {"loadBalancer": {}},
    "Namespace": lambda _: {"phase": "Active"},
}
_TEMPLATE_GENERATION: Final = "deprecated.daemonset.template.generation"


# --- creation -------------------------------------------------------------------------------------------------------


def prepare_create(kind: Kind, tree: Tree) -> Tree:
    """A new object, complete but for uid, time and version."""
    name = kind.resource.kind
    tree = completed(kind, tree)
    if name == "Pod":
        tree["spec"] = defaults.admitted(tree["spec"])
    if name == "Namespace":
        tree["spec"] = {"finalizers": ["kubernetes"]}
    first = _FIRST_STATUS.get(name)
    if first is not None:
        tree["status"] = first(tree.get("spec") or {})
    if name in _COUNTED:
        tree["metadata"]["generation"] = 1
    if name == "DaemonSet":
        tree["metadata"]["annotations"] = {**(tree["metadata"].get("annotations") or {}), _TEMPLATE_GENERATION: "1"}
    return tree


def completed(kind: Kind, tree: Tree) -> Tree:
    """An object with the server's defaults and its own identity."""
    name = kind.resource.kind
    tree = defaults.without_nulls(tree)
    if kind.key == kinds.EVENTS.key:
        tree, kind = workloads.modern_event(tree), kinds.MODERN_EVENTS
    # The type comes first in what is stored, so that lists can leave it out of their items.
    tree = {"apiVersion": kind.resource.api_version, "kind": name} | {
        key: value for key, value in tree.items() if key not in {"apiVersion", "kind"}
    }
    tree["metadata"] = defaults.cleaned(tree.get("metadata") or {})
    if name == "Namespace":
        tree["metadata"] = _named_by_label(tree["metadata"])
    if name in _APPS or name in {"Pod", "Service"}:
        tree["spec"] = defaults.spec_of(name, dict(tree.get("spec") or {}))
    return tree


def _named_by_label(metadata: Tree) -> Tree:
    """A Namespace carries its name as a label, by which selectors choose it."""
    if not metadata.get("name"):
        return metadata
    return {**metadata, "labels": {**(metadata.get("labels") or {}), "kubernetes.io/metadata.name": metadata["name"]}}


def validate_create(kind: Kind, tree: Tree) -> Iterator[Cause]:
    """What is wrong with a new object."""
    yield from meta.validate(kind, tree["metadata"])
    yield from _validate(kind, tree)


def _validate(kind: Kind, tree: Tree) -> Iterator[Cause]:
    name = kind.resource.kind
    if name == "Pod":
        yield from pods.validate_spec(tree["spec"])
        yield from pods.validate_annotations(tree["metadata"])
    elif name in _APPS:
        yield from workloads.validate(name, tree)
    elif kind.key == kinds.EVENTS.key:
        yield from workloads.validate_event(tree, core=kind is kinds.EVENTS)


# --- changes --------------------------------------------------------------------------------------------------------


def prepare_update(kind: Kind, subresource: str, old: Tree, new: Tree) -> Tree:
    """The object with everything put back that this endpoint may not change, and its generation counted."""
    new = completed(kind, new)
    name = kind.resource.kind
    if subresource == "status":
        new = _with_status_only(name, old, new)
    elif subresource == "resize":
        new = pods.resized(old, new)
    elif "status" in kind.subresources:
        new = {key: value for key, value in new.items() if key != "status"}
        if "status" in old:
            new["status"] = old["status"]
    new["metadata"] = _server_owned(old["metadata"], new["metadata"])
    if name == "DaemonSet":
        new["metadata"] = _template_counted(old, new)
    if name in _COUNTED and _counts(name, subresource, old, new):
        new["metadata"] = {**new["metadata"], "generation": old["metadata"].get("generation", 0) + 1}
    return new


def _with_status_only(name: str, old: Tree, new: Tree) -> Tree:
    """Status endpoints; those of the early kinds take annotations as well, and labels too but for Deployments (1.6)."""
    if name == "Pod":
        return pods.prepared_status(old, new)
    found = {**new}
    if "spec" in old:
        found["spec"] = old["spec"]
    if name == "Deployment":
        metadata = {key: value for key, value in new["metadata"].items() if key != "labels"}
        labels = {"labels": old["metadata"]["labels"]} if "labels" in old["metadata"] else {}
        found["metadata"] = {**metadata, **labels}
        found = _with_times(found)
    return found


def _with_times(deployment: Tree) -> Tree:
    """A condition of a Deployment has two times; one that nobody has set is null in what is read."""
    status = deployment.get("status") or {}
    if "conditions" not in status:
        return deployment
    times: Tree = {"lastUpdateTime": None, "lastTransitionTime": None}
    return {**deployment, "status": {**status, "conditions": [times | one for one in status["conditions"]]}}


def _server_owned(old: Tree, new: Tree) -> Tree:
    fields = ("generation", "deletionTimestamp", "deletionGracePeriodSeconds")
    kept: Tree = {key: old[key] for key in fields if key in old}
    free = {key: value for key, value in new.items() if key not in kept and key != "generation"}
    return {**free, **kept}


def _template_counted(old: Tree, new: Tree) -> Tree:
    """A DaemonSet's changes of its template are counted in an annotation that only the server changes
    (docs/design/kubernetes.md §5)."""
    before = int((old["metadata"].get("annotations") or {}).get(_TEMPLATE_GENERATION, "0"))
    now = before + (old["spec"]["template"] != new["spec"]["template"])
    return {
        **new["metadata"],
        "annotations": {**(new["metadata"].get("annotations") or {}), _TEMPLATE_GENERATION: str(now)},
    }


def _counts(name: str, subresource: str, old: Tree, new: Tree) -> bool:
    if old.get("spec") != new.get("spec"):
        return True
    if subresource == "status":
        return False
    return name == "Deployment" and old["metadata"].get("annotations") != new["metadata"].get("annotations")


def validate_update(kind: Kind, subresource: str, old: Tree, new: Tree) -> Iterator[Cause]:
    """What is wrong with a change."""
    name = kind.resource.kind
    yield from meta.validate_update(old["metadata"], new["metadata"])
    yield from meta.labels("metadata.labels", new["metadata"].get("labels") or {})
    yield from meta.annotation_keys("metadata.annotations", new["metadata"].get("annotations") or {})
    if name == "Pod":
        yield from _validate_pod_update(subresource, old, new)
    elif name in _APPS and subresource != "status":
        yield from workloads.validate(name, new)
        yield from workloads.validate_update(name, old, new)
    elif name == "ControllerRevision":
        yield from workloads.validate_revision_update(old, new)
    elif kind.key == kinds.EVENTS.key:
        yield from workloads.validate_event_update(old, new, core=kind is kinds.EVENTS)


def _validate_pod_update(subresource: str, old: Tree, new: Tree) -> Iterator[Cause]:
    if subresource == "status":
        yield from pods.validate_status(old, new)
    elif subresource == "resize":
        yield from pods.validate_resize(old, new)
    else:
        yield from pods.validate_annotations(new["metadata"], old["metadata"])
        yield from pods.validate_update(old, new)
