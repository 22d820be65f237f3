"""Where a story is played: an embedded cluster in virtual time, with our controller or without it.

Without us an agent opens the readiness gate of new Pods, which nobody else would; everything else is the owner's.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import msgspec

from hack.cluster import model
from inplace.controller.app import App
from inplace.core.objects import names
from inplace.core.plan.plan import Planner
from inplace.kube import resource as resources
from inplace.kube.client import PatchType
from inplace.kube.errors import KubeError
from inplace.runtime.clock import LoopClock
from inplace.runtime.observe import NullObserver, Observer
from kubesim.api import kinds
from kubesim.api.faults import Fault, Request
from kubesim.api.storage import Change
from kubesim.cluster import Cluster, open_cluster
from kubesim.kubelet import Timings
from tests.campaign.ledger import Ledger, Tree, condition
from tests.campaign.story import Story
from tests.scenarios import kinds as flavours
from tests.scenarios.embedded import EPOCH, NAMESPACE, REGISTRY, EmbeddedWorld
from tests.scenarios.policies import HONEST_STATUS, KEEP_FREEZE

Refusal = Callable[[Request], Fault | None]
NODES = tuple(f"node-{number}" for number in range(4))
#: A kubelet that tries again sooner: less time is to be waited for.
TIMINGS = Timings(most_backoff=40.0)


#: Errors that tell an operator of the cluster, as the stories want them to.
OF_THE_CLUSTER = frozenset({"write.stuck", "rights.missing", "credentials.rejected", "server.unreachable"})


class Alarms(NullObserver):
    """What our controller logs as an error, and is one of its own."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def event(self, name: str, /, **fields: object) -> None:
        if fields.get("level") == "error" and name not in OF_THE_CLUSTER:
            self.heard.append(f"{name}: {fields.get('error')}\n{fields.get('exception', '')}")


