"""The objects that the writes are about. No Pod of them runs: they are to be on no node that there is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from inplace.core.objects import names
from inplace.kube import resource as resources
from inplace.kube.resource import Resource
from tests.forbidden.write import Tree
from tests.scenarios.world import World

NOBODY: Final = "00000000-0000-4000-8000-000000000000"
IMAGE: Final = "example.com/app:v1"
#: Of the Pods: room for a resize to be one that only a policy refuses, since the QoS class stays the same.
SIZE: Final[Tree] = {"requests": {"cpu": "10m", "memory": "8Mi"}, "limits": {"cpu": "200m", "memory": "64Mi"}}
#: An owner that does not exist: the garbage collector deletes what names no other.
GONE: Final[Tree] = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "gone", "uid": NOBODY}
#: A finalizer that nobody removes.
NEVER: Final = ["example.com/never"]
#: With every map that a patch adds to.
_MARKS: Final[Tree] = {
    "labels": {"app": "web", "team": "a", names.MODE: "InPlaceOnly"},
    "annotations": {"example.com/kept": "1"},
}
#: By kind, what its spec has besides.
KINDS: Final[dict[Resource, Tree]] = {
    resources.STATEFULSETS: {"serviceName": "web"},
    resources.DAEMONSETS: {},
    resources.DEPLOYMENTS: {"strategy": {"type": "RollingUpdate"}},
    resources.REPLICASETS: {},
}


def template(app: str) -> Tree:
    """Of one container."""
    container = {"name": "app", "image": IMAGE, "command": ["app"]}
    spec = {"containers": [container], "nodeSelector": {"example.com/nowhere": "true"}}
    return {"metadata": {"labels": {"app": app}, "annotations": {"example.com/x": "1"}}, "spec": spec}


def workload(resource: Resource, name: str, **marks: Any) -> Tree:
    """One that no Pod of which runs anywhere."""
    spec: Tree = {"selector": {"matchLabels": {"app": name}}, "template": template(name), **KINDS[resource]}
    if resource is not resources.DAEMONSETS:
        spec["replicas"] = 1
    meta: Tree = {"name": name, **_MARKS, **marks}
    return {"apiVersion": "apps/v1", "kind": resource.kind, "metadata": meta, "spec": spec}


def pod(name: str, owner: Tree | None = None, **spec: Any) -> Tree:
    """A Pod that is not scheduled."""
    meta: Tree = {"name": name, "labels": {"app": "of-nobody", "team": "a"}, "annotations": {"example.com/kept": "1"}}
    if owner is not None:
        meta["ownerReferences"] = [owner]
        meta["labels"] |= {"pod-template-hash": "1", "apps.kubernetes.io/pod-index": "0"}
    container = {"name": "app", "image": IMAGE, "resources": SIZE}
    body = {"containers": [container], "nodeSelector": {"example.com/nowhere": "true"}}
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


#: Who writes an Event of ours.
OURS: Final[Tree] = {"source": {"component": names.CONTROLLER_NAME}, "reportingComponent": names.CONTROLLER_NAME}


def stage(namespace: str) -> Iterator[tuple[Resource, Tree]]:
    """What has to stand in the namespace, in this order; the Pod `owned` gets its owner by `owned`."""
    for resource in KINDS:
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


async def stand(world: World) -> tuple[Tree, str]:
    """Let the objects stand in the namespace of a world; the Deployment, and the name of its ReplicaSet."""
    for resource, body in stage(world.namespace):
        await world.client.create(resource, world.namespace, body, type=dict)
    kind = resources.STATEFULSETS
    above = await world.client.get(kind, "web-statefulset", world.namespace, type=dict)
    await world.client.create(resources.PODS, world.namespace, owned(above), type=dict)
    deployment = await world.client.get(resources.DEPLOYMENTS, "web-deployment", world.namespace, type=dict)

    async def replica_sets() -> list[str]:
        found = await world.client.list(resources.REPLICASETS, world.namespace, type=dict)
        owners = {one["metadata"]["name"]: one["metadata"].get("ownerReferences") for one in found.items}
        return [name for name, above in owners.items() if above and above[0]["name"] == "web-deployment"]

    async def made() -> bool:
        return bool(await replica_sets())

    await world.until(made, "the Deployment's ReplicaSet")
    (kept,) = await replica_sets()
    return deployment, kept
