"""The real world with the controller where people run it: in the cluster, from its image, by the project's manifests.

Each world has an installation of its own (overlays/namespaced), so that scenarios stay parallel.
"""

from __future__ import annotations

import asyncio
import fcntl
import functools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hack import kustomize
from hack.cluster import api, registry
from hack.image import oci
from hack.image.build import build
from tests.scenarios.real import RealWorld, kubectl
from tests.scenarios.world import NAME

#: The ports of manifests/base/deployment.yaml.
PROBES, METRICS = 8081, 8080


class InClusterWorld(RealWorld):
    """A namespace with an installation in it."""

    name = "real"
    #: A Pod has to be scheduled and its lease to be acquired, after a kill only when that has expired.
    patience = 120.0
    #: What is installed beside it, of manifests/components.
    components: tuple[str, ...] = ()
    _replicas = 0

    @property
    def _deployment(self) -> str:
        return f"inplace-{self.namespace}"

    async def start_controller(self, *, ready: bool = True) -> None:
        """One more replica, and wait until all are Ready."""
        self._replicas += 1
        await asyncio.to_thread(self._install)
        if ready:
            await self.until(self._is_ready, "the controller to be Ready")
            self.host = (await self._pods())[0]["status"]["podIP"]
            self.port, self.metrics_port = PROBES, METRICS

    async def kill_controller(self) -> None:
        """Their Pods are deleted without grace, and none comes."""
        if not self._replicas:
            return
        self._replicas = 0
        await asyncio.to_thread(self._scale, "--replicas=0")
        names = [one["metadata"]["name"] for one in await self._pods()]
        if names:
            await asyncio.to_thread(self._kubectl, "delete", "pod", "--grace-period=0", "--force", *names)
        await self.until(self._is_gone, "the controller to be gone")

    def stop_controller(self) -> int:
        """SIGTERM by the kubelet, for all of them."""
        self._replicas = 0
        self._scale("--replicas=0")
        self._kubectl("wait", "--for=delete", "pod", "-l", f"{NAME}=inplace", "--timeout=60s")
        return 0

    def pids(self) -> list[int]:
        """They are in another process namespace."""
        raise NotImplementedError("only shown for a controller that is a process of the tests")

    async def uninstall(self) -> None:
        """`kubectl delete -k`, with what is not in the namespace."""
        await asyncio.to_thread(self._kubectl, "delete", "--ignore-not-found", "-f", "-", stdin=self._manifests())

    async def describe(self) -> str:
        """The namespace, and the end of the controller's log."""
        said = await asyncio.to_thread(
            kubectl, self.cluster, "logs", "-n", self.namespace, "-l", f"{NAME}=inplace", "--tail=30"
        )
        return f"{await super().describe()}\n{said}"

    # --- how --------------------------------------------------------------------------------------------------------

    def _install(self) -> None:
        self._kubectl("apply", "-f", "-", stdin=self._manifests())

    def _scale(self, replicas: str) -> None:
        self._kubectl("scale", "deployment", self._deployment, replicas)

    def _kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return kubectl(self.cluster, "-n", self.namespace, *arguments, stdin=stdin)

    def _manifests(self) -> str:
        caps = {"max-disrupted": self.caps.everywhere, "max-disrupted-per-namespace": self.caps.per_namespace}
        place = "/spec/template/spec/containers/0/args/-"
        given = [f"--{flag}={value}" for flag, value in caps.items() if value is not None]
        patch = [{"op": "add", "path": place, "value": word} for word in given]
        return overlay(
            self.cluster,
            "manifests/overlays/namespaced",
            namespace=self.namespace,
            nameSuffix=f"-{self.namespace}",
            replicas=[{"name": "inplace", "count": self._replicas}],
            patches=[{"target": {"kind": "Deployment"}, "patch": json.dumps(patch)}] if patch else [],
            components=[f"../../manifests/components/{one}" for one in self.components],
        )

    async def _pods(self) -> list[dict[str, Any]]:
        found = await asyncio.to_thread(self._kubectl, "get", "pods", "-l", f"{NAME}=inplace", "-o", "json")
        items: list[dict[str, Any]] = json.loads(found)["items"]
        return [one for one in items if "deletionTimestamp" not in one["metadata"]]

    async def _is_ready(self) -> bool:
        pods = await self._pods()
        return len(pods) == self._replicas and all(_ready(pod) for pod in pods)

    async def _is_gone(self) -> bool:
        return not await self._pods()


def _ready(pod: dict[str, Any]) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def overlay(cluster: api.Cluster, base: str, **fields: Any) -> str:
    """What `kubectl apply -k` would send for an overlay of a user's upon ours, with the image of this checkout."""
    name, _, tag = controller_image(cluster).rpartition(":")
    images = [{"name": "inplace", "newName": name, "newTag": tag}]
    return kustomize.rendered({"resources": [f"../../{base}"], "images": images, **fields})


@functools.cache
def controller_image(cluster: api.Cluster) -> str:
    """The image of this checkout in the cluster's registry, built now."""
    with building(cluster):
        return pushed(cluster, build())


@contextmanager
def building(cluster: api.Cluster) -> Iterator[None]:
    """One test at a time: the builders of several write the same files."""
    with (cluster.state / "image.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def pushed(cluster: api.Cluster, made: oci.Image) -> str:
    """An image of the controller in the cluster's registry; its tag tells its digest."""
    tag = made.digest.removeprefix("sha256:")[:12]
    return registry.push(cluster.registry, "inplace", tag, made)
