"""A controller whose machine has the wrong time: it goes by the API server's."""

from __future__ import annotations

from datetime import timedelta

import pytest

from inplace.core.objects.workloads import Pdb
from inplace.runtime.clock import TOLERANCE, LoopClock, ServerClock
from kubesim.controllers.disruption import FORGET
from tests.scenarios import invariants
from tests.scenarios.embedded import EPOCH, open_embedded
from tests.scenarios.test_budgets import PDBS, budget


@pytest.mark.parametrize("minutes", [-5, 5])
async def test_what_is_reserved_from_a_budget_is_neither_stale_nor_of_the_future(minutes):
    """The disruption controller forgets an entry after two minutes, by its own clock."""
    async with open_embedded(controller=False) as world:
        world.own_clock = ServerClock(LoopClock(EPOCH + timedelta(minutes=minutes)))
        await world.start_controller()
        await world.create_web(replicas=3)
        await budget(world, minAvailable=2)
        ages: list[timedelta] = []

        def note(_old, new, _initial):
            if new is not None:
                ages.extend(world.clock.now() - at for at in new.status.entries.values())

        began = world.clock.monotonic()
        async with world.watching(PDBS, Pdb, note):
            await world.set_image(world.app("v2"))
            await world.wait_upgraded()
        assert ages
        assert all(-TOLERANCE < age < FORGET for age in ages)
        invariants.check(world.history, replicas=3, budget=1, since=began)
