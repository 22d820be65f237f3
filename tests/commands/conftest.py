"""The commands as a user runs them, on the embedded cluster in real time.

A command runs in a thread of its own with a loop of its own, and reaches the cluster by a kubeconfig over a socket.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest_asyncio
from click.testing import CliRunner
from msgspec import Struct

from inplace.cli.app import main
from inplace.controller.app import App, Options
from inplace.core.objects import names
from inplace.core.objects.model import Pod
from inplace.core.objects.nodes import Node
from inplace.core.objects.workloads import Workload
from inplace.kube import resource as resources
from inplace.kube.client import Client, PatchType
from inplace.runtime.clock import SystemClock
from inplace.runtime.observe import NullObserver
from kubesim.api.faults import Answer, Fault, Request
from kubesim.cluster import Cluster, open_cluster
from kubesim.kubelet import Catalogue, Image, Timings
from tests.scenarios import manifests

IMAGES = {
    f"shop:{tag}": Image(digest=f"sha256:{n * 64}") for n, tag in zip("1234", ("v1", "v2", "v3", "latest"), strict=True)
}
NAMESPACE = "default"
#: The User-Agent of the commands starts with this; everybody else's does not.
COMMANDS = "inplace/"
PATIENCE_SECONDS = 20.0


class Done(Struct, frozen=True):
    """A command that has ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Its output, decoded."""
        return json.loads(self.out)

    def pod(self, name: str) -> Any:
        """What a document says of one Pod."""
        return next(pod for pod in self.json()["pods"] if pod["name"] == name)


class Shop:
    """A cluster with a StatefulSet, and the commands."""

    def __init__(self, cluster: Cluster, client: Client, kubeconfig: Path) -> None:
        self.cluster = cluster
        self.client = client
        self.kubeconfig = kubeconfig
        #: What the commands have asked of the server, in order.
        self.requests: list[Request] = []
        #: Which of these RBAC denies, and to which the server answers with 500.
        self.denied: Callable[[Request], bool] = lambda request: False
        self.broken: Callable[[Request], bool] = lambda request: False
        cluster.server.plan = self._plan

    def _plan(self, request: Request) -> Fault | None:
        if not request.agent.startswith(COMMANDS):
            return None
        self.requests.append(request)
        if self.denied(request):
            return Answer(403)
        return Answer(500) if self.broken(request) else None

    async def inplace(self, *arguments: str, stdin: str | None = None) -> Done:
        """Run `inplace` with these arguments."""
        line = [*arguments, "--kubeconfig", str(self.kubeconfig)]
        result = await asyncio.to_thread(CliRunner().invoke, main, line, input=stdin)
        assert isinstance(result.exception, SystemExit | None), (result.exception, result.output)
        return Done(result.exit_code, result.stdout, result.stderr)

    # --- what others do ---------------------------------------------------------------------------------------------

    async def create(self, replicas: int = 1, **options: Any) -> None:
        """The StatefulSet web on shop:v1, with all of its Pods Ready if a controller opens their gates."""
        body = manifests.statefulset("web", "shop:v1", replicas=replicas, **options)
        await self.client.create(resources.STATEFULSETS, NAMESPACE, body, type=dict)

    async def create_ready(self, replicas: int = 1, **options: Any) -> None:
        """The same, and wait for its Pods."""
        await self.create(replicas, **options)
        await self.until(lambda: self._are_ready(replicas), "all Pods to be Ready")

    async def create_alone(self, name: str) -> None:
        """A Pod of nobody, Ready."""
        spec = {"containers": [{"name": "app", "image": "shop:v1", "imagePullPolicy": "IfNotPresent"}]}
        await self.client.create(resources.PODS, NAMESPACE, {"metadata": {"name": name}, "spec": spec}, type=dict)

        async def ready() -> bool:
            return (await self.pod(name)).ready

        await self.until(ready, f"pod/{name} to be Ready")

    async def set_image(self, tag: str) -> None:
        """`kubectl set image`, and wait until the StatefulSet controller has named the revision."""
        container = {"name": "app", "image": f"shop:{tag}"}
        await self.patch({"spec": {"template": {"spec": {"containers": [container]}}}})
        await self.until(self._is_observed, "the revision to be named")

    async def annotate(self, **settings: str) -> None:
        """Settings of the workload, underscores for dashes."""
        annotations = {names.PREFIX + key.replace("_", "-"): value for key, value in settings.items()}
        await self.patch({"metadata": {"annotations": annotations}})

    async def patch(self, change: dict[str, Any]) -> None:
        """Patch the StatefulSet."""
        await self.client.patch(
            resources.STATEFULSETS, "web", NAMESPACE, change, patch_type=PatchType.STRATEGIC, type=dict
        )

    async def delete(self) -> None:
        """Delete the StatefulSet."""
        await self.client.delete(resources.STATEFULSETS, "web", NAMESPACE)

    async def workload(self) -> Workload:
        """The StatefulSet as it is now."""
        return await self.client.get(resources.STATEFULSETS, "web", NAMESPACE, type=Workload)

    async def pod(self, name: str) -> Pod:
        """One Pod as it is now."""
        return await self.client.get(resources.PODS, name, NAMESPACE, type=Pod)

    @asynccontextmanager
    async def controller(self) -> AsyncIterator[None]:
        """The controller, while the block runs."""
        client = self.cluster.client("controller", field_manager="inplace")
        app = App(client, SystemClock(), NullObserver(), Options(leader_elect=False), print)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(app.run(signals=False))
            try:
                yield
            finally:
                task.cancel()

    async def reported(self, phase: str) -> None:
        """Wait until the controller reports a phase of the present generation."""
        await self.until(lambda: self._is_reported(phase), f"the phase {phase}")

    async def lose_node(self, name: str) -> None:
        """The kubelet of a node is gone, and the node is NotReady."""
        change = {"status": {"conditions": [{"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"}]}}
        await self.client.patch(
            resources.NODES, name, None, change, patch_type=PatchType.STRATEGIC, subresource="status", type=dict
        )
        await self.until(lambda: self._is_lost(name), "the node to be NotReady")

    async def until(self, holds: Callable[[], Any], what: str) -> None:
        """Wait for something."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while True:
                    found = holds()
                    if await found if inspect.isawaitable(found) else found:
                        return
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"waited in vain for {what}") from None

    async def _are_ready(self, replicas: int) -> bool:
        pods = await self.client.list(resources.PODS, NAMESPACE, type=Pod)
        return sum(pod.ready for pod in pods.items) == replicas

    async def _is_observed(self) -> bool:
        workload = await self.workload()
        return workload.status.observed_generation == workload.metadata.generation

    async def _is_reported(self, phase: str) -> bool:
        meta = (await self.workload()).metadata
        text = meta.annotation(names.STATUS)
        status = json.loads(text) if text else {}
        return status.get("phase") == phase and status.get("observedGeneration") == meta.generation

    async def _is_lost(self, name: str) -> bool:
        node = await self.client.get(resources.NODES, name, type=Node)
        return any(one.type == "Ready" and one.status != "True" for one in node.status.conditions)


@pytest_asyncio.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    """A cluster of its own, and the commands for it."""
    clock, rng = SystemClock(), random.Random(1)
    async with open_cluster(clock, rng, Catalogue(IMAGES), timings=Timings.fast()) as cluster:
        client = cluster.client("kubectl", field_manager="kubectl")
        yield Shop(cluster, client, cluster.write_kubeconfig(tmp_path / "kubeconfig"))
