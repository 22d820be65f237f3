"""Controllers that die, that are two, and an API server that goes away."""

from __future__ import annotations

import random

import pytest

from inplace.core.state import records
from tests.scenarios import invariants
from tests.scenarios.markers import shown_on
from tests.scenarios.world import identity

TARGETS = ("v2", "v3")


@pytest.mark.seeds(20)
async def test_kill_9_at_random_moments(open_world, seed):
    rng = random.Random(seed)
    async with open_world() as world:
        await world.create_web(replicas=3, gate=bool(seed % 4), annotations={"max-unavailable": str(1 + seed % 2)})
        before = [identity(pod) for pod in await world.pods()]
        began = world.clock.monotonic()
        for tag in TARGETS:
            await world.set_image(world.app(tag))
            for _ in range(rng.randint(1, 3)):
                await world.clock.sleep(rng.uniform(0, 3))
                await world.kill_controller()
                await world.clock.sleep(rng.uniform(0, 1))
                await world.start_controller()
            await world.wait_upgraded(seconds=3 * world.patience)
        assert [identity(pod) for pod in await world.pods()] == before
        assert [world.history.restarts(world.nth(n), "app") for n in range(3)] == [len(TARGETS)] * 3
        invariants.check(world.history, replicas=3, budget=1 + seed % 2, since=began)


async def test_two_controllers_by_mistake(open_world):
    """I1 may be exceeded by one budget per extra writer; everything else holds."""
    async with open_world() as world:
        await world.start_another_controller()
        await world.create_web(replicas=4)
        began = world.clock.monotonic()
        for tag in TARGETS:
            await world.set_image(world.app(tag))
            await world.wait_upgraded(seconds=2 * world.patience)
        assert [world.history.restarts(world.nth(n), "app") for n in range(4)] == [len(TARGETS)] * 4
        invariants.check(world.history, replicas=4, budget=2, since=began)


@pytest.mark.alone
async def test_the_api_server_goes_away_midway(open_world):
    async with open_world() as world:
        await world.create_web(replicas=3)
        before = [identity(pod) for pod in await world.pods()]
        began = world.clock.monotonic()
        await world.set_image(world.app("v2"))
        await world.wait_pod(world.nth(2), lambda pod: records.read(pod) is not None, "in flight")
        await world.restart_server()
        await world.wait_upgraded(seconds=3 * world.patience)
        assert [identity(pod) for pod in await world.pods()] == before
        assert [world.history.restarts(world.nth(n), "app") for n in range(3)] == [1, 1, 1]
        invariants.check(world.history, replicas=3, budget=1, since=began, gaps=True)


@shown_on("embedded", because="nobody can make a real API server forget its history without stopping it")
async def test_watches_are_cut_and_history_is_forgotten_midway(open_world):
    async with open_world() as world:
        await world.create_web(replicas=3)
        began = world.clock.monotonic()
        await world.set_image(world.app("v2"))
        for disturb in (world.forget_history, world.cut_watches, world.forget_history):
            await world.clock.sleep(1)
            disturb()
        await world.wait_upgraded()
        assert [world.history.restarts(world.nth(n), "app") for n in range(3)] == [1, 1, 1]
        invariants.check(world.history, replicas=3, budget=1, since=began, gaps=True)
