"""Requests whose answers were recorded from a real API server, and that the embedded one must answer alike.

Steps run in order in one fresh namespace. `python -m tests.unit.kubesim.record` records them again;
it needs the cluster.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

NAMESPACE = "simref"
JSON_PATCH = "application/json-patch+json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
OTHER_UID = "11111111-1111-1111-1111-111111111111"

Tree = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """One request; `ignore` names paths of the answer that legitimately differ."""

    name: str
    method: str
    path: str
    body: Any = None
    type: str = "application/json"
    headers: Tree = field(default_factory=dict)
    ignore: tuple[str, ...] = ()


def pod(name: str, **spec: Any) -> Tree:
    """A Pod that no scheduler takes."""
    body: Tree = {
        "schedulerName": "nobody",
        "automountServiceAccountToken": False,
        "containers": [{"name": "app", "image": "repo/app:v1"}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": body | spec,
    }


def big_pod(name: str) -> Tree:
    """A Pod with most of what a template of ours may have."""
    return pod(
        name,
        containers=[
            {
                "name": "app",
                "image": "repo/app:v1",
                "env": [
                    {"name": "A", "value": "1"},
                    {"name": "N", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                ],
                "ports": [{"containerPort": 80}],
                "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                "readinessProbe": {"httpGet": {"port": 80}},
                "lifecycle": {"preStop": {"sleep": {"seconds": 1}}},
                "resources": {"limits": {"cpu": "1", "memory": "10Mi"}},
            },
            {"name": "side", "image": "repo/side"},
        ],
        initContainers=[
            {"name": "init", "image": "repo/init:v1"},
            {"name": "native", "image": "repo/native:v1", "restartPolicy": "Always"},
        ],
        volumes=[{"name": "data", "emptyDir": {}}, {"name": "conf", "configMap": {"name": "c"}}],
        readinessGates=[{"conditionType": "InPlaceUpdateReady"}],
        tolerations=[{"key": "a", "operator": "Exists"}],
        imagePullSecrets=[{"name": "pull"}],
    )


TEMPLATE: Tree = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {"schedulerName": "nobody", "containers": [{"name": "app", "image": "repo/app:v1"}]},
}


def workload(kind: str, name: str, **spec: Any) -> Tree:
    """A workload without Pods."""
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "labels": {"app": "web"}},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": copy.deepcopy(TEMPLATE)} | spec,
    }


def image(name: str, value: str, where: str = "containers") -> Tree:
    """A patch of one image."""
    return {"spec": {where: [{"name": name, "image": value}]}}


def condition(type_: str, status: str, **more: Any) -> Tree:
    """A patch of one condition."""
    return {"status": {"conditions": [{"type": type_, "status": status, **more}]}}


N = f"/api/v1/namespaces/{NAMESPACE}"
A = f"/apis/apps/v1/namespaces/{NAMESPACE}"
PODS = f"{N}/pods"
ONE = f"{PODS}/one"
BIG = f"{PODS}/big"


def patch(name: str, body: Any, type_: str = MERGE, path: str = ONE, **more: Any) -> Step:
    """A PATCH."""
    return Step(name, "PATCH", path, body, type_, **more)


def _create() -> list[Step]:
    twice = [{"name": "a", "image": "b"}, {"name": "a", "image": "b"}]
    nameless = {"apiVersion": "v1", "kind": "Pod", "metadata": {}, "spec": pod("x")["spec"]}
    labelled = {"metadata": {"name": "x", "labels": {"a": "-bad-"}}}
    return [
        Step("pod-not-found", "GET", f"{PODS}/none"),
        Step("pod-create", "POST", PODS, pod("one")),
        Step("pod-create-again", "POST", PODS, pod("one")),
        Step("pod-create-big", "POST", PODS, big_pod("big")),
        Step("pod-get", "GET", ONE),
        Step("pod-create-no-name", "POST", PODS, nameless),
        Step("pod-create-bad-name", "POST", PODS, pod("Bad_Name")),
        Step("pod-create-no-image", "POST", PODS, pod("x", containers=[{"name": "a"}])),
        Step("pod-create-no-containers", "POST", PODS, pod("x", containers=[])),
        Step("pod-create-other-ns", "POST", PODS, pod("x") | {"metadata": {"name": "x", "namespace": "default"}}),
        Step("pod-create-wrong-kind", "POST", PODS, pod("x") | {"kind": "Node"}),
        Step("pod-create-no-kind", "POST", PODS, {"metadata": {"name": "x"}}),
        Step("pod-create-bad-json", "POST", PODS, "{"),
        Step("pod-create-bad-label", "POST", PODS, pod("x") | labelled),
        Step("pod-create-duplicate-container", "POST", PODS, pod("x", containers=twice)),
        Step("pod-create-bad-policy", "POST", PODS, pod("x", restartPolicy="Sometimes")),
        Step("pod-create-namespace-missing", "POST", "/api/v1/namespaces/nowhere/pods", pod("x")),
        Step("pod-create-dry-run", "POST", f"{PODS}?dryRun=All", pod("dry")),
        Step("pod-create-dry-run-bad", "POST", f"{PODS}?dryRun=Some", pod("dry")),
        Step("pod-dry-run-left-nothing", "GET", f"{PODS}/dry"),
        Step("pod-strict-unknown-field", "POST", f"{PODS}?fieldValidation=Strict&dryRun=All", pod("x", nonsense=1)),
    ]


def _update() -> list[Step]:
    toleration = [{"op": "add", "path": "/spec/tolerations/-", "value": {"key": "z", "operator": "Exists"}}]
    annotations = [{"op": "add", "path": "/metadata/annotations", "value": {"x/y": "1"}}]
    env = {"spec": {"containers": [{"name": "app", "env": [{"name": "A", "value": "2"}]}]}}
    limits = {"spec": {"containers": [{"name": "app", "resources": {"limits": {"cpu": "2"}}}]}}
    cost = {"controller.kubernetes.io/pod-deletion-cost": "c"}
    uid = {"metadata": {"uid": OTHER_UID, "labels": {"c": "3"}}}
    return [
        patch("pod-image-strategic", image("app", "repo/app:v2"), STRATEGIC),
        patch("pod-image-same-again", image("app", "repo/app:v2"), STRATEGIC),
        patch("pod-label-merge", {"metadata": {"labels": {"b": "2", "app": None}}}),
        patch("pod-annotate-json", annotations, JSON_PATCH),
        patch("pod-init-image", image("native", "repo/native:v2", "initContainers"), STRATEGIC, BIG),
        patch("pod-add-toleration", toleration, JSON_PATCH),
        patch("pod-deadline", {"spec": {"activeDeadlineSeconds": 1000}}),
        patch("pod-deadline-more", {"spec": {"activeDeadlineSeconds": 2000}}),
        patch("pod-deadline-less", {"spec": {"activeDeadlineSeconds": 500}}),
        patch("pod-deadline-none", {"spec": {"activeDeadlineSeconds": None}}),
        patch("pod-image-merge-drops-fields", image("app", "repo/app:v2"), MERGE, BIG),
        patch("pod-add-container", image("new", "repo/app:v2"), STRATEGIC),
        patch("pod-image-empty", image("app", ""), STRATEGIC),
        patch("pod-image-blank", image("app", " a"), STRATEGIC),
        patch("pod-env-change", env, STRATEGIC),
        patch("pod-gate-change", {"spec": {"readinessGates": [{"conditionType": "x/y"}]}}, STRATEGIC, BIG),
        patch("pod-remove-toleration", {"spec": {"tolerations": []}}),
        patch("pod-resources-main", limits, STRATEGIC),
        patch("pod-grace-change", {"spec": {"terminationGracePeriodSeconds": 1}}),
        patch("pod-name-change", {"metadata": {"name": "other"}}),
        patch("pod-namespace-change", {"metadata": {"namespace": "other"}}),
        patch("pod-uid-merge", uid),
        patch("pod-uid-strategic", uid, STRATEGIC),
        patch("pod-version-merge", {"metadata": {"resourceVersion": "1", "labels": {"c": "3"}}}),
        patch("pod-version-bad", {"metadata": {"resourceVersion": "abc", "labels": {"c": "3"}}}),
        patch("pod-bad-annotation-key", {"metadata": {"annotations": {"a b": "c"}}}),
        patch("pod-mirror-annotation", {"metadata": {"annotations": {"kubernetes.io/config.mirror": "c"}}}),
        patch("pod-deletion-cost", {"metadata": {"annotations": cost}}),
        patch("pod-label-number", {"metadata": {"labels": {"c": 3}}}),
    ]


def _json_patch() -> list[Step]:
    def one(name: str, *operations: Tree) -> Step:
        return patch(name, list(operations), JSON_PATCH)

    labels = "/metadata/labels"
    return [
        one("json-test-fails", {"op": "test", "path": "/metadata/uid", "value": "nope"}),
        one(
            "json-test-missing-null",
            {"op": "test", "path": "/metadata/finalizers", "value": None},
            {"op": "add", "path": f"{labels}/n", "value": "1"},
        ),
        one("json-test-missing-parent", {"op": "test", "path": "/metadata/nothing/below", "value": None}),
        one("json-test-number", {"op": "test", "path": "/metadata/generation", "value": 5}),
        one("json-remove-missing", {"op": "remove", "path": f"{labels}/missing"}),
        one("json-replace-missing", {"op": "replace", "path": f"{labels}/missing", "value": "1"}),
        one("json-add-missing-parent", {"op": "add", "path": "/metadata/nothing/below", "value": "1"}),
        one("json-index-out", {"op": "add", "path": "/spec/containers/7", "value": {}}),
        one("json-replace-index-out", {"op": "replace", "path": "/spec/containers/7", "value": {}}),
        one("json-test-index-out", {"op": "test", "path": "/spec/containers/7", "value": None}),
        one("json-unknown-op", {"op": "frob", "path": f"{labels}/a"}),
        patch("json-not-a-list", {"op": "add"}, JSON_PATCH),
        one(
            "json-move-copy",
            {"op": "copy", "from": f"{labels}/b", "path": f"{labels}/bb"},
            {"op": "move", "from": f"{labels}/bb", "path": f"{labels}/bc"},
        ),
        one("json-escape", {"op": "add", "path": "/metadata/annotations/a.b~1c~0d", "value": "1"}),
        one(
            "json-test-then-invalid",
            {"op": "test", "path": "/metadata/name", "value": "one"},
            {"op": "replace", "path": "/spec/containers/0/name", "value": "z"},
        ),
        patch("patch-unknown-type", {}, "application/json"),
        patch("patch-bad-json", "{"),
        patch("patch-not-found", {}, MERGE, f"{PODS}/none"),
        patch("patch-empty", {}),
        patch("patch-dry-run", {"metadata": {"labels": {"dry": "1"}}}, MERGE, f"{ONE}?dryRun=All"),
        patch("patch-dry-run-refused", {"spec": {"hostNetwork": True}}, MERGE, f"{ONE}?dryRun=All"),
        Step("pod-get-after", "GET", ONE),
    ]


def _subresources() -> list[Step]:
    status = f"{ONE}/status"
    resize = f"{BIG}/resize"
    both = condition("InPlaceUpdateReady", "True", lastTransitionTime="2026-01-01T00:00:00Z")
    both |= {"metadata": {"annotations": {"s": "1"}, "labels": {"t": "1"}}}
    two = {"conditions": [{"type": "Ready", "status": "False"}, {"type": "InPlaceUpdateReady", "status": "False"}]}
    running = {"name": "app", "image": "repo/app:v2", "imageID": "x", "ready": True, "restartCount": 0}
    running |= {"containerID": "containerd://1", "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}

    def cpu(value: str, **more: Any) -> Tree:
        return {"spec": {"containers": [{"name": "app", "resources": {"requests": {"cpu": value}}, **more}]}}

    def binding(node: str) -> Tree:
        target = {"kind": "Node", "name": node}
        return {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "one"}, "target": target}

    image_too = cpu("400m", image="repo/app:v7") | {"metadata": {"labels": {"l": "1"}}}
    scheduled = ("status.conditions.2.lastTransitionTime",)
    return [
        patch("status-main-ignored", {"status": {"phase": "Running"}}),
        patch("status-condition", both, STRATEGIC, status),
        patch("status-condition-two", {"status": {"phase": "Running", **two}}, STRATEGIC, status),
        patch("status-spec-ignored", image("app", "repo/app:v9"), STRATEGIC, status),
        patch("status-bad-type", condition("a b", "True"), STRATEGIC, status),
        patch("status-qos", {"status": {"qosClass": "Guaranteed"}}, MERGE, status),
        patch("status-observed", {"status": {"observedGeneration": 3}}, MERGE, status),
        patch("status-observed-cleared", {"status": {"observedGeneration": None}}, MERGE, status),
        patch("status-uid", {"metadata": {"uid": OTHER_UID}, "status": {"phase": "Running"}}, STRATEGIC, status),
        patch("status-containers", {"status": {"containerStatuses": [running]}}, STRATEGIC, status),
        Step("status-get", "GET", status),
        patch("resize", cpu("500m"), STRATEGIC, resize),
        patch("resize-image-ignored", image_too, STRATEGIC, resize),
        patch("resize-qos", cpu("500m"), STRATEGIC, f"{ONE}/resize"),
        Step("binding", "POST", f"{ONE}/binding", binding("ghost")),
        Step("binding-again", "POST", f"{ONE}/binding", binding("ghost2")),
        Step("pod-bound", "GET", ONE, ignore=scheduled),
    ]


def _whole() -> list[Step]:
    """The resources of a Pod as a whole."""

    def sized(name: str, own: Tree, size: Tree) -> Tree:
        return pod(name, resources=own, containers=[{"name": "app", "image": "repo/app:v1", "resources": size}])

    def resize(name: str, own: Any, **container: Any) -> Step:
        more = {"containers": [{"name": "app", "resources": container}]} if container else {}
        return patch(name, {"spec": {"resources": own, **more}}, STRATEGIC if container else MERGE, f"{whole}/resize")

    whole, limits, small = f"{PODS}/whole", {"cpu": "1", "memory": "1Gi"}, {"cpu": "100m"}
    return [
        Step("whole-create", "POST", PODS, sized("whole", {"limits": limits}, {"requests": small})),
        Step("whole-create-small", "POST", PODS, sized("x", {"requests": {"cpu": "50m"}}, {"requests": small})),
        Step("whole-create-tight", "POST", PODS, sized("x", {"limits": {"cpu": "1"}}, {"limits": {"cpu": "2"}})),
        resize("whole-resize", {"requests": {"cpu": "200m"}, "limits": {"memory": "2Gi"}}),
        resize("whole-resize-both", {"requests": {"cpu": "300m"}}, requests={"cpu": "300m"}),
        resize("whole-resize-small", {"requests": {"cpu": "250m"}}),
        resize("whole-resize-above", {"requests": {"cpu": "1500m"}}),
        resize("whole-resize-amount-removed", {"limits": {"memory": None}}),
        resize("whole-resize-removed", None),
        patch("whole-resize-added", {"spec": {"resources": {"limits": limits}}}, MERGE, f"{BIG}/resize"),
        patch("whole-patch", {"spec": {"resources": {"limits": {"cpu": "2"}}}}, MERGE, whole),
    ]


def _put_and_delete() -> list[Step]:
    stale = {"metadata": {"name": "one", "resourceVersion": "1"}}
    held = {"metadata": {"name": "fin", "finalizers": ["a.b/c"]}}
    generated = pod("x") | {"metadata": {"generateName": "gen-"}}
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "big"}}
    when = ("status.conditions.2.lastTransitionTime",)
    return [
        Step("put-conflict", "PUT", ONE, pod("one") | stale),
        Step("put-name-mismatch", "PUT", ONE, pod("two")),
        Step("put-immutable", "PUT", ONE, pod("one")),
        Step("put-not-found", "PUT", f"{PODS}/none", pod("none")),
        Step("delete-uid", "DELETE", ONE, {"preconditions": {"uid": OTHER_UID}}),
        Step("delete-version", "DELETE", ONE, {"preconditions": {"resourceVersion": "1"}}),
        Step("delete-dry-run", "DELETE", f"{ONE}?dryRun=All", ignore=when),
        Step("delete-bound", "DELETE", ONE, ignore=when),
        Step("delete-bound-again", "DELETE", ONE, {"gracePeriodSeconds": 5}, ignore=when),
        patch("deleting-patch-finalizer", {"metadata": {"finalizers": ["a/b"]}}),
        patch("deleting-label", {"metadata": {"labels": {"q": "1"}}}, ignore=when),
        patch("deleting-image", image("app", "repo/app:v3"), STRATEGIC, ignore=when),
        Step("delete-now", "DELETE", ONE, {"gracePeriodSeconds": 0}, ignore=when),
        Step("delete-gone", "DELETE", ONE),
        Step("finalizer-create", "POST", PODS, pod("fin") | held),
        Step("finalizer-delete", "DELETE", f"{PODS}/fin"),
        Step("finalizer-still-there", "GET", f"{PODS}/fin"),
        patch("finalizer-remove", {"metadata": {"finalizers": None}}, MERGE, f"{PODS}/fin"),
        Step("finalizer-gone", "GET", f"{PODS}/fin"),
        Step("delete-not-found", "DELETE", f"{PODS}/none"),
        Step("generate-name", "POST", f"{PODS}?dryRun=All", generated, ignore=("metadata.name",)),
        Step("evict", "POST", f"{BIG}/eviction", eviction),
    ]


def _workloads() -> list[Step]:
    s, d = f"{A}/statefulsets", f"{A}/deployments"
    web = f"{s}/web"
    status = ("status",)
    noted = ("status", "metadata.annotations")

    def spec(name: str, body: Tree, type_: str = MERGE) -> Step:
        return patch(name, {"spec": body}, type_, web, ignore=status)

    rolling = {"type": "RollingUpdate", "rollingUpdate": {"partition": 2147483647}}
    negative = {"type": "RollingUpdate", "rollingUpdate": {"partition": -1}}
    retain = {"$retainKeys": ["type"], "type": "OnDelete"}
    scale = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "web", "namespace": NAMESPACE}}
    not_ours = {"metadata": {"labels": {"n": "1"}}, "spec": {"replicas": 7}}
    mismatch = workload("StatefulSet", "bad", selector={"matchLabels": {"app": "x"}})
    revision = {"apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": {"name": "r"}}
    r = f"{A}/controllerrevisions"
    return [
        Step("sts-create", "POST", s, workload("StatefulSet", "web", replicas=0, serviceName="web")),
        Step("sts-scale-get", "GET", f"{web}/scale", ignore=status),
        spec("sts-partition", {"updateStrategy": rolling}, STRATEGIC),
        spec("sts-ondelete", {"updateStrategy": {"type": "OnDelete"}}, STRATEGIC),
        spec("sts-ondelete-retain", {"updateStrategy": retain}, STRATEGIC),
        spec("sts-template", {"template": image("app", "repo/app:v2")}, STRATEGIC),
        patch("sts-annotate", {"metadata": {"annotations": {"a": "1"}}}, STRATEGIC, web, ignore=status),
        spec("sts-service-name", {"serviceName": "other"}),
        spec("sts-selector", {"selector": {"matchLabels": {"app": "other"}}}),
        spec("sts-pod-management", {"podManagementPolicy": "Parallel"}),
        Step("sts-selector-mismatch", "POST", s, mismatch),
        Step("sts-no-selector", "POST", s, workload("StatefulSet", "bad", selector=None)),
        spec("sts-bad-replicas", {"replicas": -1}),
        spec("sts-bad-partition", {"updateStrategy": negative}),
        spec("sts-restart-policy", {"template": {"spec": {"restartPolicy": "Never"}}}),
        patch("sts-status-main-ignored", {"status": {"currentRevision": "x"}}, MERGE, web, ignore=status),
        patch("sts-status-labels-ignored", not_ours, MERGE, f"{web}/status", ignore=status),
        Step("sts-scale-put", "PUT", f"{web}/scale", scale | {"spec": {"replicas": 0}}, ignore=status),
        Step("sts-delete", "DELETE", web),
        Step("deploy-create", "POST", d, workload("Deployment", "web", replicas=0, paused=True)),
        patch("deploy-annotate", {"metadata": {"annotations": {"a": "1"}}}, STRATEGIC, f"{d}/web", ignore=noted),
        patch("deploy-label", {"metadata": {"labels": {"l": "1"}}}, STRATEGIC, f"{d}/web", ignore=noted),
        patch("deploy-selector", {"spec": {"selector": {"matchLabels": {"app": "other"}}}}, MERGE, f"{d}/web"),
        Step("deploy-delete", "DELETE", f"{d}/web"),
        Step("ds-create", "POST", f"{A}/daemonsets?dryRun=All", workload("DaemonSet", "web")),
        Step("rs-create", "POST", f"{A}/replicasets?dryRun=All", workload("ReplicaSet", "web", replicas=0)),
        Step("revision-create", "POST", r, revision | {"data": {"a": 1}, "revision": 1}),
        patch("revision-data", {"data": {"a": 2}}, MERGE, f"{r}/r"),
        Step("revision-put", "PUT", f"{r}/r", revision | {"data": {"a": 1}, "revision": 2}),
        Step("revision-delete", "DELETE", f"{r}/r"),
    ]


def _config_maps() -> list[Step]:
    cm = f"{N}/configmaps"

    def body(name: str, label: str, value: str) -> Tree:
        return {"metadata": {"name": name, "labels": {"x": label}}, "data": {"k": value}}

    applied = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "applied"}, "data": {"a": "1"}}
    uid = {"metadata": {"name": "a", "uid": OTHER_UID}, "data": {"k": "w"}}
    item = ("metadata.continue", "items.0.metadata", "items.0.data", "metadata.remainingItemCount")
    return [
        Step("cm-create", "POST", cm, body("a", "1", "v")),
        Step("cm-create-b", "POST", cm, body("b", "2", "v")),
        Step("cm-put-unchanged", "PUT", f"{cm}/a", body("a", "1", "v")),
        Step("cm-put", "PUT", f"{cm}/a", body("a", "1", "w")),
        Step("cm-put-stale", "PUT", f"{cm}/a", {"metadata": {"name": "a", "resourceVersion": "1"}, "data": {"k": "w"}}),
        Step("cm-put-uid", "PUT", f"{cm}/a", uid),
        Step("cm-put-no-name", "PUT", f"{cm}/a", {"data": {"k": "w"}}),
        Step("cm-list-selector", "GET", f"{cm}?labelSelector=x%3D1"),
        Step("cm-list-in", "GET", f"{cm}?labelSelector=x+in+(1,2),x!%3D2"),
        Step("cm-list-exists", "GET", f"{cm}?labelSelector=!x", ignore=("items",)),
        Step("cm-list-bad-selector", "GET", f"{cm}?labelSelector=x%3D%3D%3D1"),
        Step("cm-list-field", "GET", f"{cm}?fieldSelector=metadata.name%3Db"),
        Step("cm-list-bad-field", "GET", f"{cm}?fieldSelector=data.k%3Db"),
        Step("cm-list-limit", "GET", f"{cm}?limit=1", ignore=item),
        Step("cm-list-bad-limit", "GET", f"{cm}?limit=x"),
        Step("cm-list-match-without-version", "GET", f"{cm}?resourceVersionMatch=Exact"),
        Step("cm-list-bad-match", "GET", f"{cm}?resourceVersion=1&resourceVersionMatch=Sometimes"),
        Step("cm-list-zero-exact", "GET", f"{cm}?resourceVersion=0&resourceVersionMatch=Exact"),
        Step("cm-list-bad-version", "GET", f"{cm}?resourceVersion=abc"),
        Step("cm-send-initial-without-match", "GET", f"{cm}?watch=1&sendInitialEvents=true"),
        patch("cm-apply", applied, APPLY, f"{cm}/applied?fieldManager=me&force=false"),
        patch("cm-apply-no-manager", applied, APPLY, f"{cm}/applied"),
        patch("cm-strategic", {"data": {"k": None, "l": "1"}}, STRATEGIC, f"{cm}/a"),
        Step("cm-delete", "DELETE", f"{cm}/a"),
        Step("cm-delete-collection", "DELETE", f"{cm}?labelSelector=x"),
        Step("cm-post-to-name", "POST", f"{cm}/a", {}),
        Step("cm-put-collection", "PUT", cm, {}),
        Step(
            "table-cm", "GET", f"{cm}/applied", headers={"Accept": TABLE}, ignore=("rows.0.cells", "columnDefinitions")
        ),
    ]


def _others() -> list[Step]:
    pdb = f"/apis/policy/v1/namespaces/{NAMESPACE}/poddisruptionbudgets"
    lease = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases"
    events = f"/apis/events.k8s.io/v1/namespaces/{NAMESPACE}/events"
    reviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    now, since = "2026-01-01T00:00:00.000000Z", "2026-01-01T00:00:00Z"
    event: Tree = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "e.1"},
        "eventTime": now,
        "type": "Normal",
        "reason": "Started",
        "action": "Start",
        "note": "hello",
        "reportingController": "inplace.dev/c",
        "reportingInstance": "i",
        "regarding": {
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "name": "web",
            "namespace": NAMESPACE,
            "uid": "u",
        },
    }
    unsigned = event | {"metadata": {"name": "e.2"}, "reportingController": ""}
    dated = event | {"metadata": {"name": "e.3"}, "deprecatedCount": 1, "deprecatedFirstTimestamp": since}
    about = event["regarding"]
    core: Tree = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "c.1"},
        "involvedObject": about,
        "type": "Warning",
        "reason": "Degraded",
        "message": "hello",
        "firstTimestamp": since,
        "lastTimestamp": since,
        "count": 1,
        "source": {"component": "inplace.dev/c"},
        "reportingComponent": "inplace.dev/c",
        "reportingInstance": "i",
    }
    long = core | {"metadata": {"name": "c.2"}, "message": "ü" * 600}
    named = {"metadata": {"name": "c.3"}, "eventTime": now, "action": "Start", "message": "ü" * 513}
    again = {"count": 2, "lastTimestamp": "2026-01-01T00:01:00Z", "message": "again"}
    away = core | {"metadata": {"name": "c.4"}, "involvedObject": about | {"namespace": "elsewhere"}}
    one = "involvedObject.name=web,reason=Degraded,type=Warning,source=inplace.dev/c"
    series = {"series": {"count": 2, "lastObservedTime": "2026-01-01T00:01:00.000000Z"}}
    held = {"holderIdentity": "me", "leaseDurationSeconds": 15, "acquireTime": now, "renewTime": now}
    review: Tree = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
    review |= {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}}
    selector = {"selector": {"matchLabels": {"app": "web"}}}
    disrupted = {"status": {"disruptedPods": {"a": "2026-01-01T00:00:00Z"}, "disruptionsAllowed": 1}}
    service = {"selector": {"app": "web"}, "clusterIP": "None", "ports": [{"port": 80}]}
    return [
        Step("pdb-create", "POST", pdb, {"metadata": {"name": "p"}, "spec": {"minAvailable": 1, **selector}}),
        patch("pdb-status", disrupted, MERGE, f"{pdb}/p/status", ignore=("status",)),
        Step("lease-create", "POST", lease, {"metadata": {"name": "l"}, "spec": held}),
        Step("event-create", "POST", events, event),
        Step("event-core", "GET", f"{N}/events/e.1"),
        Step("event-bad", "POST", events, unsigned),
        patch("event-change", {"note": "other"}, MERGE, f"{events}/e.1"),
        patch("event-series", series, MERGE, f"{events}/e.1"),
        Step("event-dated", "POST", events, dated),
        Step("event-core-create", "POST", f"{N}/events", core),
        Step("event-core-long", "POST", f"{N}/events", long),
        Step("event-core-named", "POST", f"{N}/events", core | named),
        Step("event-core-elsewhere", "POST", f"{N}/events", away),
        patch("event-core-again", again, MERGE, f"{N}/events/c.1"),
        Step("event-core-modern", "GET", f"{events}/c.1"),
        patch("event-core-modern-series", series, MERGE, f"{events}/c.1"),
        patch("event-core-modern-count", {"deprecatedCount": 3}, MERGE, f"{events}/c.1"),
        Step("event-core-list", "GET", f"{N}/events?fieldSelector={quote(one)}"),
        Step("event-core-delete", "DELETE", f"{N}/events/c.1"),
        Step("review", "POST", reviews, review, ignore=("status.reason", "metadata")),
        Step("ns-get", "GET", f"/api/v1/namespaces/{NAMESPACE}", ignore=("metadata",)),
        Step(
            "node-create", "POST", "/api/v1/nodes?dryRun=All", {"metadata": {"name": "n1"}}, ignore=("spec", "status")
        ),
        Step("node-not-found", "GET", "/api/v1/nodes/none"),
        Step("svc-create", "POST", f"{N}/services?dryRun=All", {"metadata": {"name": "s"}, "spec": service}),
        Step("sa-create", "POST", f"{N}/serviceaccounts?dryRun=All", {"metadata": {"name": "s"}}),
        Step("unknown-resource", "GET", f"{N}/frobs"),
        Step("unknown-group", "GET", "/apis/frob.io/v1"),
        Step("unknown-path", "GET", "/frob"),
        Step("unknown-subresource", "GET", f"{BIG}/frob"),
        Step("bad-method", "PATCH", PODS, {}, MERGE),
        Step("healthz", "GET", "/healthz"),
        Step("readyz", "GET", "/readyz"),
        Step("table-pods-empty", "GET", f"{PODS}?labelSelector=nothing", headers={"Accept": TABLE}),
        Step("api", "GET", "/api", ignore=("serverAddressByClientCIDRs",)),
    ]


STEPS = [
    *_create(),
    *_update(),
    *_json_patch(),
    *_subresources(),
    *_whole(),
    *_put_and_delete(),
    *_workloads(),
    *_config_maps(),
    *_others(),
]
