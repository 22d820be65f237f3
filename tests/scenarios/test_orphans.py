"""A workload is deleted and its Pods are left: what we have begun on them ends, and nobody else's Pod is touched."""

from __future__ import annotations

from inplace.core.objects import names
from inplace.core.objects.model import Pod
from inplace.core.state import records
from inplace.core.state.statuses import Phase
from inplace.kube import resource as resources
from inplace.kube.client import PatchType
from tests.scenarios.markers import core_of_held


async def _orphaned(world, pod):
    """Nobody owns it, and no selector finds it that could adopt it."""
    body = {"metadata": {"labels": {"app": "nobody"}, "ownerReferences": None}}
    where = (resources.PODS, pod.name, world.namespace)
    await world.client.patch(*where, body, patch_type=PatchType.MERGE, type=Pod)


async def _deleted(world):
    await world.client.delete(world.flavour.resource, "web", world.namespace)


@core_of_held
async def test_the_gate_of_a_drained_pod_is_opened_by_its_deadline_although_its_workload_is_gone(open_world):
    async with open_world() as world:
        await world.create_web(
            replicas=2, annotations={"grace-period-seconds": "15", "progress-deadline-seconds": "20"}
        )
        name = world.nth(1)
        await world.set_image(world.app("v2"))
        drained = await world.wait_pod(name, lambda pod: records.read(pod) is not None and not pod.ready, "drained")
        await _orphaned(world, drained)
        await _deleted(world)
        await world.wait_pod(name, lambda pod: pod.is_true(names.GATE) and pod.ready, "its gate open and Ready")
        after = await world.pod(name)
        assert (after.uid, after.spec.containers[0].image) == (drained.uid, world.app("v1"))
        assert records.read(after) is None


@core_of_held
async def test_a_pull_pod_that_nobody_owns_any_more_goes(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2)
        await world.set_image(world.app("missing"))
        await world.wait_phase("web", Phase.DEGRADED)
        (helper, *_) = await world.helpers()
        await _orphaned(world, helper)
        await _deleted(world)

        async def gone() -> bool:
            return helper.uid not in {pod.uid for pod in await world.helpers()}

        await world.until(gone, "the pull Pod to be deleted")
