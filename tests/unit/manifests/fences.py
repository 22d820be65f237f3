"""What our own account may and may not change, endpoint by endpoint, as changes that a test can make.

Each change says which refusal it earns; the empty one is allowed. Every message of the fence stands here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from inplace.core.objects import names
from kubesim.api import kinds
from kubesim.api.kinds import Kind
from tests.unit.manifests.admission import Change, Tree, owned_by, pod, workload

IMAGES = "inplace may change nothing but images in the spec of a Pod"
OWNERS = "inplace may not change the owners or finalizers of a Pod"
POD_STATUS = "inplace may change nothing but its own condition in the status of a Pod"
POD_CONDITIONS = "inplace may change no condition of a Pod but InPlaceUpdateReady"
SPEC = "inplace may change nothing but the freeze in the spec of a workload"
TEMPLATE = "inplace may not change the template of a workload"
LABELS = "inplace may change no labels of a workload but its own"
ANNOTATIONS = "inplace may change no annotations of a workload but its own"
STATUS = "inplace may change nothing but its own conditions and currentRevision in the status of a workload"
CONDITIONS = "inplace may change no conditions of a workload but Reconciling and Stalled"
BUDGET = "inplace may only take from a PodDisruptionBudget, and change nothing else of it"
REPLICA_SETS = "inplace may create and delete only ReplicaSets without Pods that belong to a Deployment"
HELPERS = "inplace may create and delete only its own pull Pods"
REACHES_HOST = "inplace may create only pull Pods that do not reach the host"
RUNS_NOTHING = "inplace may create only pull Pods that pull an image and run nothing"


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
    return pod(owner=owned_by("StatefulSet"), finalizers=["example.com/kept"], labels={"app": "web"})


POD = Fence(
    "inplace-fence-pods",
    kinds.PODS,
    _pod,
    {
        "image": (put("spec", "containers", 0, "image", value="app:v2"), ""),
        "our annotation": (put("metadata", "annotations", names.PREFIX + "x", value="y"), ""),
        "tolerations": (put("spec", "tolerations", value=[{"operator": "Exists"}]), IMAGES),
        "deadline": (put("spec", "activeDeadlineSeconds", value=9), IMAGES),
        "grace": (put("spec", "terminationGracePeriodSeconds", value=1), IMAGES),
        "scheduling": (put("spec", "schedulingGates", value=[{"name": "example.com/x"}]), IMAGES),
        "owners": (drop("metadata", "ownerReferences"), OWNERS),
        "another owner": (put("metadata", "ownerReferences", value=[owned_by("Job")]), OWNERS),
        "finalizers": (drop("metadata", "finalizers"), OWNERS),
    },
)
POD_STATUS_FENCE = Fence(
    "inplace-fence-pods",
    kinds.PODS,
    _pod,
    {
        "gate": (condition(names.GATE), ""),
        "phase": (put("status", "phase", value="Failed"), POD_STATUS),
        "containers": (put("status", "containerStatuses", value=[]), POD_STATUS),
        "init containers": (put("status", "initContainerStatuses", value=[{"name": "x"}]), POD_STATUS),
        "address": (put("status", "podIP", value="10.0.0.9"), POD_STATUS),
        "ready": (condition("Ready"), POD_CONDITIONS),
        "a condition of others": (condition("example.com/Fine"), POD_CONDITIONS),
        "finalizers": (drop("metadata", "finalizers"), OWNERS),
    },
    "status",
)


# --- workloads --------------------------------------------------------------------------------------------------------


def _workload(kind: Kind) -> Callable[[], Tree]:
    def made() -> Tree:
        labels = {names.MODE: "InPlaceOnly", "team": "a"}
        return workload(kind, labels=labels, annotations={names.STATUS: "{}", "example.com/kept": "1"})

    return made


def of_workload(kind: Kind) -> Fence:
    """The object of one kind."""
    changes: dict[str, tuple[Change, str]] = {
        "our label": (put("metadata", "labels", names.FROZEN, value="true"), ""),
        "our label gone": (drop("metadata", "labels", names.MODE), ""),
        "our annotation": (put("metadata", "annotations", names.STATE, value="{}"), ""),
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
    }
    if kind is kinds.DEPLOYMENTS:
        changes |= {
            "freeze": (put("spec", "paused", value=True), ""),
            "strategy": (put("spec", "strategy", value={"type": "Recreate"}), SPEC),
        }
    elif kind is not kinds.REPLICASETS:
        changes["freeze"] = (put("spec", "updateStrategy", value={"type": "OnDelete"}), "")
    return Fence("inplace-fence-workloads", kind, _workload(kind), changes)


def of_status(kind: Kind) -> Fence:
    """The status of one kind."""

    def old() -> Tree:
        tree = _workload(kind)()
        tree["status"] |= {"replicas": 3, "observedGeneration": 1, "conditions": [{"type": "Available"}]}
        return tree

    changes: dict[str, tuple[Change, str]] = {
        "reconciling": (condition("Reconciling"), ""),
        "stalled": (condition("Stalled"), ""),
        "revision": (put("status", "currentRevision", value="web-2"), ""),
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


def _budget() -> Tree:
    status = {"disruptionsAllowed": 2, "currentHealthy": 3, "desiredHealthy": 1, "expectedPods": 3}
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
        "take": (put("status", "disruptionsAllowed", value=1), ""),
        "entry": (put("status", "disruptedPods", "web-0", value="2026-01-01T00:00:00Z"), ""),
        "give": (put("status", "disruptionsAllowed", value=3), BUDGET),
        "healthy": (put("status", "currentHealthy", value=4), BUDGET),
        "desired": (put("status", "desiredHealthy", value=0), BUDGET),
        "expected": (put("status", "expectedPods", value=2), BUDGET),
        "generation": (drop("status", "observedGeneration"), BUDGET),
        "conditions": (condition("DisruptionAllowed"), BUDGET),
        "labels": (put("metadata", "labels", "a", value="c"), BUDGET),
        "annotations": (put("metadata", "annotations", names.PREFIX + "x", value="y"), BUDGET),
    },
    "status",
)
FENCES = (
    POD,
    POD_STATUS_FENCE,
    *map(of_workload, kinds.TEMPLATED),
    *map(of_status, kinds.TEMPLATED),
    BUDGETS,
)
