"""A drained Pod is swapped only when no endpoint sends it traffic any more."""

from __future__ import annotations

from contextlib import asynccontextmanager

from inplace.core.objects.endpoints import EndpointSlice
from inplace.core.state import records
from inplace.core.state.records import PodPhase, Record
from inplace.kube import resource as resources
from tests.scenarios.markers import core


async def serve(world, **spec):
    """A Service in front of the workload, and its slices with their Pods in them."""
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    body = {"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": ports, **spec}}
    await world.client.create(resources.SERVICES, world.namespace, body, type=dict)
    wanted = {pod.uid for pod in await world.pods()}

    async def filled() -> bool:
        found = await world.client.list(resources.ENDPOINTSLICES, world.namespace, type=EndpointSlice)
        return wanted <= {uid for one in found.items for uid in one.targets()}

    await world.until(filled, "the endpoints of the Service")


@asynccontextmanager
async def slices(world):
    """Every state of every slice while the block runs, with its version."""
    seen: list[tuple[int, EndpointSlice]] = []

    def note(_old, new, _initial) -> None:
        if new is not None:
            seen.append((int(new.metadata.resource_version), new))

    async with world.watching(resources.ENDPOINTSLICES, EndpointSlice, note):
        yield seen


def swaps(world):
    """Version at which the image of each Pod was patched, by uid: versions order all writes of a cluster."""
    found: dict[str, int] = {}
    for one in world.history.seen:
        if one.pod.spec.containers[0].image == world.app("v2"):
            found.setdefault(one.pod.uid, int(one.pod.metadata.resource_version))
    return found


def serving_at(seen, uid, version):
    """Whether a slice showed the Pod as serving at a version."""
    last = [one for at, one in seen if at < version]
    return bool(last) and uid in last[-1].targets()


@core
async def test_no_pod_is_swapped_while_an_endpoint_serves(open_world):
    async with open_world() as world:
        await world.create_web(replicas=3)
        await serve(world)
        async with slices(world) as seen:
            await world.set_image(world.app("v2"))
            await world.wait_upgraded()
            await world.clock.sleep(1)
        found = swaps(world)
        assert found.keys() == {pod.uid for pod in await world.pods()}
        for uid, version in found.items():
            assert not serving_at(seen, uid, version)
            assert any(uid in one.targets() for at, one in seen if at < version), "it served before"


async def test_a_service_that_publishes_pods_that_are_not_ready_is_waited_for_too(open_world):
    """There `ready` of an endpoint is always true; `serving` tells the truth."""
    async with open_world() as world:
        await world.create_web(replicas=2)
        await serve(world, clusterIP="None", publishNotReadyAddresses=True)
        async with slices(world) as seen:
            began = world.clock.monotonic()
            await world.set_image(world.app("v2"))
            await world.wait_upgraded()
            assert world.clock.monotonic() - began < 60
        assert all(not serving_at(seen, uid, version) for uid, version in swaps(world).items())


async def test_slices_of_somebody_else_are_not_waited_for_and_slow_ones_not_for_ever(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2)
        for number, manager in enumerate(("mesh.example.com", "endpointslice-controller.k8s.io")):
            await _frozen_slice(world, f"stuck-{number}", manager, await world.pod(world.nth(number)))
        began = world.clock.monotonic()
        await world.set_image(world.app("v2"))
        await world.wait_upgraded(seconds=2 * world.patience)
        took = [world.history.first(world.nth(number), _swapped(world)).at - began for number in range(2)]
        drained = [world.history.first(world.nth(number), _draining).at - began for number in range(2)]
        assert took[0] - drained[0] < 8, "somebody else's slice"
        assert 9 < took[1] - drained[1] < 20, "one that nobody updates"


async def _frozen_slice(world, name, manager, pod):
    """A slice that shows a Pod as serving whatever happens; no Service stands behind it, so nobody corrects it."""
    reference = {"kind": "Pod", "name": pod.name, "namespace": world.namespace, "uid": pod.uid}
    body = {
        "metadata": {"name": name, "labels": {"endpointslice.kubernetes.io/managed-by": manager}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.9.9.9"], "conditions": {"serving": True}, "targetRef": reference}],
        "ports": [],
    }
    await world.client.create(resources.ENDPOINTSLICES, world.namespace, body, type=dict)


def _swapped(world):
    return lambda pod: pod.spec.containers[0].image == world.app("v2")


def _draining(pod):
    record = records.read(pod)
    return isinstance(record, Record) and record.phase is PodPhase.DRAINING
