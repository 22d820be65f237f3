"""The largest resident memory of the controller, first lists included, with what exists and is not opted in.

Beside it what 10,000 and 50,000 Pods of workloads that are opted in take. The embedded API server lives in this process
and the controller in one of its own.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import Struct

from hack.bench import sync
from hack.bench.process import cost
from inplace.runtime.clock import SystemClock
from kubesim.api import kinds
from kubesim.api.registry import Place, Registry
from kubesim.api.server import ApiServer

NAMESPACE = "tenant"
#: After the caches are filled the first plans are made.
SETTLE_SECONDS = 5.0


class Result(Struct, frozen=True):
    """Memory in MB: the peak, and what it should not exceed."""

    what: str
    peak_mb: float
    at_most_mb: int


def _nothing(_: ApiServer) -> None:
    """An empty cluster."""


def _large(server: ApiServer) -> None:
    """250 ReplicaSets without Pods, each with a template of 1 MB."""
    registry = _registry(server)
    for number in range(250):
        name = f"large-{number}"
        template = _template(name, [{"name": "X", "value": "x" * 1_000_000}])
        sync.store(registry, Place(kinds.REPLICASETS, NAMESPACE, name), _workload(name, template, 0))


def _mixed(server: ApiServer) -> None:
    """50 objects of 1 MB of each sort that is watched and that a tenant may create."""
    registry, large = _registry(server), "x" * 1_000_000
    template = _template("large", [{"name": "X", "value": large}])
    for number in range(50):
        name = f"large-{number}"
        for kind in (kinds.DEPLOYMENTS, kinds.STATEFULSETS):
            sync.store(registry, Place(kind, NAMESPACE, name), _workload(name, template, 0))
        sync.store(registry, Place(kinds.PODS, NAMESPACE, name), {"metadata": {"name": name}, "spec": template["spec"]})
        revision = {"metadata": {"name": name}, "revision": 1, "data": {"spec": {"template": template}}}
        sync.store(registry, Place(kinds.REVISIONS, NAMESPACE, name), revision)
        expression = {"key": "app", "operator": "In", "values": [f"{n:063}" for n in range(15_000)]}
        budget = {"metadata": {"name": name}, "spec": {"selector": {"matchExpressions": [expression]}}}
        sync.store(registry, Place(kinds.PDBS, NAMESPACE, name), budget)


def _history(server: ApiServer) -> None:
    """2,000 Deployments with ten ReplicaSets each, all of ordinary size."""
    registry = _registry(server)
    for number in range(2_000):
        name = f"web-{number}"
        env = [{"name": f"VARIABLE_{n}", "value": f"value {n} of {name} " + "x" * 40} for n in range(60)]
        deployment = _workload(name, _template(name, env), 1)
        uid = sync.store(registry, Place(kinds.DEPLOYMENTS, NAMESPACE, name), deployment)
        owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name, "uid": uid, "controller": True}
        for revision in range(10):
            one = f"{name}-{revision}"
            body = _workload(one, _template(name, [*env, {"name": "REVISION", "value": str(revision)}]), 0)
            body["metadata"]["ownerReferences"] = [owner]
            sync.store(registry, Place(kinds.REPLICASETS, NAMESPACE, one), body)


def _registry(server: ApiServer) -> Registry:
    registry = Registry(server.storage, SystemClock(), random.Random(2))
    registry.create(Place(kinds.NAMESPACES), {"metadata": {"name": NAMESPACE}})
    return registry


def _workload(name: str, template: dict[str, Any], replicas: int) -> dict[str, Any]:
    selector = {"matchLabels": template["metadata"]["labels"]}
    return {"metadata": {"name": name}, "spec": {"replicas": replicas, "selector": selector, "template": template}}


def _template(name: str, env: list[dict[str, str]]) -> dict[str, Any]:
    container = {"name": "app", "image": f"registry.test/{name}:v1", "env": env}
    return {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}


SHAPES: dict[str, tuple[Callable[[ApiServer], None], int]] = {
    "an empty cluster": (_nothing, 60),
    "250 ReplicaSets of 1 MB, not opted in": (_large, 120),
    "250 objects of 1 MB of five kinds, not opted in": (_mixed, 120),
    "2,000 Deployments with ten revisions, not opted in": (_history, 120),
    "10,000 Pods, opted in": (lambda server: sync.fill(server, 10_000), 120),
    "50,000 Pods, opted in": (lambda server: sync.fill(server, 50_000), 360),
}


def measure_all(only: str = "") -> list[Result]:
    """Every shape, or those with this in their name."""
    return [asyncio.run(_measure(what, *shape)) for what, shape in SHAPES.items() if only in what]


async def _measure(what: str, fill: Callable[[ApiServer], None], most: int) -> Result:
    async with ApiServer(SystemClock(), random.Random(1)) as server:
        fill(server)
        with tempfile.TemporaryDirectory() as folder:
            process, port = sync.start(server, Path(folder))
            try:
                await sync.ready(port)
                await asyncio.sleep(SETTLE_SECONDS)
                found = cost(process.pid)
            finally:
                process.terminate()
                await asyncio.to_thread(process.wait, 30)
    return Result(what, round(found.rss, 1), most)
