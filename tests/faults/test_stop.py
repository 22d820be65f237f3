"""An orderly end: writes in flight are answered before the lease is given up, or it is not given up."""

from __future__ import annotations

import asyncio

import pytest

from inplace.controller.app import App, Options
from inplace.core.objects import names
from inplace.kube import resource as resources
from inplace.runtime.observe import NullObserver
from kubesim.api.faults import Delay
from tests.scenarios.embedded import AGENT, open_embedded


async def _holder(world):
    lease = await world.client.get(resources.LEASES, names.LEASE, world.namespace, type=dict)
    return lease["spec"]["holderIdentity"]


@pytest.mark.parametrize(("seconds", "released"), [(3.0, True), (4000.0, False)])
async def test_the_lease_is_released_only_once_the_outcome_of_every_write_is_known(seconds, released):
    """The next leader begins at once with what was released: at that moment nothing of ours may be on its way."""
    async with open_embedded(controller=False) as world:
        client = world.cluster.client(AGENT, NullObserver(), field_manager=AGENT, clock=world.clock)
        options = Options(watch_namespace=world.namespace, lease_namespace=world.namespace)
        app = App(client, world.clock, NullObserver(), options, print, world.cluster.rng)
        running = asyncio.create_task(app.run(signals=False))
        await world.create_web(replicas=3)
        await world.clock.sleep(10)
        assert await _holder(world) != ""
        in_flight = asyncio.Event()

        def slow(request):
            which = (request.verb, request.plural, request.subresource)
            if request.agent.startswith(AGENT) and which == ("patch", "pods", "status"):
                in_flight.set()
                return Delay(seconds)
            return None

        world.cluster.server.plan = slow
        await world.set_image(world.app("v2"))
        await in_flight.wait()
        began = world.clock.monotonic()
        app.stop()
        await running
        assert world.clock.monotonic() - began < 20
        assert (await _holder(world) == "") is released
        if released:
            drained = [pod for pod in await world.pods() if not pod.is_true("InPlaceUpdateReady")]
            assert len(drained) == 1, "and it was made"
