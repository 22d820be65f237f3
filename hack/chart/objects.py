"""The objects of the chart: everything that kustomize renders, from all overlays, in the order of its files."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from hack import kustomize
from hack.chart import places, variants
from hack.chart.names import POLICIES, Installation
from hack.chart.nodes import ABSENT, When

ROOT = Path(__file__).parents[2]
#: Helm makes the release's namespace, or its user does.
LEFT_OUT = frozenset({"Namespace"})
NAMESPACED = "if .Values.namespaced"
#: What is there with several replicas.
HA, SEVERAL = "manifests/components/ha", "if gt (int .Values.replicaCount) 1"
#: Each of its objects has a switch of its own.
MONITORING = "manifests/components/monitoring"
_POLICIES = "manifests/policies"
_HERE = "manifests/overlays/namespaced"
#: By kind and name.
Objects = dict[tuple[str, str], Any]


class Source(NamedTuple):
    """Two folders of manifests, the second for one namespace; their objects are there under conditions."""

    everywhere: str | None
    namespaced: str | None
    conditions: tuple[str, ...] = ()
    component: str | None = None
    condition: str | None = None


SOURCES = (
    Source("manifests", _HERE, component=HA, condition=SEVERAL),
    Source("manifests", _HERE, component=MONITORING),
    Source(f"{_POLICIES}/validating", f"{_HERE}/policies/validating", (".Values.policies.enabled",)),
    Source(_POLICIES, f"{_HERE}/policies/all", (".Values.policies.enabled", ".Values.policies.mutating")),
    Source(f"{_POLICIES}/gate", f"{_HERE}/policies/gate", (".Values.policies.gate",)),
    Source(None, f"{_HERE}/unwatched", (".Values.policies.unwatched",)),
)
EVERYWHERE = Installation("inplace-system")
IN_ONE = Installation("default", "-default")


class Made(NamedTuple):
    """An object with its expressions, and under which conditions it is there."""

    node: dict[str, Any]
    conditions: tuple[str, ...]


class Chart(NamedTuple):
    """What the templates are written from, and what the manifests have in the places of values."""

    objects: dict[tuple[str, str], Made]
    shipped: dict[str, Any]


@cache
def rendered(folder: str, component: str | None = None, namespace: str | None = None) -> tuple[dict[str, Any], ...]:
    """What `kubectl apply -k` would apply for an overlay of this folder, and of a component in its namespace."""
    overlay: dict[str, Any] = {"resources": [f"../../{folder}"]}
    if component is not None:
        overlay |= {"components": [f"../../{component}"], "namespace": namespace}
    return tuple(one for one in yaml.load_all(kustomize.rendered(overlay), Loader=yaml.CSafeLoader) if one)


def read() -> Chart:
    """The chart that the manifests of this checkout make."""
    objects: dict[tuple[str, str], Made] = {}
    shipped: dict[str, Any] = {}
    for source in SOURCES:
        here = _folder(source.namespaced, source, IN_ONE, {})
        everywhere = _folder(source.everywhere, source, EVERYWHERE, shipped)
        for key, node in _merged(everywhere, here, NAMESPACED).items():
            if key not in objects:  # a policy that stands in two folders needs only what the first one needs
                objects[key] = _under(node, key, source.conditions)
    return Chart(objects, shipped)


def _folder(folder: str | None, source: Source, installation: Installation, shipped: dict[str, Any]) -> Objects:
    """The objects of a folder; what a component adds or changes is under its condition, if it has one."""
    if folder is None:
        return {}
    plain = _templated(rendered(folder), installation, shipped)
    if source.component is None:
        return plain
    having = _templated(rendered(folder, source.component, installation.namespace), installation, shipped)
    return _merged(plain, having, source.condition) if source.condition else having


def _merged(without: Objects, having: Objects, condition: str) -> Objects:
    keys = {**without, **having}
    return {key: variants.merged(without.get(key, ABSENT), having.get(key, ABSENT), condition) for key in keys}


def _templated(found: Iterable[dict[str, Any]], installation: Installation, shipped: dict[str, Any]) -> Objects:
    made = {}
    for one in found:
        if one["kind"] not in LEFT_OUT:
            node, values = places.with_values(installation.templated(one))
            made[variants.key(node)] = node
            shipped.update(values)
    return made


def _under(node: Any, key: tuple[str, str], conditions: tuple[str, ...]) -> Made:
    found = [*conditions]
    while isinstance(node, When):
        found.append(node.condition.removeprefix("if "))
        node = node.node
    found += [] if key[0] in POLICIES else places.conditions(*key)
    return Made(node, tuple(found))
