"""What a tenant with the rights of an editor writes: owners, labels and annotations that are not what they say.

Each is accepted by the API server, and costs nobody but the tenant anything.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import timedelta

import msgspec
from msgspec.structs import replace

from inplace.cluster.memory import Caps
from inplace.core.kinds import matching
from inplace.core.objects import names
from inplace.core.objects.model import Pod
from inplace.core.objects.workloads import Workload
from inplace.core.state import records, statuses
from inplace.core.state.statuses import Phase
from inplace.core.template import trees
from inplace.kube import resource as resources
from inplace.kube.client import PatchType
from inplace.kube.errors import KubeError
from tests.factories import NOW, swapping
from tests.scenarios.kinds import REPLICASET, STATEFULSET
from tests.scenarios.markers import core_of_deployments, kinds, shown_on
from tests.scenarios.world import with_kind

STATEFULSET_ONLY = "the attack is on what all kinds have in common"
RESTARTED = "kubectl.kubernetes.io/restartedAt"
PRE_PULL = {names.HELPER: names.PRE_PULL}


def owner(resource, meta, **fields):
    """A reference to the owner that controls the object."""
    same = {"apiVersion": resource.api_version, "kind": resource.kind, "name": meta.name, "uid": meta.uid}
    return {**same, "controller": True, **fields}


async def merge(world, resource, name, namespace=None, **metadata):
    """Merge metadata, as `kubectl annotate` and `kubectl patch --type=merge` do."""
    where = (resource, name, namespace or world.namespace)
    return await world.client.patch(*where, {"metadata": metadata}, patch_type=PatchType.MERGE, type=dict)


async def create_pod(world, name, namespace=None, *, node=None, **metadata):
    """A Pod that no workload has made, and that waits for ever, or for its node."""
    spec = {"containers": [{"name": "app", "image": world.app("v1"), "imagePullPolicy": "IfNotPresent"}]}
    spec |= {"schedulingGates": [{"name": "example.com/never"}]} if node is None else {"nodeName": node}
    body = {"metadata": {"name": name, **metadata}, "spec": spec}
    return await world.client.create(resources.PODS, namespace or world.namespace, body, type=Pod)


# --- owners


async def stop_by_owners(world):
    """Workloads that are their own controllers, one of them opted in, two that are each other's, and an upgrade."""
    web = await world.create_web(replicas=2)
    await merge(world, world.flavour.resource, "web", ownerReferences=[owner(world.flavour.resource, web.metadata)])
    for flavour, owners in ((STATEFULSET, {"self": "self"}), (REPLICASET, {"one": "two", "two": "one"})):
        made = {}
        for name in owners:
            body = world.manifest(name, mode=None, replicas=0) | {"kind": flavour.resource.kind}
            spec = {key: body["spec"][key] for key in ("replicas", "selector", "template")}
            spec |= {"serviceName": name} if flavour is STATEFULSET else {}
            body = {"metadata": body["metadata"], "spec": spec}
            made[name] = await world.client.create(flavour.resource, world.namespace, body, type=Workload)
        for name, above in owners.items():
            references = [owner(flavour.resource, made[above].metadata)]
            await merge(world, flavour.resource, name, ownerReferences=references)
    await world.set_image(world.app("v2"))
    await world.wait_upgraded()
    owned = (("web", world.flavour.resource), ("self", resources.STATEFULSETS), ("one", resources.REPLICASETS))
    for name, resource in owned:
        found = await world.client.get(resource, name, world.namespace, type=Workload)
        assert found.metadata.controller() is not None, "nobody has taken the owner away"


@kinds("StatefulSet", because=STATEFULSET_ONLY)
async def test_workloads_that_own_each_other_stop_nobody(open_world):
    async with open_world() as world:
        await stop_by_owners(world)


