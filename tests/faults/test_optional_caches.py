"""A right that is missing for what protects Pods costs new disruptions, and nothing else."""

from __future__ import annotations

import asyncio

import pytest

from inplace.controller.app import App, Options
from inplace.core.objects import names
from inplace.core.objects.reasons import ReasonCode
from inplace.runtime.observe import NullObserver
from kubesim.api.faults import Answer
from tests.scenarios.embedded import AGENT, open_embedded


@pytest.mark.parametrize("plural", ["poddisruptionbudgets", "endpointslices"])
async def test_without_a_right_to_what_protects_pods_gates_are_opened_and_nothing_new_begins(plural):
    async with open_embedded(controller=False) as world:
        denied = True

        def plan(request):
            asks = request.agent.startswith(AGENT) and request.plural == plural and request.verb in ("list", "watch")
            return Answer(403) if denied and asks else None

        world.cluster.server.plan = plan
        client = world.cluster.client(AGENT, NullObserver(), field_manager=AGENT, clock=world.clock)
        options = Options(watch_namespace=world.namespace, leader_elect=False)
        app = App(client, world.clock, NullObserver(), options, print, world.cluster.rng)
        running = asyncio.create_task(app.run(signals=False))
        await world.create_web(replicas=3)
        assert all(pod.is_true(names.GATE) for pod in await world.pods()), "a closed gate is an outage"
        await world.set_image(world.app("v2"))

        async def held():
            status = await world.status()
            return status is not None and ReasonCode.CacheStale in status.waiting and plural in status.message

        await world.until(held, "the hold")
        await world.clock.sleep(60)
        assert await held()
        assert all(pod.is_true(names.GATE) for pod in await world.pods())
        denied = False
        await world.wait_upgraded()
        running.cancel()
        await asyncio.wait([running])
