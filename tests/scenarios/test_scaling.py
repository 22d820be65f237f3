"""Pods that come and go while an upgrade runs."""

from __future__ import annotations

from inplace.core.objects import names
from inplace.core.state import records
from inplace.core.state.statuses import Phase
from tests.scenarios import invariants
from tests.scenarios.markers import core, core_of_many
from tests.scenarios.world import identity


@core
async def test_one_pod(open_world):
    async with open_world() as world:
        await world.create_web(replicas=1)
        before, began = identity(await world.pod(world.nth(0))), world.clock.monotonic()
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        assert identity(await world.pod(world.nth(0))) == before
        assert world.history.restarts(world.nth(0), "app") == 1
        invariants.check(world.history, replicas=1, budget=1, since=began)


async def test_a_new_pod_becomes_ready_while_paused(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2, annotations={"paused": "true"})
        await world.set_image(world.app("v2"))
        await world.wait_phase("web", Phase.PAUSED)
        await world.scale(4)

        async def four() -> bool:
            return len(await world.pods()) == 4 and all(pod.ready for pod in await world.pods())

        await world.until(four, "four Pods Ready")
        born = world.app("v1" if world.flavour.born_old else "v2")
        for pod in (await world.pods())[2:]:
            assert pod.is_true(names.GATE)
            assert pod.spec.containers[0].image == born
        await world.annotate(paused=None)
        await world.wait_upgraded()
        assert {pod.spec.containers[0].image for pod in await world.pods()} == {world.app("v2")}


@core_of_many
async def test_scale_up_midway(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2)
        began = world.clock.monotonic()
        await world.set_image(world.app("v2"))
        await world.wait_pod(world.nth(1), lambda pod: records.read(pod) is not None, "in flight")
        await world.scale(4)
        await world.wait_upgraded(seconds=2 * world.patience)
        pods = await world.pods()
        assert len(pods) == 4
        assert {pod.spec.containers[0].image for pod in pods} == {world.app("v2")}
        invariants.check(world.history, replicas=2, budget=1, since=began)


async def test_scale_down_of_a_pod_in_flight(open_world):
    async with open_world() as world:
        await world.create_web(replicas=3)
        await world.set_image(world.app("v2"))
        await world.wait_pod(world.nth(2), lambda pod: records.read(pod) is not None, "in flight")
        await world.scale(2)
        await world.wait_upgraded(seconds=2 * world.patience)
        assert [pod.name for pod in await world.pods()] == [world.nth(0), world.nth(1)]
        assert {pod.spec.containers[0].image for pod in await world.pods()} == {world.app("v2")}
        assert [world.history.restarts(world.nth(n), "app") for n in range(2)] == [1, 1]


async def test_two_workloads_at_once(open_world):
    async with open_world() as world:
        names_ = ("web", "db")
        for name in names_:
            await world.create(world.manifest(name, replicas=3))
        began = world.clock.monotonic()
        for name in names_:
            await world.set_image(world.app("v2"), name=name)
        for name in names_:
            await world.wait_upgraded(name, seconds=2 * world.patience)
            history = world.history.only(name)
            invariants.check(history, replicas=3, budget=1, since=began)
            assert [history.restarts(world.nth(n, name), "app") for n in range(3)] == [1, 1, 1]
