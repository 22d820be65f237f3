"""Images that cannot be pulled, and pulls of others beside them: nobody waits for a slot that a lost pull keeps."""

from __future__ import annotations

from contextlib import asynccontextmanager

from msgspec.structs import replace

from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import ReasonCode
from inplace.core.rollout import pull_pods
from inplace.core.rollout.prepull import MAX_PULLS_PER_REGISTRY
from inplace.core.state.statuses import Phase
from inplace.kube import resource as resources
from tests.scenarios.embedded import open_embedded


async def test_images_that_do_not_exist_keep_nobody_elses_from_being_pulled():
    """Two workloads of six Pods, all in their budgets: more pulls than one registry may have."""
    async with open_embedded() as world:
        for name in ("bad1", "bad2"):
            await world.create(world.manifest(name, replicas=6, annotations={"max-unavailable": "100%"}))
        await world.create_web(replicas=2)
        for name in ("bad1", "bad2"):
            await world.set_image(world.app("missing"), name=name)
        for name in ("bad1", "bad2"):
            await world.wait_phase(name, Phase.DEGRADED)
        await world.set_image(world.app("v2"))
        await world.wait_upgraded(seconds=30)


async def test_who_waits_for_a_slot_says_so_and_goes_on_when_there_is_one():
    async with open_embedded() as world:
        for name in ("one", "two"):
            await world.create(world.manifest(name, replicas=6, annotations={"max-unavailable": "100%"}))

        async def waits() -> bool:
            found = [await world.status(name) for name in ("one", "two")]
            return any(status is not None and ReasonCode.PullLimit in status.waiting for status in found)

        async with counting(world) as most:
            for name in ("one", "two"):
                await world.set_image(world.app("v2"), name=name)
            await world.until(waits, "a Pod that waits for a slot", 5)
            for name in ("one", "two"):
                await world.wait_upgraded(name, seconds=30)
        assert most == [MAX_PULLS_PER_REGISTRY // 2], "as many as are free for others"


async def test_pulls_of_another_namespace_that_hang_keep_nobody_from_upgrading():
    """A registry that sends a byte now and then costs nothing, and there are as many as one likes."""
    async with open_embedded(witnessed=False) as world:
        await world.kill_controller()
        world.everywhere = True
        await world.start_controller()
        image = world.cluster.catalogue.find(world.app("v3"))
        assert image is not None
        world.cluster.catalogue.push(world.app("v3"), replace(image, pull_seconds=3000.0))
        names = [f"slow-{number}" for number in range(4)]
        async with elsewhere(world, "tenant"), counting(world) as most:
            for name in names:
                await world.create(world.manifest(name, replicas=6, annotations={"max-unavailable": "100%"}))
            for name in names:
                await world.set_image(world.app("v3"), name=name)
            await world.clock.sleep(5)
            assert most == [MAX_PULLS_PER_REGISTRY // 2], "they take all that they may have"
        await world.create_web(replicas=2)
        await world.set_image(world.app("v2"))
        await world.wait_upgraded(seconds=30)


@asynccontextmanager
async def elsewhere(world, namespace):
    """What is done in this block is done in another namespace, which is new."""
    await world.client.create(resources.NAMESPACES, None, {"metadata": {"name": namespace}}, type=dict)
    own, world.namespace = world.namespace, namespace
    try:
        yield
    finally:
        world.namespace = own


@asynccontextmanager
async def counting(world):
    """Yields a list of one item: the largest number of pull Pods that were pulling at once."""
    now, most = set(), [0]

    def note(old, new, initial):
        name = (new or old).name
        if name.startswith("inplace-pull-"):
            pulls = new is not None and pull_pods.is_pulling(new, world.clock.now())
            now.add(name) if pulls else now.discard(name)
            most[0] = max(most[0], len(now))

    async with world.watching(resources.PODS, Pod, note):
        yield most
