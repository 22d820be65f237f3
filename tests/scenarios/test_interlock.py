"""Deployments where admission policies pause them in the very write that changes their template (the interlock)."""

from __future__ import annotations

from inplace.core.objects import names
from inplace.core.state import records
from inplace.core.state.statuses import Phase
from inplace.kube import resource as resources
from tests.scenarios.markers import core_of_many, kinds, long
from tests.scenarios.policies import HONEST_STATUS, KEEP_FREEZE
from tests.scenarios.test_deployments import created_again, replica_sets, uids

only = kinds("Deployment", because="only a Deployment is frozen on demand")


def resumed(world, name="web"):
    async def stands() -> bool:
        found = await world.workload(name)
        return not found.spec.paused and found.metadata.label(names.FROZEN) is None

    return stands


async def at(world, tag):
    return {pod.spec.containers[0].image for pod in await world.pods()} == {world.app(tag)}


@long
@core_of_many
@only
async def test_an_idle_deployment_stands_resumed_and_no_change_slips_through(open_world):
    async with open_world() as world, world.policies(KEEP_FREEZE, HONEST_STATUS):
        await world.create_web(replicas=3)
        await world.until(resumed(world), "the Deployment to stand resumed")
        pods = await uids(world)
        for tag in ("v2", "v3"):
            changed = await world.set_image(world.app(tag))
            assert changed.spec.paused, "in the same write"
            assert changed.metadata.label(names.FROZEN) is not None
            await world.wait_upgraded()
            await world.until(resumed(world), "the Deployment to stand resumed again")
            assert await at(world, tag)
        assert await uids(world) == pods
        generation = (await world.workload()).metadata.generation

        async def still() -> bool:
            return bool((await world.workload()).metadata.generation == generation)

        await world.stays(still, "the generation of an idle Deployment", 30)


@core_of_many
@only
async def test_undo_works_and_settings_survive_it_the_pause_included(open_world):
    async with open_world() as world, world.policies(KEEP_FREEZE, HONEST_STATUS):
        await world.create_web(replicas=2)
        await world.until(resumed(world), "the Deployment to stand resumed")
        pods = await uids(world)
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        await world.until(resumed(world), "the Deployment to stand resumed again")
        # Set after the first revision: what an undo to it replaces, and what it must not.
        await world.annotate(max_unavailable="2", paused="true", grace_period_seconds="1")

        async def kept() -> bool:
            found = await world.client.list(resources.REPLICASETS, world.namespace, type=dict)
            marks = [one["metadata"].get("annotations", {}).get(names.SETTINGS, "") for one in found.items]
            return any('"inplace.dev/paused":"true"' in mark for mark in marks)

        await world.until(kept, "the settings to be kept on the active ReplicaSet")
        await world.undo(1)

        async def restored() -> bool:
            found = (await world.workload()).metadata.annotations or {}
            wanted = {"max-unavailable": "2", "paused": "true", "grace-period-seconds": "1"}
            return all(found.get(names.PREFIX + key) == value for key, value in wanted.items())

        await world.until(restored, "the settings to be put back")
        await world.wait_phase("web", Phase.PAUSED)
        await world.clock.sleep(3)
        assert await at(world, "v2"), "the pause among the settings holds"
        await world.annotate(paused=None)
        await world.wait_upgraded()
        assert await at(world, "v1")
        assert await uids(world) == pods
        await world.until(resumed(world), "the Deployment to stand resumed again")
        assert [row[:2] for row in await replica_sets(world)] == [("v1", 3), ("v2", 2)]


@only
async def test_settings_survive_an_undo_while_no_controller_runs(open_world):
    """The next one sees it before it knows whether policies are in force."""
    async with open_world() as world, world.policies(KEEP_FREEZE, HONEST_STATUS):
        await world.create_web(replicas=2)
        await world.until(resumed(world), "the Deployment to stand resumed")
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        await world.until(resumed(world), "the Deployment to stand resumed again")
        await world.annotate(max_unavailable="2")

        async def kept() -> bool:
            found = await world.client.list(resources.REPLICASETS, world.namespace, type=dict)
            marks = [one["metadata"].get("annotations", {}).get(names.SETTINGS, "") for one in found.items]
            return any('"inplace.dev/max-unavailable":"2"' in mark for mark in marks)

        await world.until(kept, "the settings to be kept on the active ReplicaSet")
        await world.kill_controller()
        await world.undo(1)
        await world.start_controller()
        await world.wait_upgraded()
        assert await at(world, "v1")
        assert (await world.workload()).metadata.annotation(names.PREFIX + "max-unavailable") == "2"


