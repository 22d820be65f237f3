"""`kubectl apply -k manifests/`: a controller that is Ready and leads, under its own account; and all gone again."""

from __future__ import annotations

import json
import re

import aiohttp
import pytest

from inplace.kube import resource as resources
from tests.scenarios import kinds
from tests.scenarios.in_cluster import overlay
from tests.scenarios.real import SYSTEM, kubectl, service_account_kubeconfig
from tests.scenarios.world import identity

#: What it makes outside of its namespace.
EVERYWHERE = "clusterroles,clusterrolebindings"
OURS = "app.kubernetes.io/part-of=inplace"


@pytest.mark.alone
async def test_the_manifests_give_a_controller_that_leads_and_upgrades_every_kind(open_world):
    """It watches all namespaces, so that no other controller may run beside it."""
    async with open_world(controller=False) as world:
        manifests = overlay(world.cluster, "manifests")
        kubectl(world.cluster, "apply", "-f", "-", stdin=manifests)
        kubectl(world.cluster, "rollout", "status", "deployment/inplace", "-n", SYSTEM, "--timeout=60s")
        (controller,) = _pods(world)

        async def leads() -> bool:
            found = await world.client.list(resources.LEASES, SYSTEM, type=dict)
            return any(controller["metadata"]["name"] in one["spec"].get("holderIdentity", "") for one in found.items)

        await world.until(leads, "the controller to lead, once the lease of a killed one has expired")

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

        metrics = await _metrics(controller["status"]["podIP"])
        assert re.search(r"^leader_election_master_status\{.*\} 1\.0$", metrics, re.MULTILINE)
        assert (
            json.loads(kubectl(world.cluster, "get", "pods", "-n", SYSTEM, "-o", "json"))["items"][0]["metadata"]["uid"]
            == controller["metadata"]["uid"]
        )

        kubectl(world.cluster, "delete", "-f", "-", "--wait", "--timeout=60s", stdin=manifests)
        assert kubectl(world.cluster, "get", EVERYWHERE, "-l", OURS, "-o", "name") == ""
        assert kubectl(world.cluster, "get", "namespace", SYSTEM, "--ignore-not-found") == ""
        service_account_kubeconfig.cache_clear()  # the account of the other tests has gone with it


def _name(flavour):
    return f"web-{flavour.resource.plural}"


def _pods(world):
    return json.loads(kubectl(world.cluster, "get", "pods", "-n", SYSTEM, "-o", "json"))["items"]


async def _metrics(address):
    async with aiohttp.ClientSession() as session, session.get(f"http://{address}:8080/metrics") as answer:
        return await answer.text()
