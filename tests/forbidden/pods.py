"""Writes of Pods, and of what our account may create as Pods."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from inplace.core.objects import names
from inplace.core.rollout import pull_pods
from inplace.kube import resource as resources
from tests.forbidden.stage import GONE, IMAGE, NEVER, NOBODY, pod
from tests.forbidden.workloads import metadata
from tests.forbidden.write import Tree, Write, drop, pointer, put

COMMAND: Final = pull_pods._COMMAND


def of_pods() -> Iterator[Write]:
    """Pods that are there: one of a workload, and two of nobody."""
    for name in ("owned", "bare", "gated"):
        for subresource in ("", "status"):
            yield from metadata(resources.PODS, name, subresource)
            more = {"subresource": subresource}
            for key in (names.HELPER, names.MODE, "pod-template-hash", "apps.kubernetes.io/pod-index"):
                yield put(f"label {key}", resources.PODS, name, f"/metadata/labels/{pointer(key)}", "pre-pull", **more)
            mark = f"/metadata/annotations/{pointer(names.PULLED)}"
            yield put("the image of a pull Pod", resources.PODS, name, mark, IMAGE, **more)
            if name != "owned":
                yield put("a label", resources.PODS, name, "/metadata/labels/team", "b", **more)
                yield put("an annotation", resources.PODS, name, "/metadata/annotations/example.com~1kept", "2", **more)
                asked = f"/metadata/annotations/{pointer(names.RESTART)}"
                yield put("a request to restart", resources.PODS, name, asked, "2026-01-31T12:00:00Z app", **more)
        yield from _of_pod(name)
        yield from _of_size(name)
        yield Write("not ours", resources.PODS, name)
    for name in ("bare", "gated"):
        yield put("image", resources.PODS, name, "/spec/containers/0/image", "example.com/app:v2")
    yield drop("scheduling", resources.PODS, "gated", "/spec/schedulingGates/0")
    yield put("where to", resources.PODS, "gated", "/spec/nodeSelector/example.com~1more", "x")
    terms = [{"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}]
    node = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}
    yield put("affinity", resources.PODS, "gated", "/spec/affinity", node)


def _of_pod(name: str) -> Iterator[Write]:
    everywhere = {"key": "example.com/more", "operator": "Exists"}
    yield put("tolerations", resources.PODS, name, "/spec/tolerations/-", everywhere)
    yield put("deadline", resources.PODS, name, "/spec/activeDeadlineSeconds", 9)
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
        yield put(f"status: {field}", resources.PODS, name, f"/status/{field}", value, subresource="status")


def _of_size(name: str) -> Iterator[Write]:
    """What a resize could change: of a Pod that is nobody's any size."""
    if name == "owned":
        return
    large = {"requests": {"cpu": "300m", "memory": "96Mi"}}
    yield put("size of the Pod", resources.PODS, name, "/spec/resources", large, subresource="resize")
    for side, resource, amount in (
        ("requests", "cpu", "20m"),
        ("requests", "memory", "4Mi"),
        ("limits", "cpu", "100m"),
        ("limits", "memory", "128Mi"),
    ):
        path = f"/spec/containers/0/resources/{side}/{resource}"
        yield put(f"size: {side} of {resource}", resources.PODS, name, path, amount, subresource="resize")


def unresizable() -> Iterator[Write]:
    """What a resize does not reach: whatever the fence says, the API server drops it without a word, or refuses it."""
    app, label = "/spec/containers/0", pointer(names.REVISION_LABEL)
    everything: dict[str, tuple[str, object]] = {
        "image": (f"{app}/image", "evil.example.com/app:v1"),
        "command": (f"{app}/command", ["sh"]),
        "environment": (f"{app}/env", [{"name": "A", "value": "b"}]),
        "privileges": (f"{app}/securityContext", {"privileged": True}),
        "resize policy": (f"{app}/resizePolicy", [{"resourceName": "cpu", "restartPolicy": "RestartContainer"}]),
        "a device": (f"{app}/resources/claims", [{"name": "gpu"}]),
        "storage": (f"{app}/resources/requests/ephemeral-storage", "1Gi"),
        "large pages of the Pod": ("/spec/resources", {"limits": {"hugepages-2Mi": "2Mi"}}),
        "another container": ("/spec/containers/-", {"name": "x", "image": IMAGE}),
        "an init container": ("/spec/initContainers", [{"name": "x", "image": IMAGE}]),
        "tolerations": ("/spec/tolerations/-", {"key": "example.com/more", "operator": "Exists"}),
        "deadline": ("/spec/activeDeadlineSeconds", 9),
        "node": ("/spec/nodeName", "another"),
        "a label": ("/metadata/labels/team", "b"),
        "our label": (f"/metadata/labels/{label}", "x"),
        "an annotation": ("/metadata/annotations/example.com~1kept", "2"),
        "our record": (f"/metadata/annotations/{pointer(names.STATE)}", "{}"),
        "finalizers": ("/metadata/finalizers", NEVER),
        "owners": ("/metadata/ownerReferences", [GONE]),
        "status": ("/status/phase", "Failed"),
    }
    for name in ("owned", "bare", "gated"):
        for what, (path, value) in everything.items():
            yield put(what, resources.PODS, name, path, value, subresource="resize", stored=True)


