"""While the API server was away nobody could report, and what is known of the cluster is from before: no verdict."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from inplace.controller.app import App, Options
from inplace.core.objects.workloads import Workload
from inplace.core.state import records, statuses
from inplace.core.state.records import PodPhase
from inplace.core.state.statuses import Phase
from inplace.kube.errors import LeaseLost
from inplace.runtime.observe import NullObserver
from kubesim.api.faults import Cut
from tests.scenarios.embedded import AGENT, open_embedded

#: Longer than the deadline of the Pod in flight.
OUTAGE = 60


@asynccontextmanager
async def replicas(world, number):
    """Controllers of which one leads; yields their tasks."""
    running = []
    for n in range(number):
        client = world.cluster.client(f"{AGENT}-{n}", NullObserver(), field_manager=AGENT, clock=world.clock)
        options = Options(watch_namespace=world.namespace, lease_namespace=world.namespace, leader_elect=number > 1)
        app = App(client, world.clock, NullObserver(), options, print, world.cluster.rng)
        app._identity = f"replica-{n}"
        app._elector = app._make_elector()
        running.append(asyncio.create_task(app.run(signals=False)))
        await world.clock.sleep(3)
    try:
        yield running
    finally:
        for task in running:
            task.cancel()
        await asyncio.wait(running)


@pytest.mark.parametrize("number", [1, 2], ids=["the same process", "a standby"])
async def test_an_outage_beyond_the_deadline_of_a_pod_in_flight_is_not_held_against_its_image(number):
    async with open_embedded(controller=False) as world, replicas(world, number) as running:
        settings = {"on-failure": "Rollback", "progress-deadline-seconds": "20"}
        await world.create_web(replicas=3, annotations=settings)
        said = []

        def note(_old, new, _initial):
            status = statuses.read(new.metadata) if new is not None else None
            said.append(status.phase if status is not None else None)

        async with world.watching(world.flavour.resource, Workload, note):
            await world.set_image(world.app("v2"))
            await world.wait_pod(world.nth(2), _is_swapping, "the swap")
            server = world.cluster.server
            plan, server.plan = server.plan, lambda _: Cut.BEFORE
            server.cut_watches()
            await world.clock.sleep(OUTAGE)
            server.plan = plan
            await world.wait_upgraded(seconds=180)
        assert not {Phase.ROLLING_BACK, Phase.DEGRADED, Phase.ROLLED_BACK} & set(said)
        ended = [task.exception() for task in running if task.done()]
        assert [type(error) for error in ended] == [LeaseLost] * (number - 1), "and another one leads"


def _is_swapping(pod):
    record = records.read(pod)
    return isinstance(record, records.Record) and record.phase is PodPhase.SWAPPING
