"""Upgrades while requests are cut, refused, throttled and delayed at random, the same for the same seed."""

from __future__ import annotations

import pytest

from kubesim.api.faults import Rates, Seeded
from tests.scenarios import invariants
from tests.scenarios.embedded import AGENT, open_embedded
from tests.scenarios.world import identity

RATES = Rates(
    cut_before=0.06, cut_after=0.06, conflict=0.04, expired=0.1, throttled=0.05, broken=0.05, delayed=0.2, delay=3.0
)


@pytest.mark.seeds(12)
async def test_an_upgrade_under_faults(seed):
    """Each call of the controller has a chance of nearly one in two to go wrong; watches and lists as well."""
    async with open_embedded(seed=seed, witnessed=False) as world:
        budget = 1 + seed % 2
        await world.create_web(replicas=4, gate=bool(seed % 3), annotations={"max-unavailable": str(budget)})
        before = [identity(pod) for pod in await world.pods()]
        began = world.clock.monotonic()
        world.cluster.server.plan = Seeded(seed, RATES, lambda request: request.agent.startswith(AGENT))
        for count, tag in enumerate(("v2", "v3"), start=1):
            await world.set_image(world.app(tag))
            await world.wait_upgraded(seconds=4 * world.patience)
            assert [world.history.restarts(f"web-{n}", "app") for n in range(4)] == [count] * 4
        assert [identity(pod) for pod in await world.pods()] == before
        invariants.check(world.history, replicas=4, budget=budget, since=began)


@pytest.mark.seeds(4)
async def test_the_models_survive_faults_too(seed):
    """The kubelet and the controllers beside us are as patient as the real ones."""
    async with open_embedded(seed=seed, witnessed=False) as world:
        await world.create_web(replicas=3)
        began = world.clock.monotonic()
        world.cluster.server.plan = Seeded(seed, RATES, lambda request: request.agent.startswith("kube"))
        await world.set_image(world.app("v2"))
        await world.wait_upgraded(seconds=4 * world.patience)
        assert [world.history.restarts(f"web-{n}", "app") for n in range(3)] == [1, 1, 1]
        invariants.check(world.history, replicas=3, budget=1, since=began)
