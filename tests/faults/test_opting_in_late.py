"""What was not opted in was not kept: once it is, everything is there, and once it is not any more, it is let go."""

from __future__ import annotations

import asyncio

import pytest

from inplace.controller.app import App, Options
from inplace.core.objects import names
from inplace.core.state.statuses import Phase
from inplace.runtime.observe import NullObserver
from kubesim.api.faults import Answer, Cut
from tests.scenarios.embedded import AGENT, open_embedded
from tests.scenarios.kinds import DAEMONSET, DEPLOYMENT, STATEFULSET


def _held(app, name):
    """What is kept of a workload and of everything below it: whether it is whole."""
    stores = (*app.cache.workloads.values(), app.cache.revisions)
    items = [item for store in stores for item in store.values() if item.metadata.name.split("-")[0] == name]
    return [not item.partial for item in items]


@pytest.mark.parametrize("fault", [None, Answer(500), Cut.AFTER], ids=str)
@pytest.mark.parametrize("flavour", [STATEFULSET, DAEMONSET, DEPLOYMENT], ids=lambda one: one.name)
async def test_a_workload_with_a_history_is_opted_in_upgraded_and_opted_out(flavour, fault):
    async with open_embedded(controller=False) as world:
        world.flavour = flavour
        client = world.cluster.client(AGENT, NullObserver(), field_manager=AGENT, clock=world.clock)
        options = Options(watch_namespace=world.namespace, leader_elect=False)
        app = App(client, world.clock, NullObserver(), options, print, world.cluster.rng)
        running = asyncio.create_task(app.run(signals=False))
        await world.create_web(mode=None)
        await world.set_image(world.app("v2"))
        await world.clock.sleep(60)
        assert len(_held(app, "web")) >= 3
        assert not any(_held(app, "web")), "neither the workload nor its history"
        failures = 2

        def plan(request):
            nonlocal failures
            reads = request.verb == "get" and request.plural in ("replicasets", "controllerrevisions")
            if fault is None or not failures or not (reads and request.agent.startswith(AGENT)):
                return None
            failures -= 1
            return fault

        world.cluster.server.plan = plan
        await world.patch({"metadata": {"labels": {names.MODE: "InPlaceOnly"}}})
        await world.wait_phase("web", Phase.UP_TO_DATE)
        before = {pod.uid for pod in await world.pods()}
        await world.set_image(world.app("v3"))
        await world.wait_upgraded()
        assert {pod.uid for pod in await world.pods()} == before, "in place"
        assert all(_held(app, "web"))
        await world.patch({"metadata": {"labels": {names.MODE: None}}})
        await world.until(world.is_clean, "nothing of ours")
        await world.clock.sleep(10)
        assert not any(_held(app, "web"))
        running.cancel()
        await asyncio.wait([running])
