"""One upgrade, killed at each of its API calls in turn: the call did not arrive, or its answer did not."""

from __future__ import annotations

import asyncio

import pytest

from kubesim.api.faults import Kill, Request
from tests.scenarios import invariants
from tests.scenarios.embedded import AGENT, open_embedded
from tests.scenarios.world import identity

#: One more than the budget: some Pods go side by side, and one has to wait.
REPLICAS = 3
BUDGET = 2
#: Fewer than this many calls would mean that the upgrade is not what it is thought to be: with a gate it costs three
#: writes and a live read for each Pod, and the status of the workload.
LEAST_CALLS = 4 * REPLICAS + 2
#: Every call is one share's, so that no worker has to kill at all of them; with `--seeds N` N shares are played.
SHARES = 4


class KillAt:
    """Kills the first controller at its n-th call after this plan was made."""

    def __init__(self, number: int, how: Kill) -> None:
        self.killed = asyncio.Event()
        self.calls: list[str] = []
        self._number = number
        self._how = how

    def __call__(self, request: Request) -> Kill | None:
        if request.agent != f"{AGENT}-1":
            return None
        self.calls.append(f"{request.verb} {request.plural}/{request.subresource} {request.name}")
        if len(self.calls) != self._number:
            return None
        self.killed.set()
        return self._how


# Without a gate no time passes between the calls of a Pod: not to arrive is then to be killed after the call before.
@pytest.mark.parametrize(("how", "gate"), [(Kill.BEFORE, True), (Kill.AFTER, True), (Kill.AFTER, False)])
@pytest.mark.seeds(SHARES)
async def test_killed_at_every_call(how, gate, seed):
    number = seed + 1
    while await survives(number, how, gate=gate):
        number += SHARES
    # It holds of every share exactly where there were at least as many calls as that.
    assert number > (LEAST_CALLS if gate else LEAST_CALLS - REPLICAS)


async def survives(number: int, how: Kill, *, gate: bool) -> bool:
    """Upgrade with the controller killed at this call and started again; False where it made fewer calls."""
    async with open_embedded(seed=number, witnessed=False) as world:
        await world.create_web(replicas=REPLICAS, gate=gate, annotations={"max-unavailable": str(BUDGET)})
        before = [identity(pod) for pod in await world.pods()]
        began = world.clock.monotonic()
        world.cluster.server.plan = plan = KillAt(number, how)
        await world.set_image(world.app("v2"))
        killed = asyncio.create_task(plan.killed.wait())
        upgraded = asyncio.create_task(world.wait_upgraded())
        await asyncio.wait([killed, upgraded], return_when=asyncio.FIRST_COMPLETED)
        reached = plan.killed.is_set()
        if reached:
            await world.kill_controller()
            await world.start_controller()
        await upgraded
        killed.cancel()
        where = f"killed {how.value} call {number}: {plan.calls[number - 1 : number]}"
        assert [identity(pod) for pod in await world.pods()] == before, where
        assert [world.history.restarts(f"web-{n}", "app") for n in range(REPLICAS)] == [1] * REPLICAS, where
        invariants.check(world.history, replicas=REPLICAS, budget=BUDGET, since=began)
        return reached
