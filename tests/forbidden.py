"""Writes that the controller's account must not be able to make, over every resource and verb that its roles grant.

The objects that they are about stand in a namespace (`stage`); `writes` lists the writes. Which of them the policies of
manifests/policies refuse is for a server to say: `refused` sends one and returns the answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from msgspec import Struct

from inplace.core.objects import names
from inplace.kube import resource as resources
from inplace.kube.client import Client, PatchType
from inplace.kube.errors import ApiError
from inplace.kube.resource import Resource
from tests.scenarios.world import World

Tree = dict[str, Any]
NOBODY: Final = "00000000-0000-4000-8000-000000000000"
IMAGE: Final = "example.com/app:v1"
COMMAND: Final = "/inplace.dev/this-image-is-only-pulled"
_PULL: Final = "inplace-pull-0"
_NEVER: Final = ["example.com/never"]
_OWNER: Final = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "gone", "uid": NOBODY}


class Write(Struct, frozen=True):
    """One write: a JSON patch of what is there, else the object to be created (`ops` empty), else a deletion.

    `stored`: not a dry run, because of a dry run something is allowed that may not be stored.
    """

    what: str
    resource: Resource
    name: str
    subresource: str = ""
    ops: tuple[Tree, ...] = ()
    body: Tree | None = None
    stored: bool = False

    def __str__(self) -> str:
        verb = "patch" if self.ops else "create" if self.body is not None else "delete"
        below = f"/{self.subresource}" if self.subresource else ""
        return f"{verb} {self.resource.plural}{below} {self.name}: {self.what}"


async def refused(client: Client, namespace: str, write: Write) -> str:
    """Send it; what the server says against it, empty if it would do it."""
    dry_run = not write.stored
    try:
        if write.ops:
            await client.patch(
                write.resource,
                write.name,
                namespace,
                list(write.ops),
                patch_type=PatchType.JSON,
                subresource=write.subresource,
                dry_run=dry_run,
                type=dict,
            )
        elif write.body is not None:
            await client.create(write.resource, namespace, write.body, dry_run=dry_run, type=dict)
        else:
            await client.delete(write.resource, write.name, namespace, dry_run=dry_run)
    except ApiError as error:
        return str(error)
    return ""


def _set(what: str, resource: Resource, name: str, path: str, value: object, **more: Any) -> Write:
    return Write(what, resource, name, ops=({"op": "add", "path": path, "value": value},), **more)


def _drop(what: str, resource: Resource, name: str, path: str, **more: Any) -> Write:
    return Write(what, resource, name, ops=({"op": "remove", "path": path},), **more)


def _key(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


# --- the objects ------------------------------------------------------------------------------------------------------

#: With every map that a patch may add to.
_MARKS: Final = {
    "labels": {"app": "web", "team": "a", names.MODE: "InPlaceOnly"},
    "annotations": {"example.com/kept": "1"},
}
_KINDS: Final = {
    resources.STATEFULSETS: {"serviceName": "web"},
    resources.DAEMONSETS: {},
    resources.DEPLOYMENTS: {"strategy": {"type": "RollingUpdate"}},
    resources.REPLICASETS: {},
}


def _template(app: str) -> Tree:
    container = {"name": "app", "image": IMAGE, "command": ["app"]}
    spec = {"containers": [container], "nodeSelector": {"example.com/nowhere": "true"}}
    return {"metadata": {"labels": {"app": app}, "annotations": {"example.com/x": "1"}}, "spec": spec}


def workload(resource: Resource, name: str, **marks: Any) -> Tree:
    """One that no Pod of which runs anywhere."""
    spec = {"selector": {"matchLabels": {"app": name}}, "template": _template(name), **_KINDS[resource]}
    if resource is not resources.DAEMONSETS:
        spec["replicas"] = 1
    meta = {"name": name, **_MARKS, **marks}
    return {"apiVersion": "apps/v1", "kind": resource.kind, "metadata": meta, "spec": spec}


def pod(name: str, owner: Tree | None = None, **spec: Any) -> Tree:
    """A Pod that is not scheduled."""
    meta: Tree = {"name": name, "labels": {"app": "of-nobody", "team": "a"}, "annotations": {"example.com/kept": "1"}}
    if owner is not None:
        meta["ownerReferences"] = [owner]
        meta["labels"] |= {"pod-template-hash": "1", "apps.kubernetes.io/pod-index": "0"}
    body = {"containers": [{"name": "app", "image": IMAGE}], "nodeSelector": {"example.com/nowhere": "true"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {**body, **spec}}


def event(name: str, **fields: Any) -> Tree:
    """Of another component, unless the fields say otherwise."""
    about = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "namespace": "", "uid": NOBODY}
    said = {"reason": "Killing", "message": "x", "type": "Normal", "source": {"component": "kubelet"}}
    reporter = {"reportingComponent": "kubelet", "reportingInstance": "n"}
    return {"apiVersion": "v1", "kind": "Event", "metadata": {"name": name}, "involvedObject": about} | {
        **said,
        **reporter,
        **fields,
    }


OURS: Final = {"source": {"component": names.CONTROLLER_NAME}, "reportingComponent": names.CONTROLLER_NAME}


def stage(namespace: str) -> Iterator[tuple[Resource, Tree]]:
    """What has to stand in the namespace, in this order; the Pod `owned` gets its owner by `owned`."""
    for resource in _KINDS:
        yield resource, workload(resource, f"web-{resource.kind.lower()}")
        yield resource, workload(resource, f"plain-{resource.kind.lower()}", labels={"team": "a"})
    yield resources.PODS, pod("bare")
    yield resources.PODS, pod("gated", schedulingGates=[{"name": "example.com/wait"}])
    spec = {"minAvailable": 0, "selector": {"matchLabels": {"app": "none"}}}
    meta = {"name": "web", "labels": {"a": "b"}, "annotations": {"a": "b"}}
    budget = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": meta, "spec": spec}
    yield resources.PODDISRUPTIONBUDGETS, budget
    for name, fields in (("theirs", {}), ("ours", OURS)):
        made = event(name, **fields)
        made["involvedObject"]["namespace"] = namespace
        yield resources.EVENTS, made


def owned(owner: Tree) -> Tree:
    """A Pod below this StatefulSet, as it was read."""
    meta = owner["metadata"]
    reference = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": meta["name"], "uid": meta["uid"]}
    return pod("owned", {**reference, "controller": True})


# --- the writes -------------------------------------------------------------------------------------------------------


def writes(namespace: str, deployment: Tree, kept: str) -> tuple[Write, ...]:
    """All of them. `deployment`: as it was read; `kept`: the name of its ReplicaSet, which has a Pod."""
    return (
        *(write for resource in _KINDS for write in _of_workload(resource, f"web-{resource.kind.lower()}")),
        *(write for resource in _KINDS for write in _of_nobodys(resource, f"plain-{resource.kind.lower()}")),
        *(write for resource in _KINDS for write in _of_status(resource, f"web-{resource.kind.lower()}")),
        *_of_template(resources.REPLICASETS, kept, below=True),
        *_of_pods(),
        *_of_pull_pods(),
        *_of_replica_sets(deployment, kept),
        *_of_budget(),
        *_of_events(namespace),
    )


def _metadata(resource: Resource, name: str, subresource: str = "") -> Iterator[Write]:
    """What changes of the metadata of nothing."""
    more = {"subresource": subresource}
    owners = {"owners that are gone": [_OWNER], "a controller": [{**_OWNER, "controller": True}]}
    for what, value in owners.items() if (resource, subresource) != (resources.PODS, "status") else ():
        # the API server keeps a Pod's owners from being changed with its status, without a word
        yield _set(what, resource, name, "/metadata/ownerReferences", value, **more)
    yield _set("finalizers", resource, name, "/metadata/finalizers", _NEVER, **more)


def _marks(resource: Resource, name: str, subresource: str = "") -> Iterator[Write]:
    """Labels and annotations of others, and what only people write of ours."""
    more, labels = {"subresource": subresource}, not subresource or resource is not resources.DEPLOYMENTS
    for what, key, value in (
        ("a label changed", "team", "b"),
        ("a new label", "argocd.argoproj.io/instance", "x"),
        ("another mode", names.MODE, "InPlaceIfPossible"),
    ):
        if labels:  # the API server keeps a Deployment's labels from being changed with its status, without a word
            yield _set(what, resource, name, f"/metadata/labels/{_key(key)}", value, **more)
    if labels:
        yield _drop("a label gone", resource, name, "/metadata/labels/team", **more)
        yield _drop("opting out", resource, name, f"/metadata/labels/{_key(names.MODE)}", **more)
    kept = "/metadata/annotations/example.com~1kept"
    yield _set("an annotation changed", resource, name, kept, "2", **more)
    yield _drop("an annotation gone", resource, name, kept, **more)
    yield _set("a new annotation", resource, name, "/metadata/annotations/example.com~1new", "2", **more)
    if subresource or resource is not resources.DEPLOYMENTS:
        setting = f"/metadata/annotations/{_key(names.PREFIX)}max-unavailable"
        yield _set("a setting", resource, name, setting, "1", **more)


_SPECS: Final = {
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


def _of_workload(resource: Resource, name: str) -> Iterator[Write]:
    yield from _metadata(resource, name)
    yield from _marks(resource, name)
    for field, value in _SPECS[resource].items():
        yield _set(field, resource, name, f"/spec/{field}", value)
    yield from _of_template(resource, name, below=False)


def _of_template(resource: Resource, name: str, *, below: bool) -> Iterator[Write]:
    """Stored: a dry run with another template is how the controller tries the policies. `below` a Deployment images may
    change, and nothing else.
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
        "another container": (f"{spec}/containers/-", {"name": "x", "image": IMAGE}),
        "an init container": (f"{spec}/initContainers", [{"name": "x", "image": IMAGE}]),
    }
    if not below:
        changes |= {
            "image": (f"{app}/image", "evil.example.com/app:v1"),
            "template's annotation": ("/spec/template/metadata/annotations/example.com~1x", "2"),
            "template's label": ("/spec/template/metadata/labels/version", "2"),
        }
    for what, (path, value) in changes.items():
        yield _set(f"template: {what}", resource, name, path, value, stored=True)


