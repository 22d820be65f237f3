"""The writes that our account must not make, on the model server: the same list as on the real one."""

from __future__ import annotations

import pytest

from inplace.core.objects.reasons import EventReason
from inplace.kube import resource as resources
from tests import forbidden
from tests.scenarios import kinds, policies, test_resize
from tests.scenarios.embedded import open_embedded


async def test_no_write_that_it_must_not_make_is_let_through():
    async with open_embedded(controller=False) as world:
        writes = await forbidden.stand(world)
        client = world.cluster.client("forbidden", field_manager="inplace", as_user=policies.ACCOUNT)
        async with world.policies("fence"):
            asked = [(write, await forbidden.refused(client, world.namespace, write)) for write in writes]
        otherwise = {write.what: said for write, said in asked if "'inplace-fence-" not in said}
        # Those the model refuses of every Pod, where a real server lets them pass as long as the Pod has a gate.
        assert otherwise.keys() == {"where to", "affinity"}
        assert all("pod updates may not change fields" in said for said in otherwise.values())


async def test_a_resize_changes_nothing_but_a_size():
    async with open_embedded(controller=False) as world:
        await forbidden.stand(world)
        client = world.cluster.client("forbidden", field_manager="inplace", as_user=policies.ACCOUNT)
        assert await forbidden.resized_besides(world, client) == []


@pytest.mark.parametrize("flavour", kinds.ALL, ids=lambda one: one.name)
async def test_what_it_does_write_is_let_through(flavour):
    async with open_embedded() as world, world.policies("fence"):
        world.flavour = flavour
        await test_resize.create(world, replicas=2)
        for tag in ("v2", "v1"):
            await world.set_image(world.app(tag))
            await world.wait_upgraded()
        await test_resize.resize(world, test_resize.LARGE)
        await world.wait_upgraded()
        events = await world.client.list(resources.EVENTS, world.namespace, type=dict)
        assert {event["reason"] for event in events.items} >= {EventReason.UpgradeStarted, EventReason.UpgradeCompleted}
        assert EventReason.WriteRefused not in {event["reason"] for event in events.items}
