"""Ten thousand Pods: how long the first sync takes, what it leaves in memory, and what idling costs.

The embedded API server lives in this process and the controller in one of its own.
"""

from __future__ import annotations

import asyncio
import random
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
from msgspec import Struct

from inplace.core.objects import names
from inplace.runtime.clock import SystemClock
from kubesim.api import kinds
from kubesim.api.registry import Place, Registry
from kubesim.api.server import ApiServer
from kubesim.cluster import write_kubeconfig

PROGRAM = Path(sys.executable).parent / "inplace"
NAMESPACE = "big"
WORKLOADS = 100


class Result(Struct, frozen=True):
    """CPU in seconds, memory in MB, idling in percent of a core."""

    pods: int
    sync_cpu_s: float
    sync_s: float
    rss_mb: float
    idle_percent: float
    idle_s: float


async def measure(pods: int = 10_000, idle: float = 60.0) -> Result:
    """Start the controller on a full server and let it rest."""
    from hack.bench.process import cost

    async with ApiServer(SystemClock(), random.Random(1)) as server:
        fill(server, pods)
        with tempfile.TemporaryDirectory() as folder:
            process, port = start(server, Path(folder))
            try:
                began = time.monotonic()
                await ready(port)
                took = time.monotonic() - began
                synced = cost(process.pid)
                await asyncio.sleep(10)  # what the first plans cost is not idling
                before = cost(process.pid)
                await asyncio.sleep(idle)
                after = cost(process.pid)
            finally:
                process.terminate()
                await asyncio.to_thread(process.wait, 30)
    return Result(
        pods=pods,
        sync_cpu_s=round(synced.cpu, 2),
        sync_s=round(took, 2),
        rss_mb=round(after.rss, 1),
        idle_percent=round(100 * (after.cpu - before.cpu) / idle, 2),
        idle_s=idle,
    )


def start(server: ApiServer, folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    kubeconfig = write_kubeconfig(server.url, folder / "kubeconfig")
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    options = ["--kubeconfig", str(kubeconfig), "--no-leader-elect", "--listen", f"127.0.0.1:{port}"]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen([str(PROGRAM), "run", *options], stdout=log, stderr=log), port


async def ready(port: int) -> None:
    async with asyncio.timeout(120), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(f"http://127.0.0.1:{port}/readyz") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.02)


# --- a full server --------------------------------------------------------------------------------------------------


def fill(server: ApiServer, pods: int, workloads: int = WORKLOADS) -> None:
    """Workloads, revisions and Pods as a busy cluster has them, all up to date; stored without their requests."""
    registry = Registry(server.storage, SystemClock(), random.Random(2))
    registry.create(Place(kinds.NAMESPACES), {"metadata": {"name": NAMESPACE}})
    for number in range(20):
        store(registry, Place(kinds.NODES, "", f"node-{number}"), _node(number))
    for number in range(workloads):
        _workload(registry, f"set-{number}", pods // workloads)


def _workload(registry: Registry, name: str, replicas: int) -> None:
    template = _template(name)
    revision = f"{name}-6d9f8c7b5"
    numbers = dict.fromkeys(("replicas", "readyReplicas", "currentReplicas", "updatedReplicas"), replicas)
    workload = {
        "metadata": {"name": name, "labels": {names.MODE: "InPlaceOnly", names.FROZEN: "true"}},
        "spec": {
            "replicas": replicas,
            "serviceName": name,
            "selector": {"matchLabels": {"app": name}},
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": names.FROZEN_PARTITION}},
            "template": template,
        },
    }
    status = {**numbers, "currentRevision": revision, "updateRevision": revision, "observedGeneration": 1}
    uid = store(registry, Place(kinds.STATEFULSETS, NAMESPACE, name), workload, status)
    owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": name, "uid": uid, "controller": True}
    data = {"spec": {"template": {**template, "$patch": "replace"}}}
    held = {"metadata": {"name": revision, "ownerReferences": [owner]}, "data": data, "revision": 1}
    store(registry, Place(kinds.REVISIONS, NAMESPACE, revision), held)
    for ordinal in range(replicas):
        pod = {
            "metadata": {
                "name": f"{name}-{ordinal}",
                "labels": {"app": name, names.REVISION_LABEL: revision},
                "ownerReferences": [owner],
            },
            "spec": {**template["spec"], "nodeName": f"node-{ordinal % 20}"},
        }
        store(registry, Place(kinds.PODS, NAMESPACE, f"{name}-{ordinal}"), pod, _pod_status(ordinal))


def store(registry: Registry, place: Place, body: dict[str, Any], status: dict[str, Any] | None = None) -> str:
    made = registry.create(place, body).tree
    if status is not None:
        tree = {**made, "metadata": {**made["metadata"]}, "status": {**made.get("status", {}), **status}}
        made = registry.storage.put(place.kind, place.namespace, place.name, tree).tree
    uid: str = made["metadata"]["uid"]
    return uid


def _node(number: int) -> dict[str, Any]:
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    return {
        "metadata": {"name": f"node-{number}"},
        "status": {"conditions": [ready], "nodeInfo": {"kubeletVersion": "v1.36.3"}},
    }


def _template(name: str) -> dict[str, Any]:
    """A template of some size: variables, mounts, probes, resources."""
    container = {
        "name": "app",
        "image": f"registry.test/{name}:v1",
        "env": [{"name": f"VARIABLE_{n}", "value": f"some value of variable {n}"} for n in range(20)],
        "ports": [{"containerPort": 8080, "name": "http"}, {"containerPort": 9090, "name": "metrics"}],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}},
        "livenessProbe": {"httpGet": {"path": "/live", "port": 8080}},
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
        "volumeMounts": [{"name": f"volume-{n}", "mountPath": f"/mnt/{n}"} for n in range(5)],
    }
    volumes = [{"name": f"volume-{n}", "configMap": {"name": f"config-{n}"}} for n in range(5)]
    gates = [{"conditionType": names.GATE}]
    spec = {"containers": [container], "volumes": volumes, "readinessGates": gates}
    return {"metadata": {"labels": {"app": name}}, "spec": spec}


def _pod_status(ordinal: int) -> dict[str, Any]:
    at = "2026-01-01T00:00:00Z"
    types = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled", names.GATE)
    container = {
        "name": "app",
        "image": "registry.test/app:v1",
        "imageID": "registry.test/app@sha256:" + "1" * 64,
        "containerID": f"containerd://{ordinal:064x}",
        "ready": True,
        "started": True,
        "restartCount": 0,
        "state": {"running": {"startedAt": at}},
        "lastState": {},
    }
    return {
        "phase": "Running",
        "podIP": "10.0.0.1",
        "startTime": at,
        "observedGeneration": 1,
        "conditions": [{"type": one, "status": "True", "lastTransitionTime": at} for one in types],
        "containerStatuses": [container],
    }
