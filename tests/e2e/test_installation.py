"""`kubectl apply -k` of manifests/ and its overlays: controllers that are Ready and lead within 30 s; and all is gone.

The NetworkPolicy is stored and no more: the network of the test cluster enforces none.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from contextlib import asynccontextmanager

import aiohttp
import pytest
import yaml

from hack.cluster import api
from inplace.kube import resource as resources
from tests.e2e.test_policies import refused, run
from tests.scenarios import kinds
from tests.scenarios.in_cluster import METRICS, PROBES, overlay
from tests.scenarios.real import SYSTEM, kubectl, service_account_kubeconfig
from tests.scenarios.world import identity

#: From `kubectl apply` to all Ready and one that leads, in seconds.
AT_MOST = 30.0
#: What an installation makes outside of its namespace.
EVERYWHERE = "clusterroles,clusterrolebindings,priorityclasses,flowschemas"
OURS = "app.kubernetes.io/part-of=inplace"


@asynccontextmanager
async def installation(world, folder, namespace=None):
    """What the block has not deleted is deleted after it: nothing else could be installed in its place."""
    made = Installation(world, folder, namespace)
    try:
        yield made
    finally:
        await made.delete()


class Installation:
    """What `kubectl apply -k` makes of a folder of manifests/, with the image of this checkout."""

    def __init__(self, world, folder, namespace=None):
        self.world, self.namespace = world, namespace or SYSTEM
        self.manifests = overlay(world.cluster, folder, **({"namespace": namespace} if namespace else {}))

    async def apply(self, *, replicas=1):
        """Returns the Pods, the leader's first, once all are Ready and one of them leads: in time, or it fails."""
        # A controller that a test has killed keeps its Lease for a while; a new installation has none.
        self._kubectl("delete", "lease", "--all", "--ignore-not-found")
        began = time.monotonic()
        await asyncio.to_thread(self._kubectl, "apply", "-f", "-", stdin=self.manifests)
        await asyncio.to_thread(self._kubectl, "rollout", "status", "deployment/inplace", "--timeout=120s")
        await self.world.until(self._is_led, "one of them to lead")
        took = time.monotonic() - began
        pods = await self.pods()
        assert len(pods) == replicas
        assert took <= AT_MOST, f"Ready and leading only after {took:.1f} s"
        return pods

    async def pods(self):
        """The controllers' Pods, the leader's first."""
        holder = await self._holder()
        found = json.loads(await asyncio.to_thread(self._kubectl, "get", "pods", "-l", OURS, "-o", "json"))["items"]
        return sorted(found, key=lambda pod: not holder.startswith(f"{pod['metadata']['name']}_"))

    async def delete(self):
        """`kubectl delete -k`, after which there is none of its objects."""
        gone = ("delete", "--ignore-not-found", "-f", "-", "--wait", "--timeout=120s")
        await asyncio.to_thread(self._kubectl, *gone, stdin=self.manifests)
        left = self._kubectl("get", "-f", "-", "--ignore-not-found", "-o", "name", stdin=self.manifests)
        assert left == ""
        service_account_kubeconfig.cache_clear()  # the account of the other tests may have gone with it

    async def _is_led(self):
        holder = await self._holder()
        return any(holder.startswith(f"{pod['metadata']['name']}_") for pod in await self.pods())

    async def _holder(self):
        found = await self.world.client.list(resources.LEASES, self.namespace, type=dict)
        return next((one["spec"].get("holderIdentity") or "" for one in found.items), "")

    def _kubectl(self, *arguments, stdin=None):
        return kubectl(self.world.cluster, "-n", self.namespace, *arguments, stdin=stdin)


async def get(pod, port, path):
    """The status and the text that one of its ports answers."""
    url = f"http://{pod['status']['podIP']}:{port}/{path}"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.text()


async def metric(pod, name):
    """The values of a metric, by the text of their labels."""
    status, text = await get(pod, METRICS, "metrics")
    assert status == 200
    return {labels: float(value) for labels, value in re.findall(rf"^{name}(\S*) (\S+)$", text, re.MULTILINE)}


@pytest.mark.alone
async def test_the_manifests_give_a_controller_that_leads_in_a_place_of_its_own(open_world):
    async with open_world(controller=False) as world, installation(world, "manifests") as installed:
        (pod,) = await installed.apply()
        assert pod["spec"]["priority"] == 1_000_000_000
        assert (await get(pod, PROBES, "readyz"))[0] == 200
        assert [(await get(pod, port, "livez"))[0] for port in (PROBES, METRICS)] == [200, 404]
        code, said = run(world, "create", "-n", SYSTEM, "--dry-run=server", "-f", "-", stdin=_privileged(world))
        assert code == 1
        assert 'violates PodSecurity "restricted:latest"' in said
        assert _leases_served(world) > 0
        await installed.delete()
        assert kubectl(world.cluster, "get", EVERYWHERE, "-l", OURS, "-o", "name") == ""