@core_of_many
@only
async def test_resuming_it_midway_lifts_nothing(open_world):
    async with open_world() as world, world.policies(KEEP_FREEZE, HONEST_STATUS):
        await world.create_web(replicas=3, annotations={"grace-period-seconds": "2"})
        await world.until(resumed(world), "the Deployment to stand resumed")
        pods = await uids(world)
        await world.set_image(world.app("v2"))
        await world.wait_pod(world.nth(2), lambda pod: records.read(pod) is not None, "in flight")
        answer = await world.patch({"spec": {"paused": None}})
        assert answer.spec.paused
        await world.wait_upgraded(seconds=2 * world.patience)
        assert await uids(world) == pods
        await world.until(resumed(world), "the Deployment to stand resumed again")


@core_of_many
@only
async def test_the_pause_of_its_owner_ends_with_a_resume_that_rolls_nothing(open_world):
    """What was changed under the pause is treated as changed by the resume."""
    async with open_world() as world, world.policies(KEEP_FREEZE, HONEST_STATUS):
        await world.create_web(replicas=2)
        await world.until(resumed(world), "the Deployment to stand resumed")
        pods = [(await world.pod(world.nth(0))).uid]
        await world.patch({"spec": {"paused": True}})
        await world.set_image(world.app("v2"))
        await world.wait_phase("web", Phase.PAUSED)
        # Pods that come meanwhile are as the others are: an autoscaler's, and one that was deleted.
        await world.delete_pod(world.nth(0))
        await world.scale(3)

        async def three() -> bool:
            found = await world.pods()
            return len(found) == 3 and pods[0] not in {pod.uid for pod in found} and all(pod.ready for pod in found)

        await world.until(three, "three Pods Ready")
        assert await at(world, "v1")
        pods = await uids(world)
        await world.patch({"spec": {"paused": None}})
        await world.wait_upgraded()
        assert await at(world, "v2")
        assert await uids(world) == pods
        await world.until(resumed(world), "the Deployment to stand resumed again")


@core_of_many
@only
async def test_what_cannot_be_made_in_place_is_handed_over_and_it_stands_resumed_afterwards(open_world):
    async with open_world() as world, world.policies(KEEP_FREEZE, HONEST_STATUS):
        await world.create_web(replicas=2, mode="InPlaceIfPossible", strategy=world.flavour.one_by_one)
        await world.until(resumed(world), "the Deployment to stand resumed")
        pods = await uids(world)
        env = [{"name": "app", "env": [{"name": "COLOUR", "value": "blue"}]}]
        await world.patch({"spec": {"template": {"spec": {"containers": env}}}})
        await world.wait_upgraded(seconds=3 * world.patience)
        assert not set(pods) & set(await uids(world))
        await world.until(resumed(world), "the Deployment to stand resumed again")


@core_of_many
@only
async def test_a_change_in_the_middle_of_a_native_rollout_does_not_interrupt_it(open_world):
    async with open_world() as world, world.policies(KEEP_FREEZE, HONEST_STATUS):
        await world.create_web(replicas=3, mode="InPlaceIfPossible", strategy=world.flavour.one_by_one)
        await world.until(resumed(world), "the Deployment to stand resumed")
        # Pods that its controller has not seen available are replaced all at once, whatever the strategy.
        await world.wait_upgraded()
        env = [{"name": "app", "env": [{"name": "COLOUR", "value": "blue"}]}]
        await world.patch({"spec": {"template": {"spec": {"containers": env}}}})

        async def several() -> bool:
            return bool(sum(row[2] > 0 for row in await replica_sets(world)) > 1)

        await world.until(several, "the native rollout to be under way")
        changed = await world.set_image(world.app("v2"))
        assert changed.spec.paused, "a policy cannot know"
        await world.wait_upgraded(seconds=3 * world.patience)
        assert await at(world, "v2")
        await world.until(resumed(world), "the Deployment to stand resumed again")


@only
async def test_the_first_deployment_of_a_namespace_stands_resumed_as_soon_as_the_policies_are_known(open_world):
    """Also if there was one before: it does not wait for when the policies would have been looked for again."""
    async with open_world() as world, world.policies(KEEP_FREEZE, HONEST_STATUS):
        for wait in (6, 9, 12):
            await created_again(world, after=wait)
            await world.wait_phase("web", Phase.UP_TO_DATE)
            await world.until(resumed(world), "the Deployment to stand resumed", seconds=4)
            await world.client.delete(resources.DEPLOYMENTS, "web", world.namespace)


@core_of_many
@only
async def test_without_the_policies_it_is_frozen_for_good(open_world):
    async with open_world() as world:
        async with world.policies(KEEP_FREEZE):
            await world.create_web(replicas=2)
            await world.until(resumed(world), "the Deployment to stand resumed")

        async def frozen() -> bool:
            found = await world.workload()
            return bool(found.spec.paused and found.metadata.label(names.FROZEN) is not None)

        await world.until(frozen, "the freeze after the policies are gone")
        pods = await uids(world)
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        assert await uids(world) == pods
