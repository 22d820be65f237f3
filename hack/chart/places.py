"""Where the values of the chart stand in the objects, and which objects there are only on request."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from hack.chart.nodes import ABSENT, Expression, Splice, Text, Tree, When
from hack.chart.values import BY_PATH
from hack.chart.variants import at

_POD = "/spec/template/spec"
_CONTAINER = f"{_POD}/containers/0"
Change = Callable[[Any], Any]


class Place(NamedTuple):
    """A node of an object that a value stands for, whole."""

    kind: str
    path: str
    value: str


#: values.yaml has what the manifests have there.
PLACES = (
    Place("Deployment", "/spec/replicas", "replicaCount"),
    Place("Deployment", f"{_POD}/securityContext", "podSecurityContext"),
    Place("Deployment", f"{_POD}/nodeSelector", "nodeSelector"),
    Place("Deployment", f"{_CONTAINER}/resources", "resources"),
    Place("Deployment", f"{_CONTAINER}/securityContext", "securityContext"),
    Place("ServiceMonitor", "/spec/endpoints/0/interval", "monitoring.serviceMonitor.interval"),
)
#: values.yaml has nothing, and then what the manifests have stays.
INSTEAD = (
    Place("Deployment", f"{_POD}/imagePullSecrets", "imagePullSecrets"),
    Place("Deployment", f"{_POD}/tolerations", "tolerations"),
    Place("Deployment", f"{_POD}/affinity", "affinity"),
    Place("Deployment", f"{_POD}/topologySpreadConstraints", "topologySpreadConstraints"),
    Place("Deployment", f"{_POD}/priorityClassName", "priorityClassName"),
    Place("Deployment", f"{_CONTAINER}/imagePullPolicy", "image.pullPolicy"),
    Place("ServiceAccount", "/metadata/annotations", "serviceAccount.annotations"),
)


class Switch(NamedTuple):
    """Objects that a condition decides about: by kind and by a part of the name."""

    kind: str
    name: str
    condition: str


SWITCHES = (
    Switch("ServiceAccount", "", ".Values.serviceAccount.create"),
    Switch("(Cluster)?Role(Binding)?", "", ".Values.rbac.create"),
    Switch("(Cluster)?Role(Binding)?", "-pre-pull", ".Values.rbac.prePull"),
    Switch("ClusterRole", "-(viewer|operator|sidecars)", ".Values.rbac.userRoles"),
    Switch("PodDisruptionBudget", "", ".Values.podDisruptionBudget.enabled"),
    Switch("NetworkPolicy", "", ".Values.networkPolicy.enabled"),
    Switch("FlowSchema", "", ".Values.flowSchema.enabled"),
    Switch("PriorityClass", "", ".Values.priorityClass.create"),
    Switch("ServiceMonitor", "", ".Values.monitoring.serviceMonitor.enabled"),
    Switch("PrometheusRule", "", ".Values.monitoring.prometheusRule.enabled"),
    Switch("ConfigMap", "-dashboard", ".Values.monitoring.dashboard.enabled"),
)


def with_values(one: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The object with expressions at its places, and what the manifests have there, by value."""
    found: dict[str, Any] = {}
    for kind, path, value in PLACES:
        if kind == one["kind"]:
            one = at(one, path, _standing_for(value, found))
    for kind, path, value in INSTEAD:
        if kind == one["kind"]:
            one = at(one, path, _instead(value))
    for kind, path, change in _PARTS:
        if kind == one["kind"]:
            one = at(one, path, functools.partial(change, found))
    return one, found


def conditions(kind: str, name: str) -> list[str]:
    """Under which conditions an object of the manifests is there."""
    return [one.condition for one in SWITCHES if re.fullmatch(one.kind, kind) and re.search(one.name, name)]


def _standing_for(value: str, found: dict[str, Any]) -> Change:
    def change(node: Any) -> Any:
        found[value] = node
        of = f".Values.{value}"
        if isinstance(node, int):
            return Expression(f"{{{{ {of} | int }}}}")
        if isinstance(node, str):
            return Text(f"{{{{ {of} }}}}")
        return When(f"with {of}", Tree("toYaml ."))

    return change


def _instead(value: str) -> Change:
    def change(node: Any) -> Any:
        given = Text("{{ . }}") if BY_PATH[value].schema["type"] == "string" else Tree("toYaml .")
        if value == "priorityClassName" and isinstance(node, Text):  # of our own, if there is one
            node = When("if .Values.priorityClass.create", node)
        return When(f"with .Values.{value}", given, node)

    return change


def _image(found: dict[str, Any], node: str) -> Any:
    found["image.repository"] = node.rpartition(":")[0]
    return Text('{{ include "inplace.image" . }}')


def _arguments(_: dict[str, Any], node: list[Any]) -> Any:
    return [
        *node,
        When('if ne .Values.logLevel "info"', Text("--log-level={{ .Values.logLevel }}")),
        When("with .Values.maxDisrupted", Text("--max-disrupted={{ . | int }}")),
        When("with .Values.maxDisruptedPerNamespace", Text("--max-disrupted-per-namespace={{ . | int }}")),
        When("with .Values.extraArgs", Splice("toYaml .")),
    ]


def _environment(_: dict[str, Any], node: list[Any]) -> Any:
    return [*node, When("with .Values.extraEnv", Splice("toYaml ."))]


def _more(value: str) -> Any:
    """Entries of a value after those of a mapping."""
    return lambda _, node: {**({} if node is ABSENT else node), Splice("toYaml ."): When(f"with .Values.{value}", None)}


#: Where a value is a part of the node.
_PARTS = (
    ("Deployment", f"{_CONTAINER}/image", _image),
    ("Deployment", f"{_CONTAINER}/args", _arguments),
    ("Deployment", f"{_CONTAINER}/env", _environment),
    ("Deployment", "/spec/template/metadata/annotations", _more("podAnnotations")),
    ("Deployment", "/spec/template/metadata/labels", _more("podLabels")),
    ("ServiceMonitor", "/metadata/labels", _more("monitoring.labels")),
    ("PrometheusRule", "/metadata/labels", _more("monitoring.labels")),
)
