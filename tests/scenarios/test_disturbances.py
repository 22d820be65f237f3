"""What others do to the Pods meanwhile: image changes, injected containers, deletions, drains of nodes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from inplace.core.objects import names
from inplace.core.objects.reasons import ReasonCode
from inplace.core.state import records
from inplace.core.state.records import PodPhase, Record
from inplace.core.state.statuses import Phase
from inplace.kube import resource as resources
from inplace.kube.client import PatchType
from inplace.kube.errors import Throttled
from tests.scenarios.markers import core_of_deployments, core_of_many, kinds, long
from tests.scenarios.world import identity


def phase(pod) -> PodPhase | None:
    record = records.read(pod)
    return record.phase if isinstance(record, Record) else None


async def change_image(world, name, image):
    """What a third party does who does not know better."""
    body = {"spec": {"containers": [{"name": "app", "image": image}]}}
    patch = {"patch_type": PatchType.STRATEGIC, "type": dict, "field_manager": "somebody"}
    await world.client.patch(resources.PODS, name, world.namespace, body, **patch)


@long
async def test_a_third_partys_image_on_a_finished_pod_is_reported_as_drift(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2)
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        await change_image(world, world.nth(0), world.app("v3"))

        async def reported():
            status = await world.status()
            return status is not None and any(
                one.code == ReasonCode.DriftDetected and f"pods[{world.nth(0)}]" in one.path for one in status.reasons
            )

        await world.until(reported, "the drift of web-0 in the status")
        assert (await world.pod(world.nth(0))).spec.containers[0].image == world.app("v3"), "nothing is patched over"
        await world.set_image(world.app("v4"))
        await world.wait_upgraded()
        assert {pod.spec.containers[0].image for pod in await world.pods()} == {world.app("v4")}


@long
async def test_a_record_of_another_workload_on_a_pod_is_none(open_world):
    """As on a Pod that was restored from a backup, or was orphaned in flight and adopted by a workload made anew."""
    async with open_world() as world:
        await world.create_web(replicas=2)
        name, long_ago = world.nth(1), datetime(2020, 1, 1, tzinfo=UTC)
        foreign = Record(1, "another-uid", 4, PodPhase.DRAINING, "web-a", "web-b", long_ago, long_ago)
        await close_gate(world, name)
        body = {"metadata": {"annotations": {names.STATE: records.encode(foreign)}}}
        await world.client.patch(
            resources.PODS, name, world.namespace, body, patch_type=PatchType.MERGE, type=dict, field_manager="restore"
        )
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        record = records.read(await world.pod(name))
        assert isinstance(record, Record)
        assert (record.attempt, record.phase, record.containers["app"].from_) == (1, PodPhase.DONE, world.app("v1"))


async def close_gate(world, name):
    """What another controller has left behind."""
    pod = await world.pod(name)
    index = next(at for at, one in enumerate(pod.status.conditions) if one.type == names.GATE)
    body = [{"op": "replace", "path": f"/status/conditions/{index}/status", "value": "False"}]
    where = (resources.PODS, name, world.namespace)
    await world.client.patch(*where, body, patch_type=PatchType.JSON, subresource="status", type=dict)


@long
async def test_a_third_partys_image_on_a_pod_in_flight_fails_it(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2)
        await world.set_image(world.app("stubborn"))
        await world.wait_upgraded()
        await world.set_image(world.app("v2"))  # the old container takes its whole grace, 5 s
        await world.wait_pod(world.nth(1), lambda pod: phase(pod) is PodPhase.SWAPPING, "in the middle of its swap")
        await change_image(world, world.nth(1), world.app("v3"))
        status = await world.wait_phase("web", Phase.DEGRADED)
        assert [(one.pod, one.code) for one in status.failures] == [(world.nth(1), ReasonCode.ImageOverridden)]
        assert (await world.pod(world.nth(0))).spec.containers[0].image == world.app("stubborn")
        await world.set_image(world.app("v4"))
        await world.wait_upgraded()


@core_of_deployments
async def test_a_pod_evicted_in_flight_is_no_failure_of_the_image(open_world):
    """Its kubelet ends it for good; what its controller makes of that is its own."""
    async with open_world() as world:
        await world.create_web(replicas=2, annotations={"grace-period-seconds": "5", "max-failures": "0"})
        await world.set_image(world.app("v2"))
        first = world.nth(1)
        # Once its kubelet has told that it is drained: a status that it is about to write would undo the eviction.
        before = await world.wait_pod(
            first, lambda pod: phase(pod) is PodPhase.DRAINING and not pod.ready, "in flight, and seen to be"
        )
        body = {"metadata": {"uid": before.uid}, "status": {"phase": "Failed", "reason": "Evicted"}}
        where = (resources.PODS, first, world.namespace)
        await world.client.patch(*where, body, patch_type=PatchType.STRATEGIC, subresource="status", type=dict)

        async def replaced() -> bool:
            alive = [pod for pod in await world.pods() if not pod.over]
            images = {pod.spec.containers[0].image for pod in alive}
            return before.uid not in {pod.uid for pod in alive} and len(alive) == 2 and images == {world.app("v2")}

        await world.until(replaced, "two Pods of the new image, none of them the evicted one", 2 * world.patience)
        status = await world.wait_phase("web", Phase.UP_TO_DATE, 2 * world.patience)
        assert not status.failures


@kinds("StatefulSet", because="made by hand: its Pods exist before it, by the names that it will look for")
async def test_an_injected_sidecar_is_left_alone(open_world):
    async with open_world() as world:
        await world.create_with_injected_sidecar(replicas=2)
        before = {pod.name: identity(pod) for pod in await world.pods()}
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        assert {pod.name: identity(pod) for pod in await world.pods()} == before
        for pod in await world.pods():
            images = {one.name: one.image for one in pod.spec.containers}
            assert images == {"app": world.app("v2"), "injected": world.image("sidecar", "v1")}
            assert world.history.restarts(pod.name, "app") == 1
            assert world.history.restarts(pod.name, "injected") == 0


@core_of_many
@pytest.mark.parametrize("moment", [PodPhase.DRAINING, PodPhase.SWAPPING])
async def test_a_pod_deleted_in_flight_comes_back_and_is_upgraded(open_world, moment):
    async with open_world() as world:
        await world.create_web(replicas=3, annotations={"grace-period-seconds": "1"})
        uid = (await world.pod(world.nth(2))).uid
        await world.set_image(world.app("v2"))
        await world.wait_pod(world.nth(2), lambda pod: phase(pod) is moment, moment)
        await world.delete_pod(world.nth(2))
        await world.wait_upgraded(seconds=2 * world.patience)
        pods = await world.pods()
        assert pods[2].uid != uid
        assert {pod.spec.containers[0].image for pod in pods} == {world.app("v2")}
        assert [world.history.restarts(world.nth(n), "app") for n in range(2)] == [1, 1]


@long
async def test_a_pod_that_waits_its_turn_is_deleted(open_world):
    async with open_world() as world:
        await world.create_web(replicas=3)
        await world.set_image(world.app("v2"))
        await world.wait_pod(world.nth(2), lambda pod: records.read(pod) is not None, "in flight")
        await world.delete_pod(world.nth(0))
        await world.wait_upgraded(seconds=2 * world.patience)
        assert {pod.spec.containers[0].image for pod in await world.pods()} == {world.app("v2")}


@pytest.mark.alone
@kinds("StatefulSet", "Deployment", "ReplicaSet", because="nobody evicts a DaemonSet's Pods: they would come back")
async def test_a_node_is_drained_in_the_middle(open_world):
    """Cordon, evict, uncordon; on a cluster of one node the Pods wait for the uncordon."""
    async with open_world() as world:
        await world.create_web(replicas=3)
        await world.set_image(world.app("v2"))
        pod = await world.wait_pod(world.nth(2), lambda one: records.read(one) is not None, "in flight")
        node = pod.spec.node_name
        await _cordon(world, node, unschedulable=True)
        try:
            for one in await world.pods():
                if one.spec.node_name == node:
                    await _evict(world, one.name)
            await world.clock.sleep(3)
        finally:
            await _cordon(world, node, unschedulable=False)
        await world.wait_upgraded(seconds=3 * world.patience)
        pods = await world.pods()
        assert len(pods) == 3
        assert all(one.ready and one.spec.containers[0].image == world.app("v2") for one in pods)


async def _cordon(world, node, *, unschedulable):
    body = {"spec": {"unschedulable": unschedulable or None}}
    await world.client.patch(resources.NODES, node, None, body, patch_type=PatchType.MERGE, type=dict)


async def _evict(world, name):
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": world.namespace}}

    async def evicted():
        try:
            await world.client.create(
                resources.PODS, world.namespace, body, type=dict, name=name, subresource="eviction"
            )
        except Throttled:
            return False
        return True

    await world.until(evicted, f"the eviction of {name}")
