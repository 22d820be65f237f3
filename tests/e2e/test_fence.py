"""The fence around our own account on the real API server: a long list of writes that it must not make."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import json

from inplace.kube import resource as resources
from inplace.kube.client import Client, PatchType
from inplace.kube.connection import connect
from inplace.runtime.observe import NullObserver
from tests import forbidden
from tests.scenarios import policies

#: Seconds in which new bindings are in force.
SOON = 60.0


@contextlib.asynccontextmanager
async def ours(world):
    """A client with the controller's own token."""
    connection = await connect(kubeconfig=str(world.credentials), user_agent="scenario-tests", clock=world.clock)
    async with connection:
        yield Client(connection, NullObserver(), world.clock)


async def test_no_write_that_it_must_not_make_is_let_through(open_world):
    async with open_world(controller=False, recorded=False) as world, ours(world) as client:
        writes = await forbidden.stand(world)
        dropped = {what for since, kinds in KEPT_SINCE.items() if world.cluster.k8s < since for what in kinds}
        writes = tuple(one for one in writes if one.what not in dropped)
        with policies.bound(world.cluster.kubeconfig, world.namespace, *policies.named("fence")):
            await world.until(lambda: fenced(client, world), "the fence to be in force", SOON)
            answers = await asyncio.gather(*(forbidden.refused(client, world.namespace, one) for one in writes))
        asked = list(zip(writes, answers, strict=True))
        assert [f"{write}: {said or 'done'}" for write, said in asked if "'inplace-fence-" not in said] == []
        assert len(asked) >= 300, collections.Counter((write.resource.plural, write.subresource) for write in writes)


async def test_a_resize_changes_nothing_but_a_size(open_world):
    async with open_world(controller=False, recorded=False) as world, ours(world) as client:
        await forbidden.stand(world)
        assert await forbidden.resized_besides(world, client) == []


async def test_the_controller_finds_the_fence_in_force_for_its_very_account(open_world):
    async with open_world(controller=False) as world, ours(world) as client:
        await forbidden.stand(world)
        # As ours is: of whatever PodSecurity would not admit it warns.
        body = {"metadata": {"labels": {"pod-security.kubernetes.io/warn": "restricted"}}}
        where = resources.NAMESPACES, world.namespace, None
        await world.client.patch(*where, body, patch_type=PatchType.MERGE, type=dict)
        with policies.bound(world.cluster.kubeconfig, world.namespace, *policies.named("fence")):
            await world.until(lambda: fenced(client, world), "the fence to be in force", SOON)
            await world.start_controller()

            async def proven():
                return "[i]fence: in force for this account\n" in (await world.readyz())[1]

            await world.until(proven, "the fence to be proven", SOON)
            assert '"event": "fence.proven"' in world.log.read_text()
            lines = (json.loads(line) for line in world.log.read_text().splitlines() if line.startswith("{"))
            warned = {line["path"].rsplit("/", 1)[1] for line in lines if line["event"] == "server.warning"}
            assert not warned & {"pods", "replicasets", "events"}, "what is only tried is created there"


async def fenced(client, world):
    """Whether every policy refuses one of its writes."""
    for policy, write in FIRST.items():
        said = await forbidden.refused(client, world.namespace, write)
        if f"'{policy}" not in said:
            return False
    return True


#: What older servers drop without a word, so that no policy sees it: claims of devices, and resources of a Pod
#: as a whole (in templates kept since 1.34, pages since 1.36).
KEPT_SINCE = {
    "1.34": {"pull Pod with devices"},
    "1.36": {"size of the Pod", "template: size of its Pods", "template: large pages"},
}
_HOLD = ({"op": "add", "path": "/metadata/finalizers", "value": ["example.com/never"]},)
FIRST = {
    "inplace-fence-pods": forbidden.Write("", resources.PODS, "bare", ops=_HOLD),
    "inplace-fence-workloads": forbidden.Write("", resources.DEPLOYMENTS, "web-deployment", ops=_HOLD),
    "inplace-fence-workload-status": forbidden.Write("", resources.DEPLOYMENTS, "web-deployment", "status", _HOLD),
    "inplace-fence-replicasets": forbidden.Write("", resources.REPLICASETS, "plain-replicaset"),
    "inplace-fence-helpers": forbidden.Write("", resources.PODS, "bare"),
    "inplace-fence-budgets": forbidden.Write("", resources.PODDISRUPTIONBUDGETS, "web", "status", _HOLD),
    "inplace-fence-events": forbidden.Write("", resources.EVENTS, "theirs", ops=_HOLD),
}
