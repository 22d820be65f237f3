"""What tenants can write to keep a controller busy, and what is merely large: objects by the plural of their kind."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from inplace.core.objects import names
from inplace.core.state.records import LIMIT
from inplace.core.template import trees
from inplace.core.template.trees import MAX_BYTES

Tree = dict[str, Any]
Objects = Mapping[str, Iterable[bytes]]

NAMESPACE: Final = "tenant"
#: What the API server takes: an object, and all annotations of one.
OBJECT: Final = 1_400_000
ANNOTATIONS: Final = 256 * 1024


def _encoded(objects: Iterable[Tree]) -> Iterator[bytes]:
    return (json.dumps(one, separators=(",", ":")).encode() for one in objects)


def _meta(name: str, owner: tuple[str, str] | None = None, **more: Any) -> Tree:
    owners = (
        [{"apiVersion": "apps/v1", "kind": owner[0], "name": owner[1], "uid": owner[1], "controller": True}]
        if owner
        else []
    )
    return {"name": name, "namespace": NAMESPACE, "uid": name, "resourceVersion": "1", "generation": 1,
            "ownerReferences": owners, **more}  # fmt: skip


def _template(image: str, annotations: Tree | None = None, **container: Any) -> Tree:
    return {
        "metadata": {"labels": {"app": "web"}, "annotations": annotations or {}},
        "spec": {
            "readinessGates": [{"conditionType": names.GATE}],
            "containers": [{"name": "app", "image": image, **container}],
        },
    }


def _stateful_set(template: Tree, replicas: int = 3, annotations: Tree | None = None) -> Tree:
    labels = {names.MODE: "InPlaceOnly", names.FROZEN: "true"}
    own = {names.ORIGINAL_STRATEGY: '{"type":"RollingUpdate"}', **(annotations or {})}
    frozen = {"type": "RollingUpdate", "rollingUpdate": {"partition": names.FROZEN_PARTITION}}
    return {
        "metadata": _meta("web", labels=labels, annotations=own),
        "spec": {"replicas": replicas, "updateStrategy": frozen, "template": template, "selector": {}},
        "status": {"observedGeneration": 1, "updateRevision": "web-new", "currentRevision": "web-old",
                   "replicas": replicas, "readyReplicas": replicas},
    }  # fmt: skip


def _revision(name: str, number: int, template: Tree) -> Tree:
    return {
        "metadata": _meta(name, ("StatefulSet", "web")),
        "revision": number,
        "data": {"spec": {"template": template}},
    }


def _pod(number: int, owner: tuple[str, str] = ("StatefulSet", "web"), **metadata: Any) -> Tree:
    conditions = ("Ready", "ContainersReady", names.GATE, "PodScheduled", "Initialized")
    status = {"name": "app", "image": "app:v1", "imageID": "app@sha256:" + "1" * 64, "containerID": f"containerd://{number}",
              "ready": True, "state": {"running": {"startedAt": "2026-01-01T00:00:05Z"}}}  # fmt: skip
    return {
        "metadata": {
            **_meta(f"web-{number}", owner, creationTimestamp="2026-01-01T00:00:00Z"),
            "labels": {"app": "web", names.REVISION_LABEL: "web-old"},
            **metadata,
        },
        "spec": {"nodeName": f"node-{number % 100}", "restartPolicy": "Always",
                 "readinessGates": [{"conditionType": names.GATE}],
                 "containers": [{"name": "app", "image": "app:v1", "imagePullPolicy": "IfNotPresent"}]},
        "status": {
            "phase": "Running",
            "observedGeneration": 1,
            "conditions": [
                {"type": each, "status": "True", "lastTransitionTime": "2026-01-01T00:00:10Z"} for each in conditions
            ],
            "containerStatuses": [status],
        },
    }  # fmt: skip


def _node(number: int, images: int = 0) -> Tree:
    return {
        "metadata": {"name": f"node-{number}", "uid": f"node-{number}", "resourceVersion": "1"},
        "status": {
            "conditions": [{"type": "Ready", "status": "True"}],
            "nodeInfo": {"kubeletVersion": "v1.36.0"},
            "images": [{"names": [f"registry/{each}:v1"]} for each in range(images)],
        },
    }


def upgrade(
    old: Tree,
    new: Tree,
    pods: int = 3,
    *,
    annotations: Tree | None = None,
    pod_annotations: Tree | None = None,
    images: int = 0,
) -> Objects:
    """A StatefulSet whose Pods are to go from one template to another."""
    return {
        "statefulsets": _encoded([_stateful_set(new, pods, annotations)]),
        "controllerrevisions": _encoded([_revision("web-old", 1, old), _revision("web-new", 2, new)]),
        "pods": _encoded(_pod(number, annotations=pod_annotations) for number in range(pods)),
        "nodes": _encoded(_node(number, images) for number in range(min(pods, 100))),
    }


PLAIN: Final = (_template("app:v1"), _template("app:v2"))


def _annotated(**settings: str) -> Tree:
    return {names.PREFIX + name.replace("_", "-"): text for name, text in settings.items()}


def _many_pods() -> Objects:
    return upgrade(*PLAIN, 10_000)


def _many_relabelled() -> Objects:
    new = _template("app:v1")
    new["metadata"]["labels"]["new"] = "label"
    return upgrade(_template("app:v1"), new, 10_000)


def _others_pods() -> Objects:
    return {"pods": _encoded(_pod(number, ("StatefulSet", f"other-{number % 500}")) for number in range(50_000))}


def _long_mount_path() -> Objects:
    path = "/.env[" * (OBJECT // 12)
    old, new = (_template("app:v1", volumeMounts=[{"name": "v", "mountPath": path, "subPath": sub}]) for sub in "ab")
    return upgrade(old, new)


def _patterns() -> Objects:
    keys = [f"{number:03}{'a' * 250}/{'a' * 60}" for number in range(MAX_BYTES // 335)]
    old, new = (_template("app:v1", dict.fromkeys(keys, value)) for value in "12")
    return upgrade(old, new, annotations=_annotated(restart_on=",".join(f"*{'a' * 250}{one}" for one in range(2))))


def _many_differences() -> Objects:
    old, new = (
        _template("app:v1", env=[{"name": f"{prefix}{number:05}"} for number in range(MAX_BYTES // 20)])
        for prefix in "ab"
    )
    return upgrade(old, new)


def _many_settings() -> Objects:
    unknown = {f"{names.PREFIX}progress-deadline-second-{number}": "" for number in range(ANNOTATIONS // 50)}
    return upgrade(*PLAIN, annotations=unknown)


def _long_setting() -> Objects:
    return upgrade(*PLAIN, annotations=_annotated(steps=",".join(map(str, range(1, ANNOTATIONS // 7)))))


def _deep_revisions() -> Objects:
    deep = b'{"metadata":{"name":"deep-%d","namespace":"tenant"},"data":%s1%s}'
    revisions = [deep % (number, b'{"a":' * 9000, b"}" * 9000) for number in range(20)]
    found = upgrade(*PLAIN)
    return {**found, "controllerrevisions": [*found["controllerrevisions"], *revisions]}


def _own_owner() -> Objects:
    sets = [_stateful_set(_template("app:v1"))]
    sets[0]["metadata"]["ownerReferences"] = _meta("x", ("StatefulSet", "web"))["ownerReferences"]
    return {"statefulsets": _encoded(sets), "pods": _encoded(_pod(number) for number in range(100))}


def _forged_records() -> Objects:
    containers = {f"c{number}": {"id": "x", "image": "y"} for number in range(ANNOTATIONS // 40)}
    return upgrade(*PLAIN, 100, pod_annotations={names.STATE: _record(containers)})


def _long_records() -> Objects:
    containers = {f"c{number}": {"id": "x"} for number in range(LIMIT // 22)}
    return upgrade(*PLAIN, 99, pod_annotations={names.STATE: _record(containers)})


def _record(containers: Tree) -> str:
    at = "2026-01-01T00:00:00Z"
    fields = {"phase": "Swapping", "base": "web-old", "target": "web-new", "startedAt": at, "deadline": at}
    return json.dumps(
        {"v": 1, "workload": "web", "attempt": 1, **fields, "containers": containers}, separators=(",", ":")
    )


def _forged_status() -> Objects:
    reasons = [{"code": "Unknown", "path": "x", "message": "y"} for _ in range(ANNOTATIONS // 50)]
    counts = dict.fromkeys(("observedGeneration", "replicas", "updated", "ready", "inFlight", "failed"), 1)
    status = {
        "v": 1,
        "revision": "r",
        "phase": "Degraded",
        **counts,
        "updatedAt": "2026-01-01T00:00:00Z",
        "reasons": reasons,
    }
    return upgrade(*PLAIN, annotations={names.STATUS: json.dumps(status)})


def deployment(children: Iterable[Tree]) -> Objects:
    labels = {names.MODE: "InPlaceOnly"}
    own = {"metadata": _meta("web", labels=labels), "spec": {"replicas": 3, "template": PLAIN[1], "selector": {}},
           "status": {"observedGeneration": 1, "replicas": 3}}  # fmt: skip
    pods = (_pod(number, ("ReplicaSet", "web-0")) for number in range(3))
    return {"deployments": _encoded([own]), "replicasets": _encoded(children), "pods": _encoded(pods)}


def child(number: int, template: Tree, annotations: Tree | None = None) -> Tree:
    replicas = 3 if number == 0 else 0
    metadata = _meta(f"web-{number}", ("Deployment", "web"), annotations=annotations or {})
    return {"metadata": metadata, "spec": {"replicas": replicas, "template": template, "selector": {}}, "status": {}}


def _large_children() -> Objects:
    return deployment(child(number, _template(f"app:{number}", env=[{"name": "x" * OBJECT}])) for number in range(50))


def _nearly_large_children() -> Objects:
    return deployment(
        child(number, _template(f"app:{number}", env=[{"name": f"a{each:05}"} for each in range(MAX_BYTES // 20)]))
        for number in range(50)
    )


def _many_children() -> Objects:
    return deployment(child(number, _template(f"app:{number}")) for number in range(5000))


def _recorded_templates() -> Objects:
    kept = {f"{number:010}": _template(f"app:{number}") for number in range(ANNOTATIONS // 200)}
    return deployment([child(0, PLAIN[0], {names.TEMPLATES: json.dumps(kept)})])


def _forged_templates() -> dict[str, Tree]:
    """As many as an annotation holds, each by its own fingerprint, which no Pod fits."""
    made = ({"spec": {"containers": [{"name": "app", "image": f"i{number}"}]}} for number in range(ANNOTATIONS // 70))
    return {trees.fingerprint_of(one): one for one in made}


def _forged_on_a_deployment() -> Objects:
    found = deployment([child(0, PLAIN[0], {names.TEMPLATES: _compact(_forged_templates())})])
    return {**found, "pods": _encoded(_strangers())}


def _forged_on_a_replica_set() -> Objects:
    return _bare(_forged_templates())


def _templates_of_thousands() -> Objects:
    """Few, and each with thousands of containers, labels and annotations."""
    names_ = [f"c{number}" for number in range(ANNOTATIONS // 1000)]
    few: list[Tree] = [
        {"metadata": {"labels": dict.fromkeys(names_, "")},
         "spec": {"containers": [{"name": one, "image": f"i{number}"} for one in names_]}}
        for number in range(20)
    ]  # fmt: skip
    return _bare({trees.fingerprint_of(one): one for one in few})


def _bare(templates: Tree) -> Objects:
    metadata = _meta("web-0", labels={names.MODE: "InPlaceOnly"}, annotations={names.TEMPLATES: _compact(templates)})
    own = {"metadata": metadata, "spec": {"replicas": 99, "template": PLAIN[1], "selector": {}},
           "status": {"observedGeneration": 1, "replicas": 99}}  # fmt: skip
    return {"replicasets": _encoded([own]), "pods": _encoded(_strangers())}


def _strangers() -> Iterator[Tree]:
    """As many Pods as are planned in the loop, with an image that no template has."""
    for number in range(99):
        made = _pod(number, ("ReplicaSet", "web-0"))
        made["spec"]["containers"][0]["image"] = "other"
        yield made


def _compact(value: Tree) -> str:
    return json.dumps(value, separators=(",", ":"))


def _many_images() -> Objects:
    return upgrade(*PLAIN, 100, images=500)


def _forged_images() -> Objects:
    """A node that somebody has taken over."""
    found = upgrade(*PLAIN, 100)
    return {**found, "nodes": [*found["nodes"], *_encoded([_node(0, OBJECT // 40)])]}


INPUTS: Final[Mapping[str, Callable[[], Objects]]] = {
    "10,000 Pods of a StatefulSet, a new image": _many_pods,
    "10,000 Pods of a StatefulSet, a new label": _many_relabelled,
    "50,000 Pods of others": _others_pods,
    "a mount path of 700 KB": _long_mount_path,
    "the costliest patterns of restart-on on the largest template": _patterns,
    "the largest template, every name in it another": _many_differences,
    "256 KiB of unknown settings": _many_settings,
    "a setting of 256 KiB": _long_setting,
    "20 ControllerRevisions, 9,000 levels deep": _deep_revisions,
    "a StatefulSet that owns itself": _own_owner,
    "records of 256 KiB on 100 Pods": _forged_records,
    "the longest records on 99 Pods": _long_records,
    "a status of 256 KiB": _forged_status,
    "50 ReplicaSets of 1.4 MB": _large_children,
    "50 ReplicaSets with the largest template": _nearly_large_children,
    "5,000 ReplicaSets of a Deployment": _many_children,
    "256 KiB of recorded templates": _recorded_templates,
    "3,700 forged templates on a ReplicaSet": _forged_on_a_replica_set,
    "3,700 forged templates on that of a Deployment": _forged_on_a_deployment,
    "20 recorded templates of thousands of names": _templates_of_thousands,
    "100 nodes with 500 images each": _many_images,
    "a node with 1.4 MB of images": _forged_images,
}