def _of_nobodys(resource: Resource, name: str) -> Iterator[Write]:
    """A workload that nobody has opted in."""
    yield _set("opting in", resource, name, f"/metadata/labels/{_key(names.MODE)}", "InPlaceOnly")
    yield _set("freezing", resource, name, f"/metadata/labels/{_key(names.FROZEN)}", "true")
    yield _set("our status", resource, name, f"/metadata/annotations/{_key(names.STATUS)}", "{}")
    path = f"/metadata/annotations/{_key(names.STATUS)}"
    yield _set("our status", resource, name, path, "{}", subresource="status")
    if resource is resources.DEPLOYMENTS:
        yield _set("a pause", resource, name, "/spec/paused", True)
    elif resource is not resources.REPLICASETS:
        yield _set("a freeze", resource, name, "/spec/updateStrategy", {"type": "OnDelete"})


_COUNTS: Final = {
    resources.STATEFULSETS: ("replicas", "readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"),
    resources.DAEMONSETS: ("currentNumberScheduled", "desiredNumberScheduled", "numberReady", "numberMisscheduled"),
    resources.DEPLOYMENTS: ("replicas", "readyReplicas", "updatedReplicas", "availableReplicas"),
    resources.REPLICASETS: ("replicas", "readyReplicas", "fullyLabeledReplicas", "availableReplicas"),
}


