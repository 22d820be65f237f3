"""The embedded cluster: an API server, nodes and controllers in one event loop.

Composition only. Each part asks the server by a client of its own, known by its User-Agent, within the loop; whoever is
outside of the process, like kubectl, over a socket.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from inplace.kube import resource as resources
from inplace.kube.client import Client
from inplace.kube.connection import plain
from inplace.runtime.clock import Clock
from inplace.runtime.observe import NullObserver, Observer
from kubesim.api import faults
from kubesim.api.near import near
from kubesim.api.server import ApiServer
from kubesim.controllers import garbage
from kubesim.controllers.base import Controller, is_ready
from kubesim.controllers.daemonset import DaemonSetController
from kubesim.controllers.deployment import DeploymentController
from kubesim.controllers.disruption import DisruptionController
from kubesim.controllers.endpointslice import EndpointSliceController
from kubesim.controllers.informers import Informers
from kubesim.controllers.replicaset import ReplicaSetController
from kubesim.controllers.scheduler import Scheduler
from kubesim.controllers.statefulset import StatefulSetController
from kubesim.kubelet import Catalogue, Kubelet, Timings

#: Those that every cluster has; callers name others.
NAMESPACES: Final = ("default", "kube-system")
#: Seconds in which every node is Ready.
START_SECONDS: Final = 30.0


class Cluster:
    """A running embedded cluster."""

    kubelet: Kubelet

    def __init__(
        self,
        server: ApiServer,
        nodes: Sequence[str],
        clock: Clock,
        catalogue: Catalogue,
        rng: random.Random,
    ) -> None:
        self.rng = rng
        self.server = server
        self.catalogue = catalogue
        self.nodes = tuple(nodes)
        self._clock = clock

    def client(
        self,
        agent: str,
        observer: Observer | None = None,
        *,
        field_manager: str = "",
        as_user: str | None = None,
        clock: Clock | None = None,
    ) -> Client:
        """A client of its own.

        `agent` is how the server knows the program; the part before a slash names the field manager unless one is
        given. `as_user` is whom admission policies see. `clock` is the program's, if it is not the cluster's.
        """
        manager = field_manager or agent.partition("/")[0]  # as the server does for clients without one
        own = clock or self._clock
        opened = plain(self.server.url, user_agent=agent, clock=own, as_user=as_user)
        session, seen = near(opened, self.server.answer, self._clock), observer or NullObserver()
        return Client(session, seen, own, field_manager=manager, rng=self.rng)

    def write_kubeconfig(self, path: Path, namespace: str = "default") -> Path:
        """A kubeconfig for `kubectl`."""
        return write_kubeconfig(self.server.url, path, namespace)


def write_kubeconfig(url: str, path: Path, namespace: str = "default") -> Path:
    """A kubeconfig of a server without TLS and credentials."""
    context = {"cluster": "embedded", "user": "nobody", "namespace": namespace}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "embedded", "cluster": {"server": url}}],
        "users": [{"name": "nobody", "user": {}}],
        "contexts": [{"name": "embedded", "context": context}],
        "current-context": "embedded",
    }
    path.write_text(json.dumps(config))
    return path


@asynccontextmanager
async def open_cluster(
    clock: Clock,
    rng: random.Random,
    catalogue: Catalogue,
    *,
    nodes: Sequence[str] = ("node-0", "node-1", "node-2"),
    namespaces: Sequence[str] = (),
    timings: Timings | None = None,
    version: str = "v1.36.3",
    plan: faults.Plan = faults.nothing,
    observer: Observer | None = None,
) -> AsyncIterator[Cluster]:
    """Start everything and wait until the nodes are Ready; everything is gone afterwards."""
    seen = observer or NullObserver()
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(ApiServer(clock, rng, plan=plan))
        cluster = Cluster(server, nodes, clock, catalogue, rng)

        def client(agent: str) -> Client:
            return cluster.client(agent, seen)

        cluster.kubelet = kubelet = Kubelet(
            client("kubelet"),
            clock,
            rng,
            seen,
            nodes=nodes,
            catalogue=catalogue,
            timings=timings or Timings(),
            version=version,
        )
        manager, scheduler = client("kube-controller-manager"), client("kube-scheduler")
        managed, scheduled = Informers(manager, clock, rng, seen), Informers(scheduler, clock, rng, seen)
        models: list[Controller] = [
            garbage.NamespaceController(managed),
            *(garbage.GarbageCollector(*one, managed) for one in garbage.OWNED),
            StatefulSetController(managed),
            DaemonSetController(managed),
            DeploymentController(managed),
            ReplicaSetController(managed),
            DisruptionController(managed),
            EndpointSliceController(managed),
            Scheduler(scheduled),
        ]
        for name in (*NAMESPACES, *namespaces):
            await manager.create(resources.NAMESPACES, None, {"metadata": {"name": name}}, type=dict)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one.run(), name="informers") for one in (managed, scheduled)]
            tasks += [group.create_task(model.run(), name=model.name) for model in models]
            tasks.append(group.create_task(kubelet.run(), name="kubelet"))
            await _until_ready(manager, nodes, clock)
            try:
                yield cluster
            finally:
                for task in tasks:
                    task.cancel()


async def _until_ready(client: Client, nodes: Sequence[str], clock: Clock) -> None:
    async with asyncio.timeout(START_SECONDS):
        while True:
            found = await client.list(resources.NODES, type=dict)
            if {node["metadata"]["name"] for node in found.items if is_ready(node)} >= set(nodes):
                return
            await clock.sleep(0.05)
