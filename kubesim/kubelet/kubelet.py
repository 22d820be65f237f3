"""The kubelets of some nodes: their Node objects, one watch of Pods, one worker per Pod.

Composition only. Does not depend on which API server it talks to.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Any, Final

from inplace.kube import resource as resources
from inplace.kube.client import Client, PatchType
from inplace.kube.errors import AlreadyExists, KubeError
from inplace.kube.reflector import Reflector
from inplace.kube.store import Store
from inplace.runtime.clock import Clock
from inplace.runtime.observe import Observer
from kubesim.kubelet.catalogue import Catalogue
from kubesim.kubelet.container import Tree
from kubesim.kubelet.machinery import Abilities, Machinery
from kubesim.kubelet.node import NodeState
from kubesim.kubelet.timings import Timings
from kubesim.kubelet.worker import Worker
from kubesim.objects import is_over

#: How often Node objects are written if there is news, and where there is none, in seconds
#: (nodeStatusUpdateFrequency, nodeStatusReportFrequency).
NEWS_SECONDS: Final = 10.0
REPORT_SECONDS: Final = 300.0
#: Seconds until a Node that could not be registered is tried again.
RETRY_SECONDS: Final = 1.0


class Kubelet:
    """Owns the nodes it is given, and runs what is bound to them."""

    def __init__(
        self,
        client: Client,
        clock: Clock,
        rng: random.Random,
        observer: Observer,
        *,
        nodes: Sequence[str],
        catalogue: Catalogue,
        timings: Timings | None = None,
        version: str = "v1.36.3",
    ) -> None:
        self._client = client
        self._clock = clock
        self._observer = observer
        self._version = version
        self._machinery = Machinery(client, clock, rng, observer, timings or Timings(), Abilities(version))
        self._nodes = {name: NodeState(name, number, catalogue) for number, name in enumerate(nodes)}
        self._workers: dict[str, Worker] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None
        store: Store[Tree] = Store(
            key=lambda one: (one["metadata"]["namespace"], one["metadata"]["name"]),
            version=lambda one: str(one["metadata"]["resourceVersion"]),
        )
        self._reflector = Reflector(
            client, resources.PODS, store, dict, on_change=self._changed, clock=clock, observer=observer, rng=rng
        )

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            group.create_task(self._reflector.run(), name="kubelet watch")
            await self._reflector.wait_synced()
            await asyncio.gather(*(self._register(node) for node in self._nodes.values()))
            group.create_task(self._beat(), name="kubelet heartbeat")

    def stop_node(self, name: str) -> None:
        """A node's kubelet dies; its containers keep running, and their status is no longer reported."""
        self._nodes[name].alive = False
        for uid, worker in self._workers.items():
            if worker.pod["spec"].get("nodeName") == name and uid in self._tasks:
                self._tasks.pop(uid).cancel()

    def start_node(self, name: str) -> None:
        """It is back, finds its containers as they are, and says so of itself and of them."""
        self._nodes[name].alive = self._nodes[name].dirty = True
        for uid, worker in list(self._workers.items()):
            if worker.pod["spec"].get("nodeName") == name:
                worker.distrust()
                self._start(uid, worker)

    def fail_probes(self, uid: str, seconds: float) -> None:
        """The containers of a Pod that run are not ready for so long."""
        self._workers[uid].fail_probes(seconds)

    def crash(self, uid: str) -> None:
        """The containers of a Pod that run end by themselves."""
        self._workers[uid].crash()

    async def set_network(self, name: str, *, works: bool) -> None:
        """A node's network agent breaks or is mended; the kubelet reports it at once."""
        node = self._nodes[name]
        node.networked = works
        await self._report(node)
        for worker in self._workers.values():
            if worker.pod["spec"].get("nodeName") == name:
                worker.tell(worker.pod)

    # --- Pods -------------------------------------------------------------------------------------------------------

    def _changed(self, old: Tree | None, new: Tree | None, initial: bool) -> None:
        if new is None:
            if old is not None:
                self._forget(old["metadata"]["uid"])
            return
        if old is not None and old["metadata"]["uid"] != new["metadata"]["uid"]:
            self._forget(old["metadata"]["uid"])
        node = self._nodes.get(new["spec"].get("nodeName", ""))
        if node is None:
            return
        uid = new["metadata"]["uid"]
        if uid in self._workers:
            self._workers[uid].tell(new)
        elif not is_over(new):
            self._take(uid, new, node, adopt=initial)

    def _take(self, uid: str, pod: Tree, node: NodeState, *, adopt: bool) -> None:
        worker = Worker(pod, node, self._machinery)
        if adopt:
            worker.adopt()
        self._workers[uid] = worker
        if node.alive:
            self._start(uid, worker)

    def _start(self, uid: str, worker: Worker) -> None:
        assert self._group is not None
        self._tasks[uid] = self._group.create_task(worker.run(), name=f"pod {worker.pod['metadata']['name']}")

    def _forget(self, uid: str) -> None:
        worker = self._workers.pop(uid, None)
        self._tasks.pop(uid, None)
        if worker is not None:
            worker.forget()

    # --- nodes ------------------------------------------------------------------------------------------------------

    async def _register(self, node: NodeState) -> None:
        """Create the Node, or take over the one that is there."""
        while True:
            try:
                tree = node.tree(self._version, self._clock.now())
                try:
                    await self._client.create(resources.NODES, None, tree, type=Any)
                except AlreadyExists:
                    await self._report(node)
            except KubeError as error:
                self._observer.event("kubelet.failed", level="warning", node=node.name, error=str(error))
                await self._clock.sleep(RETRY_SECONDS)
            else:
                return

    async def _report(self, node: NodeState) -> None:
        node.dirty, node.reported = False, self._clock.monotonic()
        body = {"status": node.status(self._version, self._clock.now())}
        await self._client.patch(
            resources.NODES, node.name, None, body, patch_type=PatchType.MERGE, type=Any, subresource="status"
        )

    async def _beat(self) -> None:
        """Report nodes that have new images, and all of them now and then."""
        while True:
            await self._clock.sleep(NEWS_SECONDS)
            for node in self._nodes.values():
                old = self._clock.monotonic() - node.reported > REPORT_SECONDS
                if node.alive and (node.dirty or old):
                    try:
                        await self._report(node)
                    except KubeError as error:
                        node.dirty = True
                        self._observer.event("kubelet.failed", level="warning", node=node.name, error=str(error))
