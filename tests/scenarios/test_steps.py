"""Stops of a rollout: a canary, a promotion, a time, and what must not slip past them."""

from __future__ import annotations

from collections import Counter

from inplace.core.state.statuses import Phase
from tests.scenarios import invariants
from tests.scenarios.markers import core_of_held, long


async def tags(world):
    found = Counter(pod.spec.containers[0].image.rpartition(":")[2] for pod in await world.pods())
    return dict(sorted(found.items()))


async def awaiting(world, **wanted):
    """Until the workload awaits its promotion with these images, and for a while longer."""
    expected = dict(sorted(wanted.items()))

    async def stands() -> bool:
        status = await world.status()
        waits = status is not None and status.phase is Phase.AWAITING_PROMOTION
        return bool(waits and await tags(world) == expected and all(pod.ready for pod in await world.pods()))

    await world.until(stands, f"the promotion to be awaited with {expected}", 2 * world.patience)
    await world.stays(stands, f"awaiting with {expected}", 2)


@core_of_held
async def test_each_step_waits_for_its_promotion(open_world):
    async with open_world() as world:
        await world.create_web(replicas=4, annotations={"steps": "1, 50%"})
        uids, began = {pod.uid for pod in await world.pods()}, world.clock.monotonic()
        await world.set_image(world.app("v2"))
        await awaiting(world, v1=3, v2=1)
        await world.annotate(promote="one")
        await awaiting(world, v1=2, v2=2)
        await world.annotate(promote="two")
        await world.wait_upgraded()
        assert await tags(world) == {"v2": 4}
        assert {pod.uid for pod in await world.pods()} == uids
        invariants.check(world.history, replicas=4, budget=1, since=began)


async def test_a_step_with_a_time_goes_on_by_itself(open_world):
    async with open_world() as world:
        await world.create_web(replicas=3, annotations={"steps": "1:5s"})
        await world.set_image(world.app("v2"))
        await world.wait_phase("web", Phase.AWAITING_PROMOTION)
        reached = world.clock.monotonic()
        await world.wait_upgraded()
        assert world.clock.monotonic() - reached >= 4
        assert await tags(world) == {"v2": 3}


@core_of_held
async def test_pods_that_come_meanwhile_do_not_stay_at_what_is_not_promoted(open_world):
    async with open_world() as world:
        await world.create_web(replicas=3, annotations={"steps": "1"})
        await world.set_image(world.app("v2"))
        await awaiting(world, v1=2, v2=1)
        await world.delete_pod(world.nth(0))
        await world.scale(4)
        await awaiting(world, v1=3, v2=1)
        # The canary itself comes back as its kind makes it, and one Pod is upgraded again.
        await world.delete_pod(
            next(p.name for p in await world.pods() if p.spec.containers[0].image == world.app("v2"))
        )
        await awaiting(world, v1=3, v2=1)
        await world.annotate(promote="go")
        await world.wait_upgraded(seconds=2 * world.patience)
        assert await tags(world) == {"v2": 4}


@long
async def test_another_template_begins_with_the_first_step(open_world):
    async with open_world() as world:
        await world.create_web(replicas=3, annotations={"steps": "1"})
        await world.set_image(world.app("v2"))
        await awaiting(world, v1=2, v2=1)
        await world.set_image(world.app("v3"))
        await awaiting(world, v1=2, v3=1)
        await world.set_image(world.app("v1"))
        await world.until(lambda: _all(world, "v1"), "all Pods back", 2 * world.patience)


@long
async def test_a_promotion_that_comes_too_early_is_not_kept(open_world):
    async with open_world() as world:
        await world.create_web(replicas=3, annotations={"steps": "1", "promote": "early"})
        await world.set_image(world.app("v2"))
        await awaiting(world, v1=2, v2=1)


async def test_a_canary_that_fails_is_rolled_back_alone(open_world):
    async with open_world() as world:
        settings = {"steps": "1", "on-failure": "Rollback", "progress-deadline-seconds": "20"}
        await world.create_web(replicas=3, annotations={**settings, "pre-pull": "Never"})
        await world.set_image(world.app("missing"))
        await world.wait_phase("web", Phase.ROLLED_BACK, seconds=2 * world.patience)
        assert await tags(world) == {"v1": 3}
        swapped = {one.pod.name for one in world.history.seen if one.pod.spec.containers[0].image.endswith("missing")}
        assert len(swapped) == 1


async def _all(world, tag):
    return await tags(world) == {tag: 3}
