"""The image is on the node before anything is killed for it."""

from __future__ import annotations

from inplace.core.objects import names
from inplace.core.objects.reasons import ReasonCode
from inplace.core.state import records
from inplace.core.state.records import Evidence
from inplace.core.state.statuses import Phase
from tests.scenarios.markers import core_of_deployments, core_of_held, kinds, long, shown_on, with_registry

QUICK = {"progress-deadline-seconds": "15"}


async def images(world):
    return {pod.spec.containers[0].image for pod in await world.pods()}


async def uids(world):
    return {pod.uid for pod in await world.pods()}


async def no_helper(world):
    async def none() -> bool:
        return not await world.helpers()

    await world.until(none, "no pull Pod")


def untouched(world, replicas, since):
    """No container was made anew and no Pod left service."""
    return (
        world.history.most_unready(replicas, since) == 0
        and [world.history.restarts(world.nth(n), "app") for n in range(replicas)] == [0] * replicas
        and all(records.read(one.pod) is None for one in world.history.seen)
    )


@core_of_held
async def test_for_an_image_that_does_not_exist_no_container_is_killed(open_world):
    async with open_world() as world:
        await world.create_web(replicas=3)
        before, began = await uids(world), world.clock.monotonic()
        await world.set_image(world.app("missing"))
        status = await world.wait_phase("web", Phase.DEGRADED)
        assert {one.code for one in status.failures} == {ReasonCode.ImagePull}
        assert world.app("missing") in status.failures[0].message
        assert "not found" in status.failures[0].message or "BackOff" in status.failures[0].message
        assert all(pod.metadata.owner_references for pod in await world.helpers())
        assert untouched(world, 3, began)
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        assert await uids(world) == before
        await no_helper(world)


@shown_on("embedded", because="minutes pass in which nothing happens")
async def test_a_missing_image_is_told_once_however_often_its_pull_is_tried(open_world):
    async with open_world() as world:
        await world.create_web(replicas=3)
        await world.set_image(world.app("missing"))
        await world.wait_phase("web", Phase.DEGRADED)
        told = (await world.status()).updated_at
        await world.clock.sleep(300)
        assert (await world.status()).updated_at == told


@kinds("StatefulSet", "Deployment", because="the others make new Pods from the new template at once")
@core_of_deployments
async def test_a_pod_that_is_born_meanwhile_does_not_have_that_image(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2)
        await world.set_image(world.app("missing"))
        await world.until(lambda: _pulls(world), "a pull Pod")
        await world.delete_pod(world.nth(0))
        await world.wait_phase("web", Phase.DEGRADED)
        await world.delete_pod(world.nth(1))

        async def whole() -> bool:
            found = await world.pods()
            return len(found) == 2 and all(pod.ready for pod in found) and await images(world) == {world.app("v1")}

        await world.until(whole, "two Pods of the old image")
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()


@long
async def test_with_rollback_nothing_is_rolled_back_that_has_not_been_anywhere(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2, annotations={"on-failure": "Rollback"})
        began = world.clock.monotonic()
        await world.set_image(world.app("missing"))
        await world.wait_phase("web", Phase.DEGRADED)
        await world.clock.sleep(3)
        status = await world.status()
        assert (status.phase, status.rolled_back_from) == (Phase.DEGRADED, "")
        assert untouched(world, 2, began)
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        await no_helper(world)


@long
@with_registry
async def test_with_rollback_a_registry_that_is_away_ends_nothing(open_world):
    async with open_world() as world, world.registry() as away:
        await world.create_web(replicas=3, annotations={"on-failure": "Rollback"})
        await world.set_image(away.app("v2"))
        await world.wait_phase("web", Phase.DEGRADED)
        away.reachable(True)
        await world.wait_upgraded(seconds=6 * world.patience)
        assert await images(world) == {away.app("v2")}


@long
async def test_best_effort_waits_for_nothing_and_says_what_it_could_not_pull(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2, annotations={**QUICK, "pre-pull": "BestEffort"})
        await world.set_image(world.app("missing"))

        async def said() -> bool:
            status = await world.status()
            return status is not None and any(reason.code == ReasonCode.ImagePull for reason in status.reasons)

        await world.until(said, "the failed pull among the reasons")
        assert len(world.history.drains()) == 1, "nobody waited for it"
        await world.set_image(world.app("v2"))
        await world.wait_upgraded(seconds=2 * world.patience)
        await no_helper(world)


