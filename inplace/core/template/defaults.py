"""The API server's constant defaults of a Pod template, as one table that is applied to a JSON tree.

Source: pkg/apis/core/v1/defaults.go and the `+default` markers of k8s.io/api/core/v1. A default that depends on
anything but the template itself (a feature gate, a LimitRange, the cluster) is not constant and not here. Fields that
the table does not have are passed through; templates are not validated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, Final

from msgspec import Struct

from inplace.core.objects import images
from inplace.core.objects.model import Tree


class Shape(Struct, frozen=True):
    """What the API server fills into one kind of object (or into each object of a list).

    `values`: Go value fields, for which zero, empty and absent are the same; None: such a field is omitted. `pointers`:
    Go pointer fields, for which only absent is absent. `parts`: nested objects. `rule`: defaults that depend on other
    fields of the same object; it may modify its argument.
    """

    values: Mapping[str, Any] = {}
    pointers: Mapping[str, Any] = {}
    parts: Mapping[str, Shape] = {}
    rule: Callable[[Tree], None] | None = None


def apply(template: Tree) -> Tree:
    """A copy of the template with every constant default written out; applying it again changes nothing."""
    return _applied(_TEMPLATE, template)


def pull_policy(reference: str) -> str:
    """The default imagePullPolicy: Always for the tag `latest`, given or implied (SetDefaults_Container)."""
    parsed = images.parse(reference)
    latest = parsed is not None and (parsed.tag == "latest" or not (parsed.tag or parsed.digest))
    return "Always" if latest else "IfNotPresent"


def _applied(shape: Shape, value: Tree) -> Tree:
    result = {key: below for key, below in value.items() if below is not None}
    for field, part in shape.parts.items():
        if field in result:
            result[field] = _applied_below(part, result[field])
    for field, default in shape.values.items():
        if not result.get(field):
            result.pop(field, None)
            if default is not None:
                result[field] = default
    for field, default in shape.pointers.items():
        result.setdefault(field, deepcopy(default))
    if shape.rule is not None:
        shape.rule(result)
    return result


def _applied_below(part: Shape, below: object) -> object:
    if isinstance(below, dict):
        return _applied(part, below)
    if isinstance(below, list):
        return [_applied(part, item) if isinstance(item, dict) else item for item in below]
    return below


def _container_rule(container: Tree) -> None:
    if not container.get("imagePullPolicy"):
        container["imagePullPolicy"] = pull_policy(str(container.get("image") or ""))


def _volume_rule(volume: Tree) -> None:
    if set(volume) <= {"name"}:
        volume["emptyDir"] = {}


def _image_volume_rule(source: Tree) -> None:
    if not source.get("pullPolicy"):
        source["pullPolicy"] = pull_policy(str(source.get("reference") or ""))


def _account_rule(spec: Tree) -> None:
    """`serviceAccount` is the old name of `serviceAccountName`; the server writes both (conversion.go)."""
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    for field in ("serviceAccountName", "serviceAccount"):
        spec.pop(field, None)
        if account:
            spec[field] = account


def _spec_rule(spec: Tree) -> None:
    _account_rule(spec)
    if spec.get("hostNetwork"):  # filled into Pods, and before 1.28 into templates (SetDefaults_Pod)
        for field in {"containers", "initContainers"}.intersection(spec):
            spec[field] = _applied_below(_ON_HOST_NETWORK, spec[field])


def _host_port_rule(port: Tree) -> None:
    if not port.get("hostPort") and port.get("containerPort"):
        port["hostPort"] = port["containerPort"]


_ON_HOST_NETWORK: Final = Shape(parts={"ports": Shape(rule=_host_port_rule)})
_MODE: Final = 0o644
_FIELD_REF: Final = Shape(values={"apiVersion": "v1"})
_RESOURCE_REF: Final = Shape(values={"divisor": "0"})
_REFS: Final = {"fieldRef": _FIELD_REF, "resourceFieldRef": _RESOURCE_REF}
_HTTP_GET: Final = Shape(values={"path": "/", "scheme": "HTTP"})
_HANDLER: Final = Shape(parts={"httpGet": _HTTP_GET})
_PROBE: Final = Shape(
    values={
        "initialDelaySeconds": None,
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    },
    parts={"httpGet": _HTTP_GET, "grpc": Shape(pointers={"service": ""})},
)
_CONTAINER: Final = Shape(
    values={
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "workingDir": None,
        "stdin": None,
        "stdinOnce": None,
        "tty": None,
    },
    parts={
        "ports": Shape(values={"protocol": "TCP", "name": None, "hostPort": None, "hostIP": None}),
        "env": Shape(values={"value": None}, parts={"valueFrom": Shape(parts=_REFS)}),
        "envFrom": Shape(values={"prefix": None}),
        "volumeMounts": Shape(values={"readOnly": None, "subPath": None, "subPathExpr": None}),
        "livenessProbe": _PROBE,
        "readinessProbe": _PROBE,
        "startupProbe": _PROBE,
        "lifecycle": Shape(parts={"postStart": _HANDLER, "preStop": _HANDLER}),
    },
    rule=_container_rule,
)
_DOWNWARD_ITEMS: Final = Shape(parts=_REFS)
_PROJECTED_SOURCE: Final = Shape(
    parts={
        "serviceAccountToken": Shape(values={"audience": None}, pointers={"expirationSeconds": 3600}),
        "downwardAPI": Shape(parts={"items": _DOWNWARD_ITEMS}),
    }
)
_CLAIM_TEMPLATE: Final = Shape(parts={"spec": Shape(pointers={"volumeMode": "Filesystem"})})
_VOLUME: Final = Shape(
    parts={
        "emptyDir": Shape(values={"medium": None}),
        "hostPath": Shape(pointers={"type": ""}),
        "secret": Shape(pointers={"defaultMode": _MODE}),
        "configMap": Shape(pointers={"defaultMode": _MODE}),
        "downwardAPI": Shape(pointers={"defaultMode": _MODE}, parts={"items": _DOWNWARD_ITEMS}),
        "projected": Shape(pointers={"defaultMode": _MODE}, parts={"sources": _PROJECTED_SOURCE}),
        "persistentVolumeClaim": Shape(values={"readOnly": None}),
        "ephemeral": Shape(parts={"volumeClaimTemplate": _CLAIM_TEMPLATE}),
        "image": Shape(rule=_image_volume_rule),
        "nfs": Shape(values={"readOnly": None}),
        "iscsi": Shape(values={"iscsiInterface": "default", "readOnly": None}),
        "rbd": Shape(values={"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring", "readOnly": None}),
        "scaleIO": Shape(values={"storageMode": "ThinProvisioned", "fsType": "xfs", "readOnly": None}),
        "azureDisk": Shape(
            pointers={"cachingMode": "ReadWrite", "kind": "Shared", "fsType": "ext4", "readOnly": False}
        ),
    },
    rule=_volume_rule,
)
_SPEC: Final = Shape(
    values={
        "restartPolicy": "Always",
        "dnsPolicy": "ClusterFirst",
        "schedulerName": "default-scheduler",
        "nodeName": None,
        "hostname": None,
        "subdomain": None,
        "priorityClassName": None,
        "hostNetwork": None,
        "hostPID": None,
        "hostIPC": None,
    },
    pointers={
        "securityContext": {},
        "terminationGracePeriodSeconds": 30,
        "enableServiceLinks": True,  # filled into Pods only (SetDefaults_Pod), and constant there
    },
    parts={
        "containers": _CONTAINER,
        "initContainers": _CONTAINER,
        "ephemeralContainers": _CONTAINER,
        "volumes": _VOLUME,
    },
    rule=_spec_rule,
)
_METADATA: Final = Shape(values={"name": None, "generateName": None, "namespace": None})
_TEMPLATE: Final = Shape(parts={"metadata": _METADATA, "spec": _SPEC})