class Stage(EmbeddedWorld):
    """A namespace with one workload, named web."""

    def __init__(self, cluster: Cluster, clock: LoopClock, *, ours: bool, alarms: Alarms) -> None:
        super().__init__(cluster, clock)
        self.ours = ours
        #: How the owner's file reaches the server.
        self.tool = "apply"
        self.alarms = alarms
        self.ledger = Ledger(cluster.server, clock)
        self.refusals: dict[str, Refusal] = {}
        #: When the last readiness that was taken away comes back by itself (monotonic).
        self.restored_at = 0.0
        self._policies = AsyncExitStack()
        cluster.server.plan = self._plan

    # --- the controller ---------------------------------------------------------------------------------------------

    def observer(self) -> Observer:
        """Errors are heard."""
        return self.alarms

    def planner(self, app: App) -> Planner:
        """The controller's own: what commands say beside it is judged by the scenarios."""
        return app.planner

    def broken(self) -> str:
        """How our controller has ended by itself; empty while it runs."""
        ended = [task for task in self._controllers.values() if task.done()]
        return "; ".join(repr(task.exception()) for task in ended)

    def _plan(self, request: Request) -> Fault | None:
        faults = (refusal(request) for refusal in self.refusals.values())
        return next((fault for fault in faults if fault is not None), None)

    async def install_policies(self, yes: bool) -> None:
        """`kubectl apply -k manifests/policies`, and delete."""
        if yes and self.ours:
            await self._policies.enter_async_context(self.policies(KEEP_FREEZE, HONEST_STATUS))
        else:
            await self._policies.aclose()

    # --- objects ----------------------------------------------------------------------------------------------------

    def workload_tree(self) -> Tree | None:
        """The workload as the server has it; None if there is none."""
        kind = next(kind for kind in kinds.TEMPLATED if kind.resource == self.flavour.resource)
        found = self.cluster.server.storage.get(kind, self.namespace, "web")
        return found.tree if found is not None else None

    def placed(self, body: Tree) -> Tree:
        """A DaemonSet goes where its label is."""
        return self._placed(body)

    async def resize(self, replicas: int) -> None:
        """Through /scale; of a DaemonSet, by the nodes that take it."""
        if self.flavour.name == "DaemonSet":
            await self._open_nodes("web", replicas)
            return
        where, body = (self.flavour.resource, "web", self.namespace), {"spec": {"replicas": replicas}}
        await self.client.patch(*where, body, patch_type=PatchType.MERGE, subresource="scale", type=dict)

    def nth_pod(self, number: int) -> Tree | None:
        """One of the live Pods, by name and number, whatever the number."""
        alive = [pod for pod in self.ledger.pods() if "deletionTimestamp" not in pod["metadata"]]
        return alive[number % len(alive)] if alive else None

    # --- nodes ------------------------------------------------------------------------------------------------------

    async def lose_node(self, number: int) -> None:
        """Its kubelet dies, and the node lifecycle controller has noticed."""
        name = NODES[number]
        self.cluster.kubelet.stop_node(name)
        manager = self.cluster.client("kube-controller-manager")
        node = next(one.tree for one in self.cluster.server.storage.table(kinds.NODES).sorted("") if one.name == name)
        conditions = [{**one, "status": "Unknown"} for one in node["status"]["conditions"]]
        merge: dict[str, Any] = {"patch_type": PatchType.MERGE, "subresource": "status", "type": dict}
        await manager.patch(resources.NODES, name, None, {"status": {"conditions": conditions}}, **merge)
        for pod in self.ledger.objects(kinds.PODS):
            if pod["spec"].get("nodeName") == name and condition(pod, "Ready") == "True":
                ready = [
                    {**one, "status": "False"} if one["type"] == "Ready" else one for one in pod["status"]["conditions"]
                ]
                place = (resources.PODS, pod["metadata"]["name"], self.namespace)
                await manager.patch(*place, {"status": {"conditions": ready}}, **merge)

    def find_node(self, number: int) -> None:
        """It is back."""
        self.cluster.kubelet.start_node(NODES[number])

    # --- who opens the gates if we do not ---------------------------------------------------------------------------

    async def open_gates(self) -> None:
        """Give every new Pod its gate, until cancelled."""
        news = asyncio.Event()
        waiting: dict[str, Tree] = {}
        client = self.cluster.client("gate-opener")

        def note(change: Change) -> None:
            tree = change.new.tree
            if change.type != "DELETED" and tree["spec"].get("readinessGates") and condition(tree, names.GATE) is None:
                waiting[change.new.name] = tree
                news.set()

        self.cluster.server.storage.table(kinds.PODS).listeners[note] = None
        while True:
            await news.wait()
            news.clear()
            while waiting:
                name, _ = waiting.popitem()
                body = {"status": {"conditions": [{"type": names.GATE, "status": "True"}]}}
                options: dict[str, Any] = {"patch_type": PatchType.STRATEGIC, "subresource": "status", "type": dict}
                with suppress(KubeError):
                    await client.patch(resources.PODS, name, self.namespace, body, **options)


@asynccontextmanager
async def opened(story: Story, *, ours: bool) -> AsyncIterator[Stage]:
    """A stage for one story."""
    clock, images, alarms = LoopClock(EPOCH), model.catalogue(REGISTRY), Alarms()
    rng = random.Random(story.seed)
    async with open_cluster(clock, rng, images, nodes=NODES, timings=TIMINGS) as cluster:
        stage = Stage(cluster, clock, ours=ours, alarms=alarms)
        stage.flavour = flavours.BY_NAME[story.start.kind]
        stage.tool = story.start.tool
        stage.client = cluster.client("owner", field_manager="user")
        await stage.client.create(resources.NAMESPACES, None, {"metadata": {"name": NAMESPACE}}, type=msgspec.Raw)
        opener = None if ours else asyncio.create_task(stage.open_gates())
        try:
            yield stage
        finally:
            if opener is not None:
                opener.cancel()
            stage.refusals.clear()
            await stage.install_policies(False)
            for agent, task in stage._controllers.items():
                cluster.server.silence(agent)
                task.cancel()
                await asyncio.wait([task])