def _of_status(resource: Resource, name: str) -> Iterator[Write]:
    yield from _metadata(resource, name, "status")
    yield from _marks(resource, name, "status")
    counts = tuple({"op": "add", "path": f"/status/{field}", "value": 7} for field in _COUNTS[resource])
    yield Write("status: counts", resource, name, "status", counts)
    yield _set("status: generation", resource, name, "/status/observedGeneration", 99, subresource="status")
    lie = [{"type": "Available", "status": "False", "reason": "X", "message": "x"}]
    yield _set("status: a condition", resource, name, "/status/conditions", lie, subresource="status")
    if resource is resources.STATEFULSETS:
        for field in ("currentRevision", "updateRevision"):
            yield _set(f"status: {field}", resource, name, f"/status/{field}", "web-x", subresource="status")


def _of_pods() -> Iterator[Write]:
    for name in ("owned", "bare", "gated"):
        for subresource in ("", "status"):
            yield from _metadata(resources.PODS, name, subresource)
            more = {"subresource": subresource}
            for key in (names.HELPER, names.MODE, "pod-template-hash", "apps.kubernetes.io/pod-index"):
                yield _set(f"label {key}", resources.PODS, name, f"/metadata/labels/{_key(key)}", "pre-pull", **more)
            mark = f"/metadata/annotations/{_key(names.PULLED)}"
            yield _set("the image of a pull Pod", resources.PODS, name, mark, IMAGE, **more)
            if name != "owned":
                yield _set("a label", resources.PODS, name, "/metadata/labels/team", "b", **more)
                yield _set(
                    "an annotation", resources.PODS, name, "/metadata/annotations/example.com~1kept", "2", **more
                )
        yield from _of_pod(name)
        yield Write("not ours", resources.PODS, name)
    for name in ("bare", "gated"):
        yield _set("image", resources.PODS, name, "/spec/containers/0/image", "example.com/app:v2")
    yield _drop("scheduling", resources.PODS, "gated", "/spec/schedulingGates/0")
    yield _set("where to", resources.PODS, "gated", "/spec/nodeSelector/example.com~1more", "x")
    terms = [{"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}]
    node = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}
    yield _set("affinity", resources.PODS, "gated", "/spec/affinity", node)


def _of_pod(name: str) -> Iterator[Write]:
    everywhere = {"key": "example.com/more", "operator": "Exists"}
    yield _set("tolerations", resources.PODS, name, "/spec/tolerations/-", everywhere)
    yield _set("deadline", resources.PODS, name, "/spec/activeDeadlineSeconds", 9)
    lie = {"type": "Ready", "status": "True"}
    status: Tree = {
        "phase": "Running",
        "podIP": "10.9.9.9",
        "podIPs": [{"ip": "10.9.9.9"}, {"ip": "fd00::66"}],
        "hostIP": "10.9.9.9",
        "message": "x",
        "reason": "x",
        "nominatedNodeName": "another",
        "startTime": "2026-01-01T00:00:00Z",
        "containerStatuses": [{"name": "app", "image": IMAGE, "imageID": "x", "ready": True, "restartCount": 0}],
        "conditions": [lie],
    }
    for field, value in status.items():
        yield _set(f"status: {field}", resources.PODS, name, f"/status/{field}", value, subresource="status")


def pull_pod() -> Tree:
    """One that may be created, but that nobody has asked for."""
    container = {"name": "pull", "image": IMAGE, "command": [COMMAND]}
    container["securityContext"] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    spec = {"restartPolicy": "Never", "automountServiceAccountToken": False, "activeDeadlineSeconds": 3600}
    meta = {
        "name": _PULL,
        "labels": {names.HELPER: names.PRE_PULL},
        "annotations": {names.PULLED: IMAGE},
        "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "owned", "uid": NOBODY}],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {**spec, "containers": [container]}}


def _of_pull_pods() -> Iterator[Write]:
    one = pull_pod()
    container, spec, meta = one["spec"]["containers"][0], one["spec"], one["metadata"]
    beside = {"name": "x", "image": IMAGE}
    pods: dict[str, Tree] = {
        "a Pod": pod("mine"),
        "another name": {**one, "metadata": {**meta, "name": "mine"}},
        "a generated name": {**one, "metadata": {**meta, "name": "", "generateName": "inplace-pull-"}},
    }
    for what, fields in {
        "no label": {"labels": {}},
        "nobody's": {"ownerReferences": []},
        "a workload's": {"ownerReferences": [{**_OWNER, "controller": True}]},
        "two Pods'": {"ownerReferences": [*meta["ownerReferences"], {**meta["ownerReferences"][0], "uid": "x"}]},
        "finalizers": {"finalizers": _NEVER},
        "no image": {"annotations": {}},
    }.items():
        pods[what] = {**one, "metadata": {**meta, **fields}}
    for what, fields in {
        "a command": {"command": ["sh"]},
        "no command": {"command": []},
        "arguments": {"args": ["x"]},
        "environment": {"env": [{"name": "A", "value": "b"}]},
        "secrets": {"envFrom": [{"secretRef": {"name": "x"}}]},
        "a hook": {"lifecycle": {"preStop": {"exec": {"command": ["sh"]}}}},
        "a port": {"ports": [{"containerPort": 1}]},
        "more rights": {"securityContext": {"allowPrivilegeEscalation": True}},
        "privileged": {"securityContext": {"privileged": True, "allowPrivilegeEscalation": True}},
        "standard input": {"stdin": True, "tty": True},
        "a directory": {"workingDir": "/etc"},
        "another container's name": {"name": "app"},
    }.items():
        pods[what] = {**one, "spec": {**spec, "containers": [{**container, **fields}]}}
    mount = {"volumeMounts": [{"name": "x", "mountPath": "/inplace.dev"}]}
    for what, fields in {
        "its command mounted": {
            "containers": [{**container, **mount}],
            "volumes": [{"name": "x", "configMap": {"name": "x"}}],
        },
        "host's processes": {"hostPID": True},
        "host's memory": {"hostIPC": True},
        "host's files": {"volumes": [{"name": "x", "hostPath": {"path": "/"}}]},
        "in the host's network": {"hostNetwork": True, "containers": [container, beside]},
        "token": {"automountServiceAccountToken": True},
        "restarts": {"restartPolicy": "Always"},
        "no deadline": {"activeDeadlineSeconds": 86400},
        "devices": {"resourceClaims": [{"name": "gpu", "resourceClaimName": "gpu"}]},
        "privileged beside it": {"containers": [container, {**beside, "securityContext": {"privileged": True}}]},
        "capable beside it": {
            "initContainers": [{**beside, "securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}]
        },
        "a host's port beside it": {
            "containers": [container, {**beside, "ports": [{"containerPort": 1, "hostPort": 1}]}]
        },
        "a critical priority": {"priorityClassName": "system-node-critical"},
    }.items():
        pods[what] = {**one, "spec": {**spec, **fields}}
    for what, body in pods.items():
        yield Write(f"pull Pod with {what}", resources.PODS, body["metadata"]["name"], body=body)


def _of_replica_sets(deployment: Tree, kept: str) -> Iterator[Write]:
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "controller": True}
    owner |= {key: deployment["metadata"][key] for key in ("name", "uid")}
    name, labels = f"{owner['name']}-12ab", {"app": owner["name"], "pod-template-hash": "12ab"}
    template = _template(owner["name"])
    template["metadata"]["labels"] = labels
    spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
    meta = {"name": name, "labels": labels, "ownerReferences": [owner]}
    one = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": meta, "spec": spec}
    sets: dict[str, Tree] = {
        "Pods": {**one, "spec": {**spec, "replicas": 1}},
        "Pods by default": {**one, "spec": {key: value for key, value in spec.items() if key != "replicas"}},
    }
    for what, fields in {
        "no owner": {"ownerReferences": []},
        "no controller": {"ownerReferences": [{**owner, "controller": False}]},
        "an owner of another kind": {"ownerReferences": [{**owner, "kind": "StatefulSet"}]},
        "an owner of another group": {"ownerReferences": [{**owner, "apiVersion": "example.com/v1"}]},
        "two owners": {"ownerReferences": [owner, {**_OWNER, "controller": False}]},
        "another's name": {"name": "another-12ab"},
        "another hash": {"name": f"{owner['name']}-34cd"},
        "finalizers": {"finalizers": _NEVER},
        "no hash": {"labels": {"app": owner["name"]}},
    }.items():
        sets[what] = {**one, "metadata": {**meta, **fields}}
    for what, body in sets.items():
        yield Write(f"ReplicaSet with {what}", resources.REPLICASETS, body["metadata"]["name"], body=body)
    for name in (kept, "web-replicaset", "plain-replicaset"):
        yield Write("with Pods, or nobody's", resources.REPLICASETS, name)


def _of_budget() -> Iterator[Write]:
    where: Any = (resources.PODDISRUPTIONBUDGETS, "web")
    below = {"subresource": "status"}
    yield from _metadata(*where, "status")
    for field, value in {
        "disruptionsAllowed": 9,
        "currentHealthy": 9,
        "desiredHealthy": 9,
        "expectedPods": 9,
        "observedGeneration": 99,
    }.items():
        yield _set(field, *where, f"/status/{field}", value, **below)
    lie = [{"type": "X", "status": "True", "reason": "X", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}]
    yield _set("conditions", *where, "/status/conditions", lie, **below)
    yield _set("a label", *where, "/metadata/labels/a", "c", **below)
    yield _set("an annotation", *where, "/metadata/annotations/a", "c", **below)


def _of_events(namespace: str) -> Iterator[Write]:
    def about(name: str, **fields: Any) -> Tree:
        made = event(name, **fields)
        made["involvedObject"]["namespace"] = namespace
        return made

    forged = {
        "the kubelet's": about("forged"),
        "half ours": about("forged", reportingComponent=names.CONTROLLER_NAME),
        "half theirs": about("forged", source=OURS["source"]),
    }
    for what, body in forged.items():
        yield Write(f"an Event, {what}", resources.EVENTS, "forged", body=body)
    held = about("forged", **OURS)
    held["metadata"]["finalizers"] = _NEVER
    yield Write("an Event with finalizers", resources.EVENTS, "forged", body=held)
    for what, path, value in (
        ("message", "/message", "all is well"),
        ("count", "/count", 99),
        ("reporter", "/reportingComponent", names.CONTROLLER_NAME),
        ("finalizers", "/metadata/finalizers", _NEVER),
    ):
        yield _set(f"their Event: {what}", resources.EVENTS, "theirs", path, value)
    for what, path, value in (
        ("reason", "/reason", "Killing2"),
        ("type", "/type", "Warning"),
        ("what about", "/involvedObject/name", "other"),
        ("finalizers", "/metadata/finalizers", _NEVER),
        ("owners", "/metadata/ownerReferences", [_OWNER]),
        ("reporter", "/reportingComponent", "kubelet"),
    ):
        yield _set(f"our Event: {what}", resources.EVENTS, "ours", path, value)


# --- in a world -------------------------------------------------------------------------------------------------------


async def stand(world: World) -> tuple[Write, ...]:
    """Let the objects stand in the namespace of a world; the writes that are about them."""
    for resource, body in stage(world.namespace):
        await world.client.create(resource, world.namespace, body, type=dict)
    kind = resources.STATEFULSETS
    above = await world.client.get(kind, "web-statefulset", world.namespace, type=dict)
    await world.client.create(resources.PODS, world.namespace, owned(above), type=dict)
    deployment = await world.client.get(resources.DEPLOYMENTS, "web-deployment", world.namespace, type=dict)

    async def made() -> list[str]:
        found = await world.client.list(resources.REPLICASETS, world.namespace, type=dict)
        owners = {one["metadata"]["name"]: one["metadata"].get("ownerReferences") for one in found.items}
        return [name for name, above in owners.items() if above and above[0]["name"] == "web-deployment"]

    await world.until(made, "the Deployment's ReplicaSet")
    (kept,) = await made()
    return writes(world.namespace, deployment, kept)
