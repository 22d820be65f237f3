"""The objects that scenarios create, as plain manifests."""

from __future__ import annotations

from typing import Any

from inplace.core.objects import names
from tests.scenarios.kinds import STATEFULSET, WorkloadKind

Manifest = dict[str, Any]


def workload(
    flavour: WorkloadKind,
    name: str,
    image: str,
    *,
    replicas: int = 3,
    gate: bool = True,
    sidecar: str | None = None,
    probe: Manifest | None = None,
    lifecycle: Manifest | None = None,
    annotations: dict[str, str] | None = None,
    mode: str | None = "InPlaceOnly",
    strategy: Manifest | None = None,
    pod_labels: dict[str, str] | None = None,
    spec: Manifest | None = None,
) -> Manifest:
    """A workload of small Pods, opted in unless `mode` is None; annotations without their prefix."""
    containers = [_container("app", image)]
    containers[0] |= {"readinessProbe": probe} if probe else {}
    containers[0] |= {"lifecycle": lifecycle} if lifecycle else {}
    if sidecar is not None:
        containers.append(_container("sidecar", sidecar))
    pod_spec: Manifest = {"terminationGracePeriodSeconds": 5, "containers": containers}
    if gate:
        pod_spec["readinessGates"] = [{"conditionType": names.GATE}]
    body: Manifest = {
        "apiVersion": "apps/v1",
        "kind": flavour.name,
        "metadata": {
            "name": name,
            "labels": {names.MODE: mode} if mode else {},
            "annotations": {names.PREFIX + key: value for key, value in (annotations or {}).items()},
        },
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name, **(pod_labels or {})}},
                "spec": {**pod_spec, **(spec or {})},
            },
        },
    }
    if flavour.strategy:
        body["spec"][flavour.strategy] = strategy or flavour.one_by_one
    return flavour.shape(body)


def statefulset(name: str, image: str, **options: Any) -> Manifest:
    """A StatefulSet, for what is not about kinds."""
    return workload(STATEFULSET, name, image, **options)


def _container(name: str, image: str) -> Manifest:
    return {"name": name, "image": image, "imagePullPolicy": "IfNotPresent"}