def _privileged(world):
    container = {"name": "app", "image": world.app("v1"), "securityContext": {"privileged": True}}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "intruder"}, "spec": {"containers": [container]}}
    return yaml.safe_dump(pod)


def _leases_served(world):
    """Requests that the API server has served by our FlowSchema."""
    name = "apiserver_flowcontrol_dispatched_requests_total"
    text = kubectl(world.cluster, "get", "--raw", "/metrics")
    found = re.findall(rf'^{name}\{{flow_schema="inplace-leases",.*\}} (\d+)$', text, re.MULTILINE)
    return sum(int(count) for count in found)


@pytest.mark.alone
async def test_ha_gives_two_of_which_one_leads(open_world):
    async with open_world(controller=False) as world, installation(world, "manifests/overlays/ha") as installed:
        leader, standby = await installed.apply(replicas=2)
        leading = [await metric(pod, "leader_election_master_status") for pod in (leader, standby)]
        assert [list(each.values()) for each in leading] == [[1], [0]]
        budget = json.loads(kubectl(world.cluster, "get", "pdb", "inplace", "-n", SYSTEM, "-o", "json"))
        assert (budget["status"]["expectedPods"], budget["status"]["disruptionsAllowed"]) == (2, 1)
        await installed.delete()
        assert kubectl(world.cluster, "get", EVERYWHERE, "-l", OURS, "-o", "name") == ""


@pytest.mark.alone
async def test_one_of_a_single_namespace_leaves_its_lease_there_and_nothing_else(open_world):
    folder = "manifests/overlays/namespaced"
    async with open_world(controller=False) as world, installation(world, folder, world.namespace) as installed:
        await installed.apply()
        await installed.delete()
        every = "all,leases,serviceaccounts,roles,rolebindings,networkpolicies,configmaps,secrets,poddisruptionbudgets"

        async def only_the_lease():
            found = json.loads(kubectl(world.cluster, "get", every, "-n", world.namespace, "-o", "json"))["items"]
            names = {f"{one['kind']}/{one['metadata']['name']}" for one in found}
            return names == {"ServiceAccount/default", "ConfigMap/kube-root-ca.crt", "Lease/inplace-controller"}

        await world.until(only_the_lease, "its Pod to have ended")


@pytest.mark.alone
async def test_policies_fence_the_controller_and_it_upgrades_every_kind(open_world):
    async with open_world(controller=False) as world:
        if world.cluster.k8s < "1.36":
            pytest.skip("MutatingAdmissionPolicy is stable from 1.36 on")
        try:
            async with installation(world, "manifests/overlays/policies") as installed:
                await _upgraded_behind_the_fence(world, installed)
        finally:
            # Without a binding left the server would give gates to nobody any more (docs/how-to/uninstall.md).
            await asyncio.to_thread(api.restart_apiserver, world.cluster)


async def _upgraded_behind_the_fence(world, installed):
    (controller,) = await installed.apply()
    before = {}
    for flavour in kinds.ALL:
        world.flavour, name = flavour, _name(flavour)
        await world.create(world.manifest(name, replicas=2))
        before[name] = [identity(pod) for pod in await world.pods(name)]
        await world.set_image(world.app("v2"), name=name)
    for flavour in kinds.ALL:
        world.flavour, name = flavour, _name(flavour)
        await world.wait_upgraded(name, seconds=2 * world.patience)
        pods = await world.pods(name)
        assert [identity(pod) for pod in pods] == before[name]
        assert {pod.spec.containers[0].image for pod in pods} == {world.app("v2")}
    world.flavour = kinds.STATEFULSET
    owners = json.dumps({"metadata": {"finalizers": ["example.com/kept"]}})
    says, target = "not its owners or finalizers", (await world.pods("web-statefulsets"))[0].name
    await refused(world, "patch", "pod", target, "-p", owners, says=says, ours=True)

    async def are_seen():
        seen = [await metric(controller, name) for name in ("inplace_policy_installed", "inplace_fence_in_force")]
        return all(set(found.values()) == {1.0} for found in seen)

    await world.until(are_seen, "the controller to have seen every policy, and the fence in force", 2 * world.patience)
    (still,) = await installed.pods()
    assert still["metadata"]["uid"] == controller["metadata"]["uid"]
    assert still["status"]["containerStatuses"][0]["restartCount"] == 0


def _name(flavour):
    return f"web-{flavour.resource.plural}"
