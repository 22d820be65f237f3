"""What only Deployments have: ReplicaSets between them and their Pods, a history, and a pause that is also a user's."""

from __future__ import annotations

from inplace.core.objects import names
from inplace.core.objects.reasons import ReasonCode
from inplace.core.state import records
from inplace.core.state.statuses import Phase
from inplace.core.template import trees
from inplace.kube import resource as resources
from tests.scenarios.markers import core_of_many, kinds

only = kinds("Deployment", because="it is about the ReplicaSets of a Deployment")
REVISION = "deployment.kubernetes.io/revision"


async def replica_sets(world):
    """Image, revision and replicas of each ReplicaSet, the highest revision first."""
    found = (await world.client.list(resources.REPLICASETS, world.namespace, type=dict)).items
    rows = [
        (
            trees.images(one["spec"]["template"])["app"].rpartition(":")[2],
            int(one["metadata"]["annotations"][REVISION]),
            one["spec"]["replicas"],
        )
        for one in found
    ]
    return sorted(rows, key=lambda row: -row[1])


async def uids(world):
    return sorted(pod.uid for pod in await world.pods())


@core_of_many
@only
async def test_the_history_stays_usable(open_world):
    """A -> B -> A -> C: each template that was rolled out stands in the history once, in the order of its last use."""
    async with open_world() as world:
        await world.create_web(replicas=2)
        pods = await uids(world)
        for tag in ("v2", "v1", "v3"):
            await world.set_image(world.app(tag))
            await world.wait_upgraded()

        async def settled() -> bool:
            return bool(await replica_sets(world) == [("v3", 4, 2), ("v1", 3, 0), ("v2", 2, 0)])

        await world.until(settled, f"the history of three changes, not {await replica_sets(world)}")
        assert await uids(world) == pods


@core_of_many
@only
async def test_an_older_replica_set_with_the_wanted_template_is_not_taken_for_the_current(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2, mode=None)
        await world.set_image(world.app("v2"))
        await world.until(lambda: _rolled(world, "v2"), "the native rollout")
        await world.patch({"metadata": {"labels": {names.MODE: "InPlaceOnly"}}})
        await world.wait_phase("web", Phase.UP_TO_DATE)
        pods = await uids(world)
        await world.set_image(world.app("v1"))
        await world.wait_upgraded()
        await world.patch({"metadata": {"labels": {names.MODE: None}}})
        await world.until(world.is_clean, "no label or annotation of ours on any object")
        await world.clock.sleep(3)
        assert await uids(world) == pods, "after the freeze is lifted nothing is rolled"
        assert not (await world.workload()).spec.paused


async def _rolled(world, tag):
    found = await world.workload()
    same = {pod.spec.containers[0].image for pod in await world.pods()} == {world.app(tag)}
    return bool(same and world.flavour.agreed(found))


@core_of_many
@only
async def test_an_idle_deployment_stands_still(open_world):
    """Its annotations count as changes of it: a status that is written again and again would never end."""
    async with open_world() as world:
        await world.create_web(replicas=2)
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        await world.clock.sleep(2)
        generation = (await world.workload()).metadata.generation

        async def stands() -> bool:
            return bool((await world.workload()).metadata.generation == generation)

        await world.stays(stands, "the generation of an idle Deployment", 60)


@core_of_many
@only
async def test_a_pause_of_its_owner_is_his(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2, mode=None)
        await world.patch({"spec": {"paused": True}})
        await world.patch({"metadata": {"labels": {names.MODE: "InPlaceOnly"}}})
        await world.wait_phase("web", Phase.UP_TO_DATE)
        pods = await uids(world)
        await world.set_image(world.app("v2"))
        await world.wait_phase("web", Phase.PAUSED)
        await world.clock.sleep(3)
        assert {pod.spec.containers[0].image for pod in await world.pods()} == {world.app("v1")}
        assert await uids(world) == pods
        workload = await world.workload()
        assert workload.spec.paused
        assert workload.metadata.label(names.FROZEN) is None
        await world.patch({"metadata": {"labels": {names.MODE: None}}})
        await world.clock.sleep(3)
        assert (await world.workload()).spec.paused, "nor is it lifted on the way out"


@core_of_many
@only
async def test_resumed_by_somebody_midway(open_world):
    """The active ReplicaSet has the new template already: nothing is rolled, and the freeze is put back."""
    async with open_world() as world:
        await world.create_web(replicas=3)
        pods = await uids(world)
        await world.set_image(world.app("v2"))
        await world.wait_pod(world.nth(2), lambda pod: records.read(pod) is not None, "in flight")
        await world.patch({"spec": {"paused": False}})
        await world.wait_upgraded(seconds=2 * world.patience)
        assert await uids(world) == pods

        async def frozen() -> bool:
            return bool((await world.workload()).spec.paused)

        await world.until(frozen, "the freeze to be put back")


@only
async def test_recreate_is_refused_unless_all_pods_may_be_out_of_service_at_once(open_world):
    """Its owner has chosen it so that no two versions ever serve side by side."""
    async with open_world() as world:
        await world.create_web(replicas=2, strategy={"type": "Recreate"})
        pods = await uids(world)
        await world.set_image(world.app("v2"))
        status = await world.wait_phase("web", Phase.REFUSED)
        assert [reason.code for reason in status.reasons] == [ReasonCode.StrategyUnsupported]
        await world.clock.sleep(3)
        assert {pod.spec.containers[0].image for pod in await world.pods()} == {world.app("v1")}
        await world.annotate(max_unavailable="100%")
        await world.wait_upgraded()
        assert await uids(world) == pods


@only
async def test_recreate_with_one_replica_is_upgraded(open_world):
    async with open_world() as world:
        await world.create_web(replicas=1, strategy={"type": "Recreate"})
        pods = await uids(world)
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        assert await uids(world) == pods
