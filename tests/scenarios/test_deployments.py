"""What only Deployments have: ReplicaSets between them and their Pods, a history, and a pause that is also a user's."""

from __future__ import annotations

from inplace.core.objects import names
from inplace.core.objects.reasons import ReasonCode
from inplace.core.state import conditions, records
from inplace.core.state.statuses import Phase
from inplace.core.template import trees
from inplace.kube import resource as resources
from inplace.kube.client import PatchType
from tests.scenarios.markers import core_of_deployments, core_of_many, kinds, long
from tests.scenarios.policies import HONEST_STATUS, KEEP_FREEZE

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


@long
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


@core_of_deployments
@only
async def test_the_history_of_a_template_that_the_active_replica_set_was_born_with(open_world):
    """What was kept as history got the Pods by an undo, and is active now: the next history needs another name."""
    async with open_world() as world:
        await world.create_web(replicas=2)
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        await world.patch({"metadata": {"labels": {names.MODE: None}}})
        await world.until(world.is_clean, "no label or annotation of ours on any object")
        await world.undo(1)
        await world.until(lambda: _rolled(world, "v1"), "the native rollout")
        await world.patch({"metadata": {"labels": {names.MODE: "InPlaceOnly"}}})
        await world.wait_phase("web", Phase.UP_TO_DATE)
        pods = await uids(world)
        await world.set_image(world.app("v3"))
        await world.wait_upgraded()
        assert await uids(world) == pods
        assert {row[0]: row[2] for row in await replica_sets(world)} == {"v3": 2, "v1": 0, "v2": 0}


async def _at_night(world):
    """v1, v2 in place; scaled to 0, v3; then two Pods again."""
    await world.create_web(replicas=2)
    await world.set_image(world.app("v2"))
    await world.wait_upgraded()
    await world.scale(0)

    async def none() -> bool:
        return not await world.pods()

    await world.until(none, "no Pods")
    await world.set_image(world.app("v3"))
    await world.clock.sleep(3)
    await world.scale(2)
    await world.wait_upgraded()
    assert {pod.spec.containers[0].image for pod in await world.pods()} == {world.app("v3")}
    # The history that a Deployment which was never held would have.
    assert [(row[0], row[2]) for row in await replica_sets(world)] == [("v3", 2), ("v2", 0), ("v1", 0)]
    pods = await uids(world)
    await world.set_image(world.app("v1"))
    await world.wait_upgraded()
    assert await uids(world) == pods, "it is held again"


@core_of_deployments
@only
async def test_without_pods_there_is_nothing_to_hold(open_world):
    async with open_world() as world:
        await _at_night(world)


@only
async def test_without_pods_there_is_nothing_to_hold_whatever_policies_do(open_world):
    async with open_world() as world, world.policies(KEEP_FREEZE, HONEST_STATUS):
        await _at_night(world)


@core_of_deployments
@only
async def test_a_replica_set_that_is_deleted_comes_back(open_world):
    """A paused Deployment makes none."""
    async with open_world() as world:
        await world.create_web(replicas=2)
        before = await uids(world)
        for one in (await world.client.list(resources.REPLICASETS, world.namespace, type=dict)).items:
            await world.client.delete(resources.REPLICASETS, one["metadata"]["name"], world.namespace)

        async def back() -> bool:
            found = await world.pods()
            return len(found) == 2 and all(pod.ready for pod in found) and not {pod.uid for pod in found} & set(before)

        await world.until(back, "two other Pods Ready")
        await world.wait_phase("web", Phase.UP_TO_DATE)
        await world.until(lambda: held(world), "the freeze")
        pods = await uids(world)
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        assert await uids(world) == pods


async def held(world, name="web"):
    found = await world.workload(name)
    return bool(found.spec.paused and found.metadata.label(names.FROZEN) is not None)


async def _apply(world, tag, **annotations):
    """Image and settings in one write, as `kubectl apply` of a commit makes it; None: the manifest has it no more."""
    keys = {names.PREFIX + key.replace("_", "-"): value for key, value in annotations.items()}
    containers = [{"name": "app", "image": world.app(tag)}]
    await world.patch({"metadata": {"annotations": keys}, "spec": {"template": {"spec": {"containers": containers}}}})


