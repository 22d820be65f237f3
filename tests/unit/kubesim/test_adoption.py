"""What was orphaned is adopted by the next workload of its selector, as ControllerRefManager does."""

from __future__ import annotations

import random
from typing import Any

import pytest

from hack.cluster import model
from inplace.kube import resource as resources
from inplace.kube.client import PatchType
from inplace.runtime.clock import LoopClock
from kubesim.cluster import open_cluster
from tests.scenarios import kinds
from tests.scenarios.embedded import EPOCH, REGISTRY
from tests.scenarios.manifests import workload

pytestmark = pytest.mark.looptime(noop_cycles=0)
OWNED = (resources.PODS, resources.REPLICASETS, resources.CONTROLLERREVISIONS)


@pytest.mark.parametrize("kind", kinds.ALL, ids=[kind.name for kind in kinds.ALL])
async def test_a_workload_that_was_deleted_without_its_pods_takes_them_back(kind):
    clock = LoopClock(EPOCH)
    async with open_cluster(clock, random.Random(0), model.catalogue(REGISTRY)) as cluster:
        client = cluster.client("test")
        body = workload(kind, "web", f"{REGISTRY}/app:v1", gate=False, mode=None)
        where = (kind.resource, "web", "default")

        async def owned(resource):
            uid = (await client.get(*where, type=dict))["metadata"]["uid"]
            found = (await client.list(resource, "default", type=dict)).items
            return {
                one["metadata"]["uid"]
                for one in found
                if any(each["uid"] == uid for each in one["metadata"].get("ownerReferences") or ())
            }

        await client.create(kind.resource, "default", body, type=dict)
        await clock.sleep(10)
        before = [await owned(resource) for resource in OWNED]
        merge: Any = {"patch_type": PatchType.MERGE, "type": dict}
        await client.patch(*where, {"metadata": {"finalizers": ["orphan"]}}, **merge)
        await client.delete(*where)
        for resource in OWNED:
            for one in (await client.list(resource, "default", type=dict)).items:
                if one["metadata"]["uid"] in {uid for uids in before for uid in uids}:
                    place = (resource, one["metadata"]["name"], "default")
                    await client.patch(*place, {"metadata": {"ownerReferences": None}}, **merge)
        await client.patch(*where, {"metadata": {"finalizers": None}}, **merge)
        await clock.sleep(5)
        await client.create(kind.resource, "default", body, type=dict)
        await clock.sleep(10)
        assert [await owned(resource) for resource in OWNED] == before
        assert any(before)