@asynccontextmanager
async def claiming(world, namespace, meta, labels, node):
    """A Pod of another namespace names a workload as its controller, again as soon as that is taken away.

    It has an owner of its own as well: so the garbage collector takes the reference away, and not the Pod. Yields the
    images that the Pod has been seen with, and the annotations of ours.
    """
    account = await world.client.get(resources.SERVICEACCOUNTS, "default", namespace, type=Workload)
    mine = owner(resources.SERVICEACCOUNTS, account.metadata, controller=False)
    references, seen = [mine, owner(world.flavour.resource, meta)], set[str]()

    async def claim() -> None:
        try:
            pod = await world.client.get(resources.PODS, "aa-1", namespace, type=Pod)
            seen.add(pod.spec.containers[0].image)
            seen.update(key for key in pod.metadata.annotations or {} if key.startswith(names.PREFIX))
            if pod.metadata.controller() is None:
                await merge(world, resources.PODS, "aa-1", namespace, ownerReferences=references)
        except KubeError:
            await create_pod(world, "aa-1", namespace, node=node, labels=labels, ownerReferences=references)

    async def again() -> None:
        while True:
            try:
                await claim()
            except KubeError:
                seen.add("a write was refused, and is made again")
            await world.clock.sleep(0.02)

    task = asyncio.create_task(again())
    try:
        yield seen
    finally:
        task.cancel()
        await asyncio.wait([task])


async def claim_from_another_namespace(world):
    """A Pod of another namespace names the workload as its controller while this is upgraded."""
    namespace = f"{world.namespace}-tenant"
    await world.client.create(resources.NAMESPACES, None, {"metadata": {"name": namespace}}, type=msgspec.Raw)

    async def has_account() -> bool:
        return bool((await world.client.list(resources.SERVICEACCOUNTS, namespace, type=dict)).items)

    try:
        await world.until(has_account, "the default ServiceAccount")
        meta = (await world.create_web(replicas=2)).metadata
        [first, *_] = await world.pods()
        labels = {names.REVISION_LABEL: world.revision_of(first)}
        async with claiming(world, namespace, meta, labels, first.spec.node_name) as seen:
            await world.clock.sleep(1)
            await world.set_image(world.app("v2"))
            await world.wait_upgraded()
        assert world.app("v1") in seen, "it was there"
        assert not {one for one in seen if one.startswith(names.PREFIX) or one == world.app("v2")}, seen
    finally:
        await world.client.delete(resources.NAMESPACES, namespace)


@shown_on("embedded", because="its controller watches all namespaces; tests/e2e/test_tenants.py shows it")
@kinds("StatefulSet", because=STATEFULSET_ONLY)
async def test_a_pod_of_another_namespace_is_nobodys_whatever_it_says(open_world):
    async with open_world() as world:
        await world.kill_controller()
        world.everywhere = True
        await world.start_controller()
        await claim_from_another_namespace(world)


# --- records and what is counted


@kinds("StatefulSet", because=STATEFULSET_ONLY)
async def test_a_record_with_words_that_there_are_none_of_ends_nothing(open_world):
    async with open_world() as world:
        meta = (await world.create_web(replicas=2)).metadata
        revision, now = await world.revision(), world.clock.now()
        record = replace(swapping(evidence="bogus"), workload=meta.uid, base=revision, target=revision)
        record = replace(record, started_at=now, deadline=now + (record.deadline - NOW))
        await merge(world, resources.PODS, world.nth(1), annotations={names.STATE: records.encode(record)})
        await world.clock.sleep(2)
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()


@kinds("StatefulSet", because=STATEFULSET_ONLY)
async def test_pods_that_only_look_like_pull_pods_keep_nobody_from_pulling(open_world):
    async with open_world() as world:
        mine = await create_pod(world, "mine")
        references = [owner(resources.PODS, mine.metadata, controller=False)]
        for number in range(40):
            annotations = {names.PULLED: world.app("v2")}
            name = f"inplace-pull-{number}"
            await create_pod(world, name, labels=PRE_PULL, annotations=annotations, ownerReferences=references)
        await world.create_web(replicas=2)
        await world.set_image(world.app("v2"))
        await world.wait_upgraded(seconds=world.patience / 2)


@kinds("StatefulSet", because=STATEFULSET_ONLY)
async def test_records_on_pods_of_no_workload_use_up_no_cap(open_world):
    async with open_world() as world:
        await world.kill_controller()
        world.caps = Caps(everywhere=2)
        record = replace(swapping(), deadline=NOW.replace(year=8999))
        for name in ("mine-0", "mine-1"):
            await create_pod(world, name, annotations={names.STATE: records.encode(record)})
        await world.start_controller()
        await world.create_web(replicas=2)
        await world.set_image(world.app("v2"))
        await world.wait_upgraded(seconds=world.patience / 2)


# --- what may run