async def _reverted(world):
    """A commit, and its revert: the settings are those of the manifest, and bound its Pods."""
    await world.create_web(replicas=4, annotations={"max-unavailable": "1"})
    await _apply(world, "v2", max_unavailable="4", disruption_budgets="Ignore")
    await world.wait_upgraded()
    await world.clock.sleep(5)
    pods, since = await uids(world), world.clock.monotonic()
    await _apply(world, "v1", max_unavailable="1", disruption_budgets=None)
    await world.wait_upgraded()
    found = (await world.workload()).metadata.annotations
    assert found[names.PREFIX + "max-unavailable"] == "1"
    assert names.PREFIX + "disruption-budgets" not in found
    assert world.history.most_unready(4, since) == 1
    assert await uids(world) == pods


@core_of_deployments
@only
async def test_a_commit_that_is_reverted_is_no_undo(open_world):
    async with open_world() as world:
        await _reverted(world)


@core_of_deployments
@only
async def test_a_commit_that_is_reverted_is_no_undo_even_where_undo_works(open_world):
    async with open_world() as world, world.policies(KEEP_FREEZE, HONEST_STATUS):
        await _reverted(world)


@core_of_deployments
@only
async def test_one_that_is_created_opted_in_is_held_before_its_first_change(open_world):
    """The first of its namespace again, some time after the last one went."""
    async with open_world() as world:
        for wait in (6, 9, 12):
            await created_again(world, after=wait)
            await world.clock.sleep(2)
            pods = await uids(world)
            await world.set_image(world.app("v2"))
            await world.wait_upgraded()
            assert await uids(world) == pods
            await _deleted(world)


async def created_again(world, *, after):
    """Create web, delete it, and some seconds after its Pods have gone create it again; its Pods are Ready then."""
    await world.create_web(replicas=2)
    await _deleted(world)
    await world.clock.sleep(after)
    again = world.manifest("web", replicas=2)
    body = {**again, "metadata": {**again["metadata"], "namespace": world.namespace}}
    await world.client.create(resources.DEPLOYMENTS, world.namespace, body, type=dict)

    async def ready() -> bool:
        found = await world.pods()
        return len(found) == 2 and all(pod.ready for pod in found)

    await world.until(ready, "two Pods Ready")


async def _deleted(world):
    await world.client.delete(resources.DEPLOYMENTS, "web", world.namespace)

    async def gone() -> bool:
        return not await world.pods()

    await world.until(gone, "no Pods")


@only
async def test_recreate_is_refused_unless_all_pods_may_be_out_of_service_at_once(open_world):
    """Its owner has chosen it so that no two versions ever serve side by side."""
    async with open_world() as world:
        await world.create_web(replicas=2, strategy={"type": "Recreate"}, annotations={"max-unavailable": "100%"})
        await world.annotate(max_unavailable=None)
        await world.wait_phase("web", Phase.REFUSED)
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


@only
async def test_nothing_is_reported_on_a_replica_set_that_its_deployment_left_behind(open_world):
    """As after `kubectl delete --cascade=orphan` amid an upgrade: whoever adopts it has never opted it in."""
    async with open_world() as world:
        await world.create_web(replicas=2, annotations={"steps": "1"})
        await world.set_image(world.app("v2"))
        await world.wait_phase("web", Phase.AWAITING_PROMOTION)
        (one,) = await _filled(world)
        where = (resources.REPLICASETS, one["metadata"]["name"], world.namespace)
        alone = {"metadata": {"labels": {"app": "nobody"}, "ownerReferences": None}}
        await world.client.patch(*where, alone, patch_type=PatchType.MERGE, type=dict)
        await world.client.delete(world.flavour.resource, "web", world.namespace)
        await world.clock.sleep(10)
        left = await world.client.get(*where, type=dict)
        assert not left["metadata"]["labels"].keys() & {names.PHASE, names.FROZEN}
        assert not {each["type"] for each in left["status"].get("conditions", ())} & conditions.OURS


async def _filled(world):
    found = (await world.client.list(resources.REPLICASETS, world.namespace, type=dict)).items
    return [one for one in found if one["spec"]["replicas"]]
