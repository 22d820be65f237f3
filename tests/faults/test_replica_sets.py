"""How often the ReplicaSets of a Deployment are written, and one that does not go."""

from __future__ import annotations

from collections import Counter

from inplace.core.objects import names
from inplace.core.state.statuses import Phase
from inplace.kube import resource as resources
from inplace.kube.client import PatchType
from kubesim.api.faults import Request
from tests.scenarios import kinds
from tests.scenarios.embedded import AGENT, open_embedded
from tests.scenarios.policies import HONEST_STATUS, KEEP_FREEZE
from tests.scenarios.test_deployments import replica_sets, uids
from tests.scenarios.test_interlock import at, resumed

#: One for each change, and one more for a plan that was made before the watch showed the first.
MOST = 2


class Counted:
    """Counts the controller's writes on ReplicaSets, by verb."""

    def __init__(self) -> None:
        self.writes: Counter[str] = Counter()

    def __call__(self, request: Request) -> None:
        if request.writes and request.plural == "replicasets" and request.agent.startswith(AGENT):
            self.writes[request.verb] += 1


async def test_a_history_whose_name_was_taken_by_the_active_replica_set_is_created_once():
    async with open_embedded() as world:
        world.flavour = kinds.DEPLOYMENT
        await world.create_web(replicas=2)
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        await world.patch({"metadata": {"labels": {names.MODE: None}}})
        await world.until(world.is_clean, "no label or annotation of ours on any object")
        await world.undo(1)
        await world.until(lambda: _has(world, "v1", 2), "the native rollout")
        await world.patch({"metadata": {"labels": {names.MODE: "InPlaceOnly"}}})
        await world.wait_phase("web", Phase.UP_TO_DATE)
        world.cluster.server.plan = counted = Counted()
        await world.set_image(world.app("v3"))
        await world.clock.sleep(60)
        assert await _has(world, "v3", 2)
        assert counted.writes["create"] <= MOST


async def test_a_replica_set_with_the_wanted_template_that_does_not_go_holds_up_only_the_resume():
    """Its finalizer is another controller's. Resumed, the Deployment would roll over to it."""
    async with open_embedded() as world, world.policies(KEEP_FREEZE, HONEST_STATUS):
        world.flavour = kinds.DEPLOYMENT
        await world.create_web(replicas=2, mode=None)
        await world.set_image(world.app("v2"))
        await world.until(lambda: _has(world, "v2", 2), "the native rollout")
        await world.patch({"metadata": {"labels": {names.MODE: "InPlaceOnly"}}})
        await world.wait_phase("web", Phase.UP_TO_DATE)
        old = await _named(world, "v1")
        await _finalize(world, old, ["scenarios.test/keep"])
        pods = await uids(world)
        world.cluster.server.plan = counted = Counted()
        await world.set_image(world.app("v1"))
        await world.until(lambda: at(world, "v1"), "the Pods to be upgraded")
        await world.wait_phase("web", Phase.UP_TO_DATE)
        assert counted.writes["delete"] <= MOST
        counted.writes.clear()
        await world.clock.sleep(30)
        assert counted.writes.total() <= MOST, "its Deployment's controller writes our status there"
        assert (await world.workload()).spec.paused, "or its Pods would be replaced by those of the old ReplicaSet"
        assert await uids(world) == pods
        await _finalize(world, old, None)
        await world.until(resumed(world), "the Deployment to stand resumed")
        assert await uids(world) == pods
        assert {row[0]: row[2] for row in await replica_sets(world)} == {"v1": 2, "v2": 0}


async def test_a_history_that_is_about_to_go_is_none():
    async with open_embedded() as world:
        world.flavour = kinds.DEPLOYMENT
        await world.create_web(replicas=2)
        for tag in ("v2", "v1"):
            await world.set_image(world.app(tag))
            await world.wait_upgraded()
        leaving = await _named(world, "v2")
        await _finalize(world, leaving, ["scenarios.test/keep"])
        await world.client.delete(resources.REPLICASETS, leaving, world.namespace)
        await world.set_image(world.app("v3"))
        await world.wait_upgraded()
        kept = await _named(world, "v1")
        await _finalize(world, kept, ["scenarios.test/keep"])
        await world.client.delete(resources.REPLICASETS, kept, world.namespace)
        await world.set_image(world.app("v1"))
        await world.wait_upgraded()
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        for name in (leaving, kept):
            await _finalize(world, name, None)
        rows = await replica_sets(world)
        assert [(row[0], row[2]) for row in rows] == [("v2", 2), ("v1", 0), ("v3", 0)]


async def _has(world, tag, replicas):
    found = await world.workload()
    same = {pod.spec.containers[0].image for pod in await world.pods()} == {world.app(tag)}
    return same and found.status.ready_replicas == replicas and world.flavour.agreed(found)


async def _named(world, tag):
    found = (await world.client.list(resources.REPLICASETS, world.namespace, type=dict)).items
    image = world.app(tag)
    return next(
        one["metadata"]["name"] for one in found if one["spec"]["template"]["spec"]["containers"][0]["image"] == image
    )


async def _finalize(world, name, finalizers):
    body = {"metadata": {"finalizers": finalizers}}
    where = (resources.REPLICASETS, name, world.namespace)
    await world.client.patch(*where, body, patch_type=PatchType.MERGE, type=dict)
