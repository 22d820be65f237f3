"""Leader election under the manifests' rights: the standby takes over, after a clean stop and after kill -9."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from inplace.core.objects import names
from inplace.kube import resource as resources
from tests.e2e.lease import lease_to_oneself
from tests.scenarios.real import SYSTEM, RealWorld
from tests.scenarios.world import identity


async def test_a_standby_takes_over(open_world, tmp_path):
    async with open_world(controller=False) as world, lease_to_oneself(world), AsyncExitStack() as stack:
        first, second, third = [_replica(world, tmp_path / name, stack) for name in ("first", "second", "third")]
        await first.start_controller()
        await world.until(lambda: _held_by_other(world, ""), "the first to hold the lease")
        holder = await _holder(world)
        await second.start_controller()
        await world.create_web(replicas=2)
        before = [identity(pod) for pod in await world.pods()]
        assert await _holder(world) == holder
        assert [line["holder"] for line in _said(second, "lease.waiting")] == [holder], "it says once for whom it waits"

        assert first.stop_controller() == 0
        began = world.clock.monotonic()
        await world.until(lambda: _held_by_other(world, holder), "the second to take the released lease")
        assert world.clock.monotonic() - began < 10, "a released lease is taken without waiting for its end"
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()

        holder = await _holder(world)
        await third.start_controller()
        await world.set_image(world.app("v3"))
        await second.kill_controller()
        await world.wait_upgraded(seconds=2 * world.patience)
        assert await _held_by_other(world, holder)
        assert [identity(pod) for pod in await world.pods()] == before
        assert not [line for replica in (first, second, third) for line in _said(replica) if line["level"] == "error"]


async def test_a_lease_that_is_deleted_stays_its_holders(open_world, tmp_path):
    async with open_world(controller=False) as world, lease_to_oneself(world), AsyncExitStack() as stack:
        first, second = [_replica(world, tmp_path / name, stack) for name in ("first", "second")]
        await first.start_controller()
        await world.until(lambda: _held_by_other(world, ""), "the first to hold the lease")
        holder = await _holder(world)
        await second.start_controller()
        await world.create_web(replicas=2)
        await world.set_image(world.app("v2"))
        for _ in range(3):
            await world.client.delete(resources.LEASES, names.LEASE, SYSTEM)
            await world.until(lambda: _held_by_other(world, ""), "the lease to be there again")
            assert await _holder(world) == holder
        await world.wait_upgraded()
        assert not _said(second, "lease.acquired"), "there was never a second leader"
        assert [line["event"] for line in _said(first) if line["event"].startswith("lease.")] == ["lease.acquired"]


def _replica(world: RealWorld, scratch: Path, stack: AsyncExitStack) -> RealWorld:
    """One more controller of the same namespace."""
    scratch.mkdir()
    made = RealWorld(world.cluster, world.client, world.namespace, scratch)
    made.options = ("--lease-namespace", SYSTEM)
    stack.push_async_callback(made.kill_controller)
    return made


def _said(replica: RealWorld, event: str = "") -> list[dict[str, Any]]:
    """The lines of its log; or those of one event."""
    lines = [json.loads(line) for line in replica.log.read_text().splitlines()]
    return [line for line in lines if event in ("", line["event"])]


async def _holder(world: RealWorld) -> str:
    found = await world.client.list(resources.LEASES, SYSTEM, type=dict)
    leases = [one for one in found.items if one["metadata"]["name"] == names.LEASE]
    return str(leases[0]["spec"].get("holderIdentity", "")) if leases else ""


async def _held_by_other(world: RealWorld, holder: str) -> bool:
    return await _holder(world) not in {holder, ""}
