"""What our own account may and may not change, endpoint by endpoint, as changes that a test can make.

Each change says which refusal it earns; the empty one is allowed. Every message of the fence stands here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from inplace.core.objects import names
from inplace.core.rollout.disruption_budgets import RECOUNT_ENTRY
from kubesim.api import kinds
from kubesim.api.kinds import Kind
from tests.unit.manifests.admission import Change, Tree, owned_by, pod, workload

IMAGES = (
    "inplace may change nothing but images in the spec of a Pod, and cpu and memory by a resize, and these only below "
    "a workload"
)
POD_METADATA = (
    "inplace may change nothing but labels and annotations in the metadata of a Pod, not its owners or finalizers"
)
POD_LABELS = "inplace may change no labels of a Pod but those of its template, nor what tells Pods apart"
POD_ANNOTATIONS = "inplace may change no annotations of a Pod but its record and those of its template"
POD_STATUS = "inplace may change nothing but its own condition in the status of a Pod"
POD_CONDITIONS = "inplace may change no condition of a Pod but InPlaceUpdateReady"
SPEC = "inplace may change nothing but the freeze in the spec of a workload"
TEMPLATE = (
    "inplace may not change the template of a workload, and below a Deployment only images, sizes and metadata in it"
)
NOT_OPTED_IN = "inplace may not begin with a workload that nobody has opted in"
METADATA = (
    "inplace may change nothing but labels and annotations in the metadata of a workload, not its owners or finalizers"
)
LABELS = "inplace may change no labels of a workload but its own"
ANNOTATIONS = "inplace may change no annotations of a workload but its own"
STATUS = "inplace may change nothing but its own conditions and currentRevision in the status of a workload"
CONDITIONS = "inplace may change no conditions of a workload but Reconciling and Stalled"
BUDGET = (
    "inplace may change nothing of a PodDisruptionBudget but what it takes from it, not its labels, owners or "
    "finalizers"
)
TAKES = "inplace may only take from a PodDisruptionBudget, one disruption for each Pod"
REPLICA_SETS = "inplace may create and delete only ReplicaSets without Pods that belong to a Deployment"
LIKE_A_DEPLOYMENT = "inplace may create only ReplicaSets as a Deployment has them"
HELPERS = "inplace may create and delete only its own pull Pods"
SERVES = "inplace may create only pull Pods that belong to the Pod that they serve"
REACHES_HOST = "inplace may create only pull Pods that do not reach the host"
RUNS_NOTHING = "inplace may create only pull Pods that pull an image and run nothing"
READS_NO_SECRET = "inplace may create only pull Pods that read nothing but ConfigMaps and their own fields"
CONFINED = "inplace may create only pull Pods that are confined as others are"
CRITICAL = "inplace may create only pull Pods that put no other Pod out of its place"
EVENTS = "inplace may write no Events but its own"
SAYS_AGAIN = "inplace may only say again what an Event of its own says, and give it no owners or finalizers"


class Fence(Struct, frozen=True):
    """One endpoint: its policy, an object that is there, and what each change of it is answered."""

    policy: str
    kind: Kind
    old: Callable[[], Tree]
    changes: dict[str, tuple[Change, str]]
    subresource: str = ""


def put(*path: str | int, value: Any) -> Change:
    """Set what is at a path."""

    def change(tree: Any) -> None:
        for step in path[:-1]:
            tree = tree.setdefault(step, {}) if isinstance(tree, dict) else tree[step]
        tree[path[-1]] = value

    return change


def drop(*path: str) -> Change:
    """Remove what is at a path."""

    def change(tree: Any) -> None:
        for step in path[:-1]:
            tree = tree[step]
        tree.pop(path[-1], None)

    return change


def condition(type_: str) -> Change:
    """Set a condition, which may be there."""

    def change(tree: Any) -> None:
        found = tree["status"].setdefault("conditions", [])
        tree["status"]["conditions"] = [one for one in found if one["type"] != type_]
        tree["status"]["conditions"].append({"type": type_, "status": "False", "reason": "Changed"})

    return change


# --- Pods -------------------------------------------------------------------------------------------------------------


def _pod() -> Tree:
    labels = {"app": "web", "pod-template-hash": "1"}
    return pod(owner=owned_by("StatefulSet"), finalizers=["example.com/kept"], labels=labels)


#: What nothing may change in the metadata of anything.
HELD = {
    "owners": put("metadata", "ownerReferences", value=[owned_by("Job", uid="another")]),
    "no owners": drop("metadata", "ownerReferences"),
    "finalizers": put("metadata", "finalizers", value=["example.com/never"]),
    "generateName": put("metadata", "generateName", value="x-"),
}
_POD_METADATA: dict[str, tuple[Change, str]] = {
    "record": (put("metadata", "annotations", names.STATE, value="{}"), ""),
    "template's annotation": (put("metadata", "annotations", "example.com/x", value="y"), ""),
    "template's label": (put("metadata", "labels", "version", value="2"), ""),
    "revision": (put("metadata", "labels", names.REVISION_LABEL, value="web-2"), ""),
    "pull Pod": (put("metadata", "labels", names.HELPER, value=names.PRE_PULL), POD_LABELS),
    "ordinal": (put("metadata", "labels", "apps.kubernetes.io/pod-index", value="7"), POD_LABELS),
    "name": (put("metadata", "labels", "statefulset.kubernetes.io/pod-name", value="web-7"), POD_LABELS),
    "hash": (drop("metadata", "labels", "pod-template-hash"), POD_LABELS),
    "pulled image": (put("metadata", "annotations", names.PULLED, value="y"), POD_ANNOTATIONS),
    "finalizers gone": (drop("metadata", "finalizers"), POD_METADATA),
    **{what: (change, POD_METADATA) for what, change in HELD.items()},
}
POD = Fence(
    "inplace-fence-pods",
    kinds.PODS,
    _pod,
    {
        **_POD_METADATA,
        "image": (put("spec", "containers", 0, "image", value="app:v2"), ""),
        "command": (put("spec", "containers", 0, "command", value=["sh"]), IMAGES),
        "another container": (lambda tree: tree["spec"]["containers"].append({"name": "x", "image": "x"}), IMAGES),
        "resources": (put("spec", "containers", 0, "resources", value={"limits": {"cpu": "9"}}), IMAGES),
        "tolerations": (put("spec", "tolerations", value=[{"operator": "Exists"}]), IMAGES),
        "deadline": (put("spec", "activeDeadlineSeconds", value=9), IMAGES),
        "grace": (put("spec", "terminationGracePeriodSeconds", value=1), IMAGES),
        "scheduling": (put("spec", "schedulingGates", value=[{"name": "example.com/x"}]), IMAGES),
        "node selector": (put("spec", "nodeSelector", value={"a": "b"}), IMAGES),
        "affinity": (put("spec", "affinity", value={"nodeAffinity": {}}), IMAGES),
        "node": (put("spec", "nodeName", value="another"), IMAGES),
        "a field of a later Kubernetes": (put("spec", "somethingNew", value=1), IMAGES),
    },
)
POD_RESIZE = Fence(
    "inplace-fence-pods",
    kinds.PODS,
    _pod,
    {
        "size": (put("spec", "containers", 0, "resources", value={"limits": {"cpu": "9"}}), ""),
        "size of the Pod": (put("spec", "resources", "limits", "cpu", value="9"), ""),
        "request of the Pod": (put("spec", "resources", "requests", "memory", value="9Gi"), ""),
        "large pages of the Pod": (put("spec", "resources", "limits", "hugepages-2Mi", value="4Mi"), IMAGES),
        "a device of the Pod": (put("spec", "resources", "claims", value=[{"name": "gpu"}]), IMAGES),
        "image": (put("spec", "containers", 0, "image", value="app:v2"), IMAGES),
        "policy": (put("spec", "containers", 0, "resizePolicy", value=[]), IMAGES),
    },
    "resize",
)
POD_STATUS_FENCE = Fence(
    "inplace-fence-pods",
    kinds.PODS,
    _pod,
    {
        **_POD_METADATA,
        "gate": (condition(names.GATE), ""),
        "phase": (put("status", "phase", value="Failed"), POD_STATUS),
        "containers": (put("status", "containerStatuses", value=[]), POD_STATUS),
        "init containers": (put("status", "initContainerStatuses", value=[{"name": "x"}]), POD_STATUS),
        "address": (put("status", "podIP", value="10.0.0.9"), POD_STATUS),
        "addresses": (put("status", "podIPs", value=[{"ip": "10.0.0.1"}, {"ip": "fd00::66"}]), POD_STATUS),
        "host": (put("status", "hostIPs", value=[{"ip": "10.0.0.9"}]), POD_STATUS),
        "class": (put("status", "qosClass", value="Guaranteed"), POD_STATUS),
        "nominated": (put("status", "nominatedNodeName", value="n"), POD_STATUS),
        "a field of a later Kubernetes": (put("status", "somethingNew", value=1), POD_STATUS),
        "ready": (condition("Ready"), POD_CONDITIONS),
        "a condition of others": (condition("example.com/Fine"), POD_CONDITIONS),
    },
    "status",
)


# --- workloads --------------------------------------------------------------------------------------------------------


def _workload(kind: Kind) -> Callable[[], Tree]:
    def made() -> Tree:
        labels = {names.MODE: "InPlaceOnly", names.FROZEN: "true", "team": "a"}
        return workload(kind, labels=labels, annotations={names.STATUS: "{}", "example.com/kept": "1"})

    return made


def of_workload(kind: Kind) -> Fence:
    """The object of one kind."""
    changes: dict[str, tuple[Change, str]] = {
        "our label": (put("metadata", "labels", names.PHASE, value="UpToDate"), ""),
        "our label gone": (drop("metadata", "labels", names.FROZEN), ""),
        "opt-out": (drop("metadata", "labels", names.MODE), LABELS),
        "opt-in": (put("metadata", "labels", names.MODE, value="InPlaceIfPossible"), LABELS),
        "our annotation": (put("metadata", "annotations", names.SETTINGS, value="{}"), ""),
        "our annotation gone": (drop("metadata", "annotations", names.STATUS), ""),
        "a label": (put("metadata", "labels", "tier", value="web"), LABELS),
        "a label changed": (put("metadata", "labels", "team", value="b"), LABELS),
        "a label gone": (drop("metadata", "labels", "team"), LABELS),
        "an annotation": (put("metadata", "annotations", "example.com/x", value="y"), ANNOTATIONS),
        "an annotation changed": (put("metadata", "annotations", "example.com/kept", value="2"), ANNOTATIONS),
        "an annotation gone": (drop("metadata", "annotations", "example.com/kept"), ANNOTATIONS),
        "selector": (put("spec", "selector", "matchLabels", value={"app": "other"}), SPEC),
        "seconds": (put("spec", "minReadySeconds", value=5), SPEC),
        "replicas": (put("spec", "replicas", value=7), SPEC),
        "template": (put("spec", "template", "spec", "hostname", value="x"), TEMPLATE),
        "image": (put("spec", "template", "spec", "containers", 0, "image", value="app:v2"), TEMPLATE),
        "a field of a later Kubernetes": (put("spec", "somethingNew", value=1), SPEC),
        **{what: (change, METADATA) for what, change in HELD.items() if what != "no owners"},
    }
    if kind is not kinds.DEPLOYMENTS:
        changes["a setting"] = (put("metadata", "annotations", names.PREFIX + "drain", value="Never"), ANNOTATIONS)
    if kind is kinds.DEPLOYMENTS:
        changes |= {
            "freeze": (put("spec", "paused", value=True), ""),
            "strategy": (put("spec", "strategy", value={"type": "Recreate"}), SPEC),
            "history": (put("spec", "revisionHistoryLimit", value=0), SPEC),
            "deadline": (put("spec", "progressDeadlineSeconds", value=1), SPEC),
            "settings after an undo": (put("metadata", "annotations", names.PREFIX + "drain", value="Never"), ""),
        }
    elif kind is not kinds.REPLICASETS:
        changes["freeze"] = (put("spec", "updateStrategy", value={"type": "OnDelete"}), "")
    if kind is kinds.STATEFULSETS:
        policy = {"whenDeleted": "Delete", "whenScaled": "Delete"}
        changes["volumes"] = (put("spec", "persistentVolumeClaimRetentionPolicy", value=policy), SPEC)
        changes["ordinals"] = (put("spec", "ordinals", value={"start": 5}), SPEC)
    return Fence("inplace-fence-workloads", kind, _workload(kind), changes)


def of_status(kind: Kind) -> Fence:
    """The status of one kind."""

    def old() -> Tree:
        tree = _workload(kind)()
        tree["status"] |= {"replicas": 3, "observedGeneration": 1, "conditions": [{"type": "Available"}]}
        if kind is kinds.STATEFULSETS:
            tree["status"] |= {"currentRevision": "web-1", "updateRevision": "web-2"}
        return tree

    changes: dict[str, tuple[Change, str]] = {
        "reconciling": (condition("Reconciling"), ""),
        "stalled": (condition("Stalled"), ""),
        "revision": (put("status", "currentRevision", value="web-2"), "" if kind is kinds.STATEFULSETS else STATUS),
        "another revision": (put("status", "currentRevision", value="web-3"), STATUS),
        "a setting": (put("metadata", "annotations", names.PREFIX + "drain", value="Never"), ANNOTATIONS),
        "label": (put("metadata", "labels", "team", value="b"), LABELS),
        **{what: (change, METADATA) for what, change in HELD.items() if what != "no owners"},
        "our annotation": (put("metadata", "annotations", names.STATUS, value="{1}"), ""),
        "replicas": (put("status", "replicas", value=9), STATUS),
        "a field": (put("status", "collisionCount", value=1), STATUS),
        "a field gone": (drop("status", "observedGeneration"), STATUS),
        "a condition of others": (condition("Available"), CONDITIONS),
        "a new condition": (condition("Progressing"), CONDITIONS),
        "an annotation": (put("metadata", "annotations", "example.com/x", value="y"), ANNOTATIONS),
        "an annotation changed": (put("metadata", "annotations", "example.com/kept", value="2"), ANNOTATIONS),
        "an annotation gone": (drop("metadata", "annotations", "example.com/kept"), ANNOTATIONS),
    }
    return Fence("inplace-fence-workload-status", kind, old, changes, "status")


def _taken(*pods: str) -> Change:
    """As an eviction does it."""

    def change(tree: Any) -> None:
        status = tree["status"]
        new = [name for name in pods if name not in status.get("disruptedPods", {})]
        status.setdefault("disruptedPods", {}).update(dict.fromkeys(new, "2026-01-01T00:00:00Z"))
        status["disruptionsAllowed"] -= len(new)

    return change


def _budget() -> Tree:
    status: Tree = {
        "disruptionsAllowed": 4,
        "disruptedPods": {"old": "2026-01-01T00:00:00Z"},
        "currentHealthy": 3,
        "desiredHealthy": 1,
        "expectedPods": 3,
    }
    return {
        "metadata": {"name": "web", "namespace": "test", "labels": {"a": "b"}},
        "spec": {"minAvailable": 1},
        "status": {**status, "observedGeneration": 1, "conditions": [{"type": "DisruptionAllowed"}]},
    }


BUDGETS = Fence(
    "inplace-fence-budgets",
    kinds.PDBS,
    _budget,
    {
        "take": (_taken("web-0"), ""),
        "take two": (_taken("web-1", "web-2"), ""),
        "renew": (put("status", "disruptedPods", "old", value="2026-01-01T00:01:00Z"), ""),
        "release": (drop("status", "disruptedPods", "old"), ""),
        "ask for a recount": (put("status", "disruptedPods", RECOUNT_ENTRY, value="2026-01-01T00:00:00Z"), ""),
        "take without an entry": (put("status", "disruptionsAllowed", value=0), TAKES),
        "give": (put("status", "disruptionsAllowed", value=5), TAKES),
        "healthy": (put("status", "currentHealthy", value=4), BUDGET),
        "desired": (put("status", "desiredHealthy", value=0), BUDGET),
        "expected": (put("status", "expectedPods", value=2), BUDGET),
        "generation": (drop("status", "observedGeneration"), BUDGET),
        "conditions": (condition("DisruptionAllowed"), BUDGET),
        "labels": (put("metadata", "labels", "a", value="c"), BUDGET),
        "annotations": (put("metadata", "annotations", names.PREFIX + "x", value="y"), BUDGET),
        **{what: (change, BUDGET) for what, change in HELD.items() if what != "no owners"},
    },
    "status",
)
FENCES = (
    POD,
    POD_RESIZE,
    POD_STATUS_FENCE,
    *map(of_workload, kinds.TEMPLATED),
    *map(of_status, kinds.TEMPLATED),
    BUDGETS,
)