def pull_pod() -> Tree:
    """One that may be created, but that nobody has asked for."""
    context = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    container = {"name": "pull", "image": IMAGE, "command": [COMMAND], "securityContext": context}
    spec: Tree = {"restartPolicy": "Never", "automountServiceAccountToken": False, "activeDeadlineSeconds": 3600}
    spec["nodeName"] = "nowhere"
    meta = {
        "name": f"{pull_pods.PREFIX}0",
        "labels": {names.HELPER: names.PRE_PULL},
        "annotations": {names.PULLED: IMAGE},
        "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "owned", "uid": NOBODY}],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {**spec, "containers": [container]}}


_ONE: Final = pull_pod()
_META, _SPEC = _ONE["metadata"], _ONE["spec"]
_CONTAINER, _BESIDE = _SPEC["containers"][0], {"name": "x", "image": IMAGE}
_IN_METADATA: Final[dict[str, Tree]] = {
    "another name": {"name": "mine"},
    "a generated name": {"name": "", "generateName": "inplace-pull-"},
    "no label": {"labels": {}},
    "no owner": {"ownerReferences": []},
    "a workload for owner": {"ownerReferences": [{**GONE, "controller": True}]},
    "two owners": {"ownerReferences": [*_META["ownerReferences"], {**_META["ownerReferences"][0], "uid": "x"}]},
    "finalizers": {"finalizers": NEVER},
    "no image": {"annotations": {}},
    "no AppArmor by annotation": {
        "annotations": {**_META["annotations"], "container.apparmor.security.beta.kubernetes.io/pull": "unconfined"}
    },
}
_IN_CONTAINER: Final[dict[str, Tree]] = {
    "a command": {"command": ["sh"]},
    "no command": {"command": []},
    "arguments": {"args": ["x"]},
    "environment": {"env": [{"name": "A", "value": "b"}]},
    "secrets": {"envFrom": [{"secretRef": {"name": "x"}}]},
    "a hook": {"lifecycle": {"preStop": {"exec": {"command": ["sh"]}}}},
    "a port": {"ports": [{"containerPort": 1}]},
    "more rights": {"securityContext": {"allowPrivilegeEscalation": True}},
    "privileges": {"securityContext": {"privileged": True, "allowPrivilegeEscalation": True}},
    "standard input": {"stdin": True, "tty": True},
    "a directory": {"workingDir": "/etc"},
    "another container's name": {"name": "app"},
}
_MOUNT: Final = {"volumeMounts": [{"name": "x", "mountPath": PurePosixPath(COMMAND).parent.as_posix()}]}
_KEY: Final = {"name": "x", "key": "x"}
_IN_SPEC: Final[dict[str, Tree]] = {
    "its command mounted": {
        "containers": [{**_CONTAINER, **_MOUNT}],
        "volumes": [{"name": "x", "configMap": {"name": "x"}}],
    },
    "host's processes": {"hostPID": True},
    "host's memory": {"hostIPC": True},
    "host's files": {"volumes": [{"name": "x", "hostPath": {"path": "/"}}]},
    "company in the host's network": {"hostNetwork": True, "containers": [_CONTAINER, _BESIDE]},
    "a token": {"automountServiceAccountToken": True},
    "restarts": {"restartPolicy": "Always"},
    "a long time": {"activeDeadlineSeconds": 86400},
    "devices": {"resourceClaims": [{"name": "gpu", "resourceClaimName": "gpu"}]},
    "privileges beside it": {"containers": [_CONTAINER, {**_BESIDE, "securityContext": {"privileged": True}}]},
    "capabilities beside it": {
        "initContainers": [{**_BESIDE, "securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}]
    },
    "a host's port beside it": {
        "containers": [_CONTAINER, {**_BESIDE, "ports": [{"containerPort": 1, "hostPort": 1}]}]
    },
    "a critical priority": {"priorityClassName": "system-node-critical"},
    "anywhere": {"nodeName": ""},
    "another account's token": {
        "serviceAccountName": "default",
        "volumes": [{"name": "x", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}],
    },
    "a claim": {"volumes": [{"name": "x", "persistentVolumeClaim": {"claimName": "x"}}]},
    "another's storage": {"volumes": [{"name": "x", "nfs": {"server": "x", "path": "/"}}]},
    "a Secret's key beside it": {
        "containers": [_CONTAINER, {**_BESIDE, "env": [{"name": "X", "valueFrom": {"secretKeyRef": _KEY}}]}]
    },
    "a Secret beside it": {
        "initContainers": [{**_BESIDE, "envFrom": [{"secretRef": {"name": "x"}}]}],
    },
    "no seccomp": {"securityContext": {"seccompProfile": {"type": "Unconfined"}}},
    "no seccomp beside it": {
        "containers": [_CONTAINER, {**_BESIDE, "securityContext": {"seccompProfile": {"type": "Unconfined"}}}]
    },
    "no AppArmor": {"securityContext": {"appArmorProfile": {"type": "Unconfined"}}},
    "another SELinux user": {"securityContext": {"seLinuxOptions": {"user": "system_u"}}},
    "another SELinux type": {"securityContext": {"seLinuxOptions": {"type": "spc_t"}}},
    "another SELinux type beside it": {
        "containers": [_CONTAINER, {**_BESIDE, "securityContext": {"seLinuxOptions": {"type": "spc_t"}}}]
    },
    "a secret in a volume": {"volumes": [{"name": "x", "secret": {"secretName": "x"}}]},
}


def of_pull_pods() -> Iterator[Write]:
    """Pods to be created that are no pull Pods, or more than these."""
    yield Write("a Pod", resources.PODS, "mine", body=pod("mine"))
    for what, fields in _IN_METADATA.items():
        yield _pull_pod(what, {**_ONE, "metadata": {**_META, **fields}})
    for what, fields in _IN_CONTAINER.items():
        yield _pull_pod(what, {**_ONE, "spec": {**_SPEC, "containers": [{**_CONTAINER, **fields}]}})
    for what, fields in _IN_SPEC.items():
        yield _pull_pod(what, {**_ONE, "spec": {**_SPEC, **fields}})


def _pull_pod(what: str, body: Tree) -> Write:
    return Write(f"pull Pod with {what}", resources.PODS, body["metadata"]["name"], body=body)
