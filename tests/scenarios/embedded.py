"""The embedded world: API server, controllers, nodes and our controller in the test's own loop, in virtual time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import msgspec

from hack.cluster import model
from inplace.controller.app import App, Options
from inplace.core.plan.plan import Planner
from inplace.kube import resource as resources
from inplace.runtime.clock import Clock, LoopClock
from inplace.runtime.observe import NullObserver, Observer
from kubesim.api.faults import Answer, Cut
from kubesim.cluster import Cluster, open_cluster
from kubesim.kubelet import Catalogue, Timings
from tests.scenarios import policies
from tests.scenarios.faces import Faces, Witness
from tests.scenarios.world import Registry, World

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
REGISTRY = "registry.test"
ELSEWHERE = "elsewhere.test"
NAMESPACE = "test"
#: What the agents of our controllers begin with.
AGENT = "inplace"
DOWN_SECONDS = 3.0
#: As many as the largest scenario has Pods, so that a DaemonSet can have as many.
NODES = tuple(f"node-{number}" for number in range(6))


class EmbeddedWorld(World):
    """A namespace of a cluster that lives in this event loop."""

    name = "embedded"
    patience = 120.0

    def __init__(self, cluster: Cluster, clock: Clock, *, witnessed: bool = True) -> None:
        super().__init__()
        self._witnessed = witnessed
        self.cluster = cluster
        self.clock = clock
        self.namespace = NAMESPACE
        self._controllers: dict[str, asyncio.Task[None]] = {}
        self._serial = 0
        #: What the commands say beside each controller.
        self.faces: list[Faces] = []
        #: The clock of our controllers.
        self.own_clock = clock

    def image(self, repository: str, tag: str) -> str:
        """A reference that the model nodes know, or do not."""
        return f"{REGISTRY}/{repository}:{tag}"

    def digest(self, repository: str, tag: str) -> str:
        """Made up."""
        return model.digest(repository, tag)

    def state(self) -> object:
        """What the server has stored and what the watch has brought."""
        return self.cluster.server.storage.version, len(self.history.seen)

    async def start_controller(self) -> None:
        """Start the real controller as a task of this loop, known by an agent of its own."""
        self._serial += 1
        agent = f"{AGENT}-{self._serial}"
        known_as = {"field_manager": AGENT, "as_user": policies.ACCOUNT}
        client = self.cluster.client(agent, self.observer(), **known_as, clock=self.own_clock)
        watched = None if self.everywhere else self.namespace
        options = Options(watch_namespace=watched, leader_elect=False, caps=self.caps)
        app = App(client, self.own_clock, self.observer(), options, print, self.cluster.rng)
        app.planner = self.planner(app)
        self._controllers[agent] = asyncio.create_task(app.run(signals=False), name=agent)
        await self.until(lambda: _is_ready(app), "the controller to be ready")

    def observer(self) -> Observer:
        """What our controllers report to."""
        return NullObserver()

    def planner(self, app: App) -> Planner:
        """What a controller decides with; the commands are asked beside it."""
        if not self._witnessed:
            return Planner()
        self.faces.append(Faces(app.cache))
        return Witness(self.faces[-1])

    async def start_another_controller(self) -> None:
        """One more task."""
        await self.start_controller()

    async def kill_controller(self) -> None:
        """Cut its connections, so that nothing it sends any more arrives, then end it."""
        for agent, task in self._controllers.items():
            assert not task.done(), f"the controller had ended by itself: {task.exception()!r}"
            self.cluster.server.silence(agent)
            task.cancel()
            await asyncio.wait([task])
        self._controllers.clear()

    @asynccontextmanager
    async def registry(self, *, fresh: bool = False) -> AsyncIterator[Registry]:
        """Another name of the same images, which no node has had by it."""
        yield _Elsewhere(self.cluster.catalogue)

    @asynccontextmanager
    async def policies(self, *groups: str) -> AsyncIterator[None]:
        """Bound to this namespace; in force at once."""
        async with policies.installed(self.client, self.namespace, *policies.named(*groups)):
            yield

    async def restart_server(self) -> None:
        """Every watch ends, what is sent is lost, and then RBAC denies everything until it has read its roles."""
        server, plan = self.cluster.server, self.cluster.server.plan
        server.cut_watches()
        for fault in (Cut.BEFORE, Answer(403)):
            server.plan = lambda _, fault=fault: fault
            await self.clock.sleep(DOWN_SECONDS)
        server.plan = plan

    def cut_watches(self) -> None:
        """Every watch ends."""
        self.cluster.server.cut_watches()

    def forget_history(self) -> None:
        """Every watch ends with 410, and who comes back from before gets 410."""
        self.cluster.server.forget_history()


class _Elsewhere(Registry):
    """The model's second registry."""

    host = ELSEWHERE

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self.reachable(False)

    def reachable(self, yes: bool) -> None:
        """Pulls from it fail, or do not."""
        self._catalogue.unreachable = frozenset() if yes else frozenset({ELSEWHERE})

    def move(self, tag: str, to: str) -> None:
        """The images of other tags, and what is on nodes, stay."""
        image = self._catalogue.find(self.app(to))
        assert image is not None
        self._catalogue.push(self.app(tag), image)


async def _is_ready(app: App) -> bool:
    return all(check() is None for check in app.ready.values())


@asynccontextmanager
async def open_embedded(
    *,
    seed: int = 0,
    controller: bool = True,
    timings: Timings | None = None,
    witnessed: bool = True,
    version: str = "v1.36.3",
) -> AsyncIterator[EmbeddedWorld]:
    """A cluster of its own for each test.

    `witnessed`: the commands are asked at every step. Those that do the same a hundred times can do without.
    `version`: of the kubelets.
    """
    clock, images = LoopClock(EPOCH), model.catalogue(REGISTRY, ELSEWHERE)
    rng = random.Random(seed)
    async with open_cluster(clock, rng, images, nodes=NODES, timings=timings, version=version) as cluster:
        world = EmbeddedWorld(cluster, clock, witnessed=witnessed)
        world.client = cluster.client("scenario-tests", field_manager="user")
        await world.client.create(resources.NAMESPACES, None, {"metadata": {"name": NAMESPACE}}, type=msgspec.Raw)
        if controller:
            await world.start_controller()
        async with world.recorded():
            try:
                yield world
            finally:
                await world.kill_controller()
        untruths = [untruth for faces in world.faces for untruth in faces.untruths]
        assert not untruths, "a command said something else than the controller did:\n" + "\n".join(
            dict.fromkeys(untruths)
        )