@with_registry
async def test_the_digest_of_the_helper_proves_a_swap_to_the_same_bytes(open_world):
    """Another registry, the same image: neither imageID nor name can tell the kubelet's containers apart."""
    async with open_world() as world, world.registry() as mirror:
        mirror.reachable(True)
        await world.create_web(replicas=2)
        before = {pod.name: pod.status.container_statuses[0] for pod in await world.pods()}
        await world.set_image(mirror.app("v1"))
        await world.wait_upgraded(seconds=2 * world.patience)
        for pod in await world.pods():
            baseline = records.read(pod).containers["app"]
            assert baseline.expected == world.digest("app", "v1")
            told_apart = world.history.shows_the_old_first(pod)
            assert baseline.evidence == (Evidence.EXPECTED_DIGEST if told_apart else Evidence.ASSUMED_BY_GENERATION)
            assert pod.status.container_statuses[0].container_id != before[pod.name].container_id


@long
@with_registry
async def test_a_registry_that_is_away_longer_than_the_deadline_keeps_no_healthy_container_out_of_service(open_world):
    async with open_world() as world, world.registry() as away:
        await world.create_web(replicas=2, annotations=QUICK)
        began = world.clock.monotonic()
        await world.set_image(away.app("v2"))
        status = await world.wait_phase("web", Phase.DEGRADED)
        assert away.app("v2") in status.failures[0].message
        await world.clock.sleep(5)
        assert untouched(world, 2, began)
        away.reachable(True)
        await world.wait_upgraded(seconds=4 * world.patience)
        assert await images(world) == {away.app("v2")}


@long
@with_registry
async def test_without_pre_pull_it_costs_the_pods_of_one_budget_which_recover_by_themselves(open_world):
    async with open_world() as world, world.registry() as away:
        await world.create_web(replicas=3, annotations={**QUICK, "pre-pull": "Never"})
        began = world.clock.monotonic()
        await world.set_image(away.app("v2"))
        await world.wait_phase("web", Phase.DEGRADED)
        assert world.history.most_unready(3, began) == 1
        away.reachable(True)
        await world.wait_upgraded(seconds=4 * world.patience)
        assert await images(world) == {away.app("v2")}
        assert not await world.helpers()


async def test_helpers_are_cleaned_up_after_a_kill_in_the_middle(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2)
        await world.set_image(world.app("missing"))
        await world.until(lambda: _pulls(world), "a pull Pod")
        await world.kill_controller()
        await world.set_image(world.app("v2"))
        await world.start_controller()
        await world.wait_upgraded()
        await no_helper(world)


async def test_opting_out_in_the_middle_leaves_no_helper(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2)
        began = world.clock.monotonic()
        await world.set_image(world.app("missing"))
        await world.until(lambda: _pulls(world), "a pull Pod")
        await world.set_image(world.app("v1"))
        await world.wait_phase("web", Phase.UP_TO_DATE)
        await no_helper(world)
        await world.set_image(world.app("missing"))
        await world.until(lambda: _pulls(world), "a pull Pod")
        await world.kill_controller()
        await world.set_image(world.app("v1"))
        await world.patch({"metadata": {"labels": {names.MODE: None}}})
        await world.start_controller()
        await world.until(world.is_clean, "nothing of ours left")
        await no_helper(world)
        assert world.history.most_unready(2, began) == 0


@long
async def test_a_template_that_changes_to_a_bad_image_while_a_pod_is_drained_puts_it_back(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2, annotations={"grace-period-seconds": "8"})
        await world.set_image(world.app("v2"))
        await world.wait_pod(world.nth(1), lambda pod: not pod.ready, "drained")
        await world.set_image(world.app("missing"))
        await world.wait_pod(world.nth(1), lambda pod: pod.ready, "back in service")
        await world.wait_phase("web", Phase.DEGRADED)
        assert world.history.restarts(world.nth(1), "app") == 0
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()


async def _pulls(world):
    return bool(await world.helpers())
