"""What happens to a Pod long after its upgrade, while the rollout still stands at a step, is not the upgrade's."""

from __future__ import annotations

import pytest

from inplace.core.state.statuses import Phase
from inplace.kube import resource as resources
from inplace.kube.client import PatchType
from kubesim.objects import stamp
from tests.scenarios import kinds
from tests.scenarios.embedded import open_embedded

pytestmark = pytest.mark.parametrize("kind", ["StatefulSet", "Deployment"])


@pytest.mark.parametrize("reports", [True, False], ids=["a probe fails for once", "the node is lost"])
async def test_a_canary_that_has_served_for_minutes_rolls_nothing_back(kind, reports):
    async with open_embedded() as world:
        world.flavour = kinds.BY_NAME[kind]
        await world.create_web(replicas=4, annotations={"steps": "1, 50%", "on-failure": "Rollback"})
        await world.set_image(world.app("v2"))
        await world.wait_phase("web", Phase.AWAITING_PROMOTION)
        await world.clock.sleep(900)  # people look at it for a quarter of an hour
        if not reports:
            await _lose_node(world, (await world.pod(world.nth(3))).spec.node_name)
        await _lose_ready(world, world.nth(3))
        phases = set()
        for _ in range(20):
            await world.clock.sleep(0.5)
            phases.add((await world.status()).phase)
        assert phases <= {Phase.PROGRESSING, Phase.AWAITING_PROMOTION}
        assert [one.spec.containers[0].image for one in await world.pods()].count(world.app("v2")) == 1


async def _lose_node(world, name):
    """What the node lifecycle controller does when a kubelet does not report any more: first the node."""
    raw = await world.client.get(resources.NODES, name, type=dict)
    for one in raw["status"]["conditions"]:
        one["status"] = "Unknown" if one["type"] == "Ready" else one["status"]
    await _write(world, resources.NODES, name, None, raw["status"]["conditions"])


async def _lose_ready(world, name):
    """Then its Pods; a kubelet does the same for a probe that fails."""
    raw = await world.client.get(resources.PODS, name, world.namespace, type=dict)
    ready = next(one for one in raw["status"]["conditions"] if one["type"] == "Ready")
    ready |= {"status": "False", "lastTransitionTime": stamp(world.clock.now())}
    await _write(world, resources.PODS, name, world.namespace, raw["status"]["conditions"])


async def _write(world, resource, name, namespace, conditions):
    body = {"status": {"conditions": conditions}}
    patch = {"patch_type": PatchType.MERGE, "subresource": "status", "type": dict}
    await world.client.patch(resource, name, namespace, body, **patch)
