"""What a tenant writes, on a real API server and beside its garbage collector: accepted, and it stops nobody else."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from inplace.kube import resource as resources
from inplace.kube.client import PatchType
from tests.scenarios.real import inplace
from tests.scenarios.test_tenants import claim_from_another_namespace, stop_by_owners


async def test_workloads_that_own_each_other_stop_nobody(open_world):
    async with open_world() as world:
        await stop_by_owners(world)
        code, said, why = await inplace(world, "explain", "web-0", seconds=20)
        assert code == 0, why
        assert "pod/web-0 of statefulset/web" in said


@pytest.mark.alone  # its controller watches all namespaces
async def test_a_pod_of_another_namespace_is_nobodys_whatever_it_says(open_world):
    async with open_world(controller=False) as world:
        world.everywhere = True
        await world.start_controller()
        await claim_from_another_namespace(world)


async def test_a_node_that_lists_an_image_without_a_name_stops_no_upgrade(open_world):
    """The API server lists its names as null, which no schema says."""
    async with open_world() as world:
        await world.create_web(replicas=2)
        [pod, *_] = await world.pods()
        async with nameless(world, pod.spec.node_name) as seen:
            await world.set_image(world.app("v2"))
            await world.wait_upgraded()
        assert seen, "the API server has listed it"


@asynccontextmanager
async def nameless(world, node):
    """Its kubelet writes the list again and again, without this image. Yields how often it was answered with null."""
    seen = list[None]()

    async def listed() -> None:
        while True:
            body = {"status": {"images": [{"sizeBytes": 1}]}}
            how = {"patch_type": PatchType.MERGE, "type": dict, "subresource": "status"}
            answer = await world.client.patch(resources.NODES, node, None, body, **how)
            seen.extend(one["names"] for one in answer["status"]["images"] if one.get("names", ()) is None)
            await asyncio.sleep(0.2)

    task = asyncio.create_task(listed())
    try:
        yield seen
    finally:
        task.cancel()
        await asyncio.wait([task])
