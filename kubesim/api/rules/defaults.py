"""What the API server fills in (pkg/apis/core/v1/defaults.go, pkg/apis/apps/v1/defaults.go), as far as we see it.

Every function takes a tree that is its caller's own at the top and returns it complete; what lies below is copied
before it is changed. Does not depend on whether a tree is valid.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from kubesim.api.kinds import Tree
from kubesim.api.rules import whole

_PROBE: Final[Tree] = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
_HTTP_GET: Final[Tree] = {"path": "/", "scheme": "HTTP"}
_CONTAINER: Final[Tree] = {
    "resources": {},
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}
_POD: Final[Tree] = {
    "dnsPolicy": "ClusterFirst",
    "restartPolicy": "Always",
    "schedulerName": "default-scheduler",
    "securityContext": {},
    "terminationGracePeriodSeconds": 30,
}
_MODE: Final = 0o644
#: Volume sources whose files have a default mode.
_WITH_MODE: Final = ("configMap", "secret", "downwardAPI", "projected")


def pull_policy(image: str) -> str:
    """Always for the tag `latest`, given or implied."""
    if "@" in image:
        return "IfNotPresent"
    _, colon, tag = image.rpartition("/")[2].partition(":")
    return "Always" if not colon or tag == "latest" else "IfNotPresent"


def pod_spec(spec: Tree) -> Tree:
    """PodSpec, in a template or a Pod."""
    spec = {**_POD, **spec}
    for field in ("containers", "initContainers"):
        _each(spec, field, _container)
    _each(spec, "volumes", _volume)
    if account := spec.get("serviceAccountName") or spec.get("serviceAccount"):
        spec["serviceAccountName"] = spec["serviceAccount"] = account
    return spec


def _each(tree: Tree, field: str, fill: Callable[[Tree], Tree]) -> None:
    items = tree.get(field)
    if isinstance(items, list):
        tree[field] = [fill(item) if isinstance(item, dict) else item for item in items]


def _below(tree: Tree, field: str, fill: Callable[[Tree], Tree]) -> None:
    if isinstance(tree.get(field), dict):
        tree[field] = fill(tree[field])


def _filled(values: Tree) -> Callable[[Tree], Tree]:
    return lambda tree: {**values, **tree}


def _container(container: Tree) -> Tree:
    container = {**_CONTAINER, **container}
    container.setdefault("imagePullPolicy", pull_policy(container.get("image") or ""))
    _each(container, "ports", _filled({"protocol": "TCP"}))
    _each(container, "env", _variable)
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        _below(container, probe, _probe)
    _below(container, "lifecycle", _lifecycle)
    return container


def _variable(variable: Tree) -> Tree:
    variable = dict(variable)
    _below(variable, "valueFrom", _reference)
    return variable


def _reference(source: Tree) -> Tree:
    source = dict(source)
    _below(source, "fieldRef", _filled({"apiVersion": "v1"}))
    _below(source, "resourceFieldRef", _filled({"divisor": "0"}))
    return source


def _probe(probe: Tree) -> Tree:
    probe = {**_PROBE, **probe}
    _below(probe, "httpGet", _filled(_HTTP_GET))
    return probe


def _lifecycle(lifecycle: Tree) -> Tree:
    lifecycle = dict(lifecycle)
    for hook in ("postStart", "preStop"):
        _below(lifecycle, hook, _hook)
    return lifecycle


def _hook(hook: Tree) -> Tree:
    hook = dict(hook)
    _below(hook, "httpGet", _filled(_HTTP_GET))
    return hook


def _volume(volume: Tree) -> Tree:
    volume = dict(volume)
    if set(volume) <= {"name"}:
        volume["emptyDir"] = {}
    for source in _WITH_MODE:
        _below(volume, source, _filled({"defaultMode": _MODE}))
    _below(volume, "hostPath", _filled({"type": ""}))
    for source in ("downwardAPI", "projected"):
        _below(volume, source, _downward)
    return volume


def _downward(source: Tree) -> Tree:
    source = dict(source)
    _each(source, "items", _reference)
    _each(source, "sources", _projected)
    return source


def _projected(source: Tree) -> Tree:
    source = dict(source)
    _below(source, "serviceAccountToken", _filled({"expirationSeconds": 3600}))
    _below(source, "downwardAPI", _downward)
    return source


# --- Pods -----------------------------------------------------------------------------------------------------------


def pod(spec: Tree) -> Tree:
    """A Pod's spec: a template's defaults, limits as requests, and what admission adds to every Pod."""
    spec = pod_spec({"enableServiceLinks": True, **spec})
    for field in ("containers", "initContainers"):
        _each(spec, field, _requests)
    return whole.defaulted(spec)


def admitted(spec: Tree) -> Tree:
    """The ServiceAccount, Priority and DefaultTolerationSeconds plugins; only at creation."""
    account = spec.get("serviceAccountName") or "default"
    spec = {"preemptionPolicy": "PreemptLowerPriority", "priority": 0, **spec}
    spec["serviceAccountName"] = spec["serviceAccount"] = account
    tolerations = list(spec.get("tolerations") or ())
    for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"):
        if not any(_tolerates(toleration, key) for toleration in tolerations):
            wanted = {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
            tolerations.append(wanted)
    spec["tolerations"] = tolerations
    return spec


def _tolerates(toleration: Tree, key: str) -> bool:
    return toleration.get("key", "") in {key, ""} and toleration.get("effect", "") in {"NoExecute", ""}


def _requests(container: Tree) -> Tree:
    resources = container.get("resources") or {}
    limits, requests = resources.get("limits"), resources.get("requests")
    if not limits or set(limits) <= set(requests or ()):
        return container
    return {**container, "resources": {**resources, "requests": {**limits, **(requests or {})}}}


# --- workloads ------------------------------------------------------------------------------------------------------


def _stateful_set(spec: Tree) -> Tree:
    retain = {"whenDeleted": "Retain", "whenScaled": "Retain"}
    spec = {
        "podManagementPolicy": "OrderedReady",
        "replicas": 1,
        "revisionHistoryLimit": 10,
        "serviceName": "",
        "updateStrategy": {},
        "persistentVolumeClaimRetentionPolicy": retain,
        **spec,
    }
    strategy = {"type": "RollingUpdate", **spec["updateStrategy"]}
    if strategy["type"] == "RollingUpdate":
        strategy["rollingUpdate"] = {"partition": 0, **(strategy.get("rollingUpdate") or {})}
    spec["updateStrategy"] = strategy
    return spec


def _daemon_set(spec: Tree) -> Tree:
    spec = {"revisionHistoryLimit": 10, "updateStrategy": {}, **spec}
    strategy = {"type": "RollingUpdate", **spec["updateStrategy"]}
    if strategy["type"] == "RollingUpdate":
        rolling = {"maxSurge": 0, "maxUnavailable": 1, **(strategy.get("rollingUpdate") or {})}
        strategy["rollingUpdate"] = rolling
    spec["updateStrategy"] = strategy
    return spec


def _deployment(spec: Tree) -> Tree:
    spec = {"progressDeadlineSeconds": 600, "replicas": 1, "revisionHistoryLimit": 10, "strategy": {}, **spec}
    strategy = {"type": "RollingUpdate", **spec["strategy"]}
    if strategy["type"] == "RollingUpdate":
        rolling = {"maxSurge": "25%", "maxUnavailable": "25%", **(strategy.get("rollingUpdate") or {})}
        strategy["rollingUpdate"] = rolling
    spec["strategy"] = strategy
    return {key: value for key, value in spec.items() if key != "paused" or value}  # false is an absence


def _replica_set(spec: Tree) -> Tree:
    return {"replicas": 1, **spec}


_WORKLOADS: Final[dict[str, Callable[[Tree], Tree]]] = {
    "StatefulSet": _stateful_set,
    "DaemonSet": _daemon_set,
    "Deployment": _deployment,
    "ReplicaSet": _replica_set,
}


def _service(spec: Tree) -> Tree:
    spec = {
        "sessionAffinity": "None",
        "type": "ClusterIP",
        "internalTrafficPolicy": "Cluster",
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
        **spec,
    }
    _each(spec, "ports", _service_port)
    if "clusterIP" in spec:
        spec.setdefault("clusterIPs", [spec["clusterIP"]])
    return spec


def _service_port(port: Tree) -> Tree:
    return {"protocol": "TCP", "targetPort": port.get("port"), **port}


def spec_of(kind: str, spec: Tree) -> Tree:
    """The spec of any kind, complete."""
    if kind == "Pod":
        return pod(spec)
    if kind == "Service":
        return _service(spec)
    fill = _WORKLOADS.get(kind)
    if fill is None:
        return spec
    spec = fill(dict(spec))
    template = spec.get("template")
    if isinstance(template, dict):
        spec["template"] = _template(template)
    return spec


def _template(template: Tree) -> Tree:
    template = {"metadata": {}, **template}
    template["metadata"] = cleaned(template["metadata"])
    _below(template, "spec", pod_spec)
    return template


def cleaned(meta: Tree) -> Tree:
    """Metadata without what Go leaves out: empty maps and lists, and no time at all."""
    empty: tuple[Any, ...] = ({}, [], "", None)
    return {key: value for key, value in meta.items() if value not in empty}


#: What is kept as it was written: a status is a program's word, and a set of fields is raw JSON to the API server too.
_RAW: Final = frozenset({"status", "managedFields"})


def without_nulls(tree: Tree) -> Tree:
    """A null is an absence, except within a list and in what is kept as it was written."""
    return {key: value if key in _RAW else _below_null(value) for key, value in tree.items() if value is not None}


def _below_null(value: Any) -> Any:
    if isinstance(value, dict):
        return without_nulls(value)
    if isinstance(value, list):
        return [_below_null(one) for one in value]
    return value
