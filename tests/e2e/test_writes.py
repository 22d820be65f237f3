"""Writes per upgraded Pod, counted by the API server itself: 3 with a gate, 2 without, at most one read."""

from __future__ import annotations

import asyncio

import pytest

from inplace.core.rollout import pull_pods
from tests import audit
from tests.scenarios.markers import long


@pytest.mark.parametrize(("gate", "writes"), [(True, 3), (False, 2)], ids=["gate", "no gate"])
async def test_writes_per_pod(open_world, gate, writes):
    replicas = 4
    async with open_world() as world:
        assert world.cluster.audit_log is not None, "writes are counted from the audit log: set AUDIT_LOG"
        await world.create_web(replicas=replicas, gate=gate, annotations={"max-unavailable": "2"})
        before = len(_entries(world))
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        await asyncio.sleep(1)
        made = _entries(world)[before:]
        every = [one for one in made if one.object_ref.resource == "pods" and not one.dry_run]
        pods = [one for one in every if not one.object_ref.name.startswith(pull_pods.PREFIX)]
        helpers = [one.verb for one in every if one not in pods]
        assert helpers in ([], ["create", "delete"]), "one helper at most, where the node does not list the image"
        assert [one for one in made if one.response_status.code in {409, 422} and not one.dry_run] == []
        assert sum(one.verb == "patch" for one in pods) == writes * replicas
        assert sum(one.verb == "get" for one in pods) <= replicas
        assert {one.verb for one in pods} <= {"patch", "get"}


def _entries(world) -> list[audit.Entry]:
    return list(audit.read(world.cluster.audit_log, world.namespace, "inplace/"))


async def test_an_idle_workload_costs_no_writes(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2)
        await asyncio.sleep(3)
        before = len(_entries(world))
        await asyncio.sleep(20)
        # A dry run writes nothing: by some the controller tries, now and then, whether the policies are in force.
        made = [one for one in _entries(world)[before:] if not one.dry_run]
        assert [(one.verb, one.object_ref.resource) for one in made] == []


@long
async def test_kill_9_at_many_moments_of_one_upgrade(open_world):
    """Whenever it dies: upgraded in the end, and no container restarted twice for one target."""
    async with open_world() as world:
        await world.create_web(replicas=3)
        for number, tag in enumerate(("v2", "v3", "v1", "v4")):
            before = {pod.name: world.history.restarts(pod.name, "app") for pod in await world.pods()}
            await world.set_image(world.app(tag))
            for moment in range(3):
                await asyncio.sleep(0.15 + 0.37 * moment + 0.11 * number)
                await world.kill_controller()
                await world.start_controller()
            await world.wait_upgraded(seconds=2 * world.patience)
            after = {pod.name: world.history.restarts(pod.name, "app") for pod in await world.pods()}
            assert after == {name: count + 1 for name, count in before.items()}
