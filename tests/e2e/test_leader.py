"""Leader election under the manifests' rights: one leads, the other takes over, by kill and by a clean stop."""

from __future__ import annotations

import pytest

from inplace.kube import resource as resources
from tests.twin.real import SYSTEM, RealWorld
from tests.twin.world import identity


@pytest.mark.parametrize("clean", [True, False], ids=["clean stop", "kill -9"])
async def test_a_standby_takes_over(open_world, tmp_path, clean):
    async with open_world(controller=False) as world:
        await world.client.delete(resources.LEASES, "inplace-controller", SYSTEM) if await _holder(world) else None
        standby = RealWorld(world.cluster, world.client, world.namespace, tmp_path / "standby")
        (tmp_path / "standby").mkdir()
        for one in (world, standby):
            one.options = ("--lease-namespace", SYSTEM)
        await world.start_controller()
        await world.until(lambda: _holds(world), "the first to hold the lease")
        first = await _holder(world)
        await standby.start_controller()
        try:
            await world.create_web(replicas=2)
            before = [identity(pod) for pod in await world.pods()]
            assert await _holder(world) == first
            if clean:
                assert world.stop_controller() == 0
            else:
                await world.kill_controller()
            began = world.clock.monotonic()
            await world.set_image(world.app("v2"))
            await world.wait_upgraded()
            assert await _holder(world) not in {first, ""}
            assert [identity(pod) for pod in await world.pods()] == before
            if clean:
                assert world.clock.monotonic() - began < 15, "a released lease is taken without waiting for its end"
        finally:
            standby.stop_controller()


async def _holder(world) -> str:
    found = await world.client.list(resources.LEASES, SYSTEM, type=dict)
    leases = [one for one in found.items if one["metadata"]["name"] == "inplace-controller"]
    return str(leases[0]["spec"].get("holderIdentity", "")) if leases else ""


async def _holds(world) -> bool:
    return bool(await _holder(world))