@core_of_deployments
@kinds("Deployment", "ReplicaSet", because="their templates are on record in an annotation")
async def test_annotations_alone_make_nothing_run(open_world):
    """The status says that the template has failed, and another revision was healthy; `templates` what that is."""
    async with open_world() as world:
        made = with_kind(await world.create_web(replicas=2))
        status = statuses.read(made.metadata)
        assert status is not None
        tree = trees.decode(made.spec.template)
        evil = json.loads(json.dumps(trees.bare(tree)))
        evil["spec"]["containers"][0]["image"] = world.app("v3")
        revision = trees.fingerprint_of(evil)
        rs = await _replica_set(world)
        kept = {name: json.loads(bytes(raw)) for name, raw in matching.recorded(rs).items()} | {revision: evil}
        forged = replace(status, phase=Phase.ROLLING_BACK, rolled_back_from=status.revision, healthy=revision)
        for where, name, annotations in (
            (world.flavour.resource, "web", {names.STATUS: statuses.encode(forged)}),
            (resources.REPLICASETS, rs.metadata.name, {names.TEMPLATES: json.dumps(kept)}),
        ):
            await merge(world, where, name, annotations=annotations)

        async def only_v1() -> bool:
            found = {pod.spec.containers[0].image for pod in await world.pods()}
            given = trees.images(trees.decode((await _replica_set(world)).spec.template))
            return found == {world.app("v1")} == set(given.values())

        await world.stays(only_v1, "nothing but the image of the template", 10)
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()


@kinds("StatefulSet", because=STATEFULSET_ONLY)
async def test_a_forged_batch_starts_no_pod_past_a_hold_or_a_budget(open_world):
    """Each Pod has a record by which its swap is under way, with another batch to come."""
    async with open_world() as world:
        made = await world.create_web(replicas=3, annotations={"paused": "true"})
        await world.set_image(world.app("v2"))
        status = await world.wait_phase("web", Phase.PAUSED)
        now = world.clock.now()
        for pod in await world.pods():
            base = pod.metadata.label(names.REVISION_LABEL) or ""
            forged = replace(
                swapping(), workload=made.metadata.uid, base=base, target=status.revision, generation=0,
                containers={}, batches=2, started_at=now, deadline=now + timedelta(minutes=5),
            )  # fmt: skip
            await merge(world, resources.PODS, pod.name, annotations={names.STATE: records.encode(forged)})

        async def untouched() -> bool:
            return {pod.spec.containers[0].image for pod in await world.pods()} == {world.app("v1")}

        await world.stays(untouched, "paused", 6)
        await world.annotate(paused=None)
        await world.wait_upgraded()


@kinds("StatefulSet", because=STATEFULSET_ONLY)
async def test_a_restart_starts_no_digest_but_that_of_its_nodes_image(open_world):
    """Who may write the status of Pods says which image their containers run."""
    async with open_world() as world:
        await world.create_web(replicas=1)
        (pod,) = await world.pods()
        runs = pod.status.container_statuses[0].image_id
        evil = f"{runs.rpartition('@')[0]}@sha256:{'a' * 64}"

        async def say(image_id: str) -> None:
            ops = [{"op": "replace", "path": "/status/containerStatuses/0/imageID", "value": image_id}]
            where = (resources.PODS, pod.name, world.namespace)
            await world.client.patch(*where, ops, patch_type=PatchType.JSON, subresource="status", type=dict)

        async def lie() -> None:
            while True:
                await say(evil)
                await world.clock.sleep(0.05)

        async def honest() -> bool:
            return all("a" * 64 not in one.spec.containers[0].image for one in await world.pods())

        lies = asyncio.create_task(lie())
        try:
            await world.clock.sleep(1)
            await world.patch({"spec": {"template": {"metadata": {"annotations": {RESTARTED: "now"}}}}})
            await world.stays(honest, "no digest that the node has not", 8)
        finally:
            lies.cancel()
            await asyncio.gather(lies, return_exceptions=True)
        await say(runs)  # as the kubelet does within seconds
        await world.wait_upgraded()
        (pod,) = await world.pods()
        assert pod.status.container_statuses[0].image_id == runs
        assert await honest()


async def _replica_set(world):
    found = await world.client.list(resources.REPLICASETS, world.namespace, type=Workload)
    return next(one for one in found.items if one.spec.replicas and one.metadata.name.startswith("web"))
