"""Our chart on the real cluster, by Helm itself: installed, upgraded in its values, and gone again."""

from __future__ import annotations

import asyncio
import json
import secrets

import pytest

from hack.chart.files import FOLDER
from hack.cluster import api
from inplace.core.objects import names
from inplace.core.state.statuses import Phase
from inplace.kube import resource as resources
from tests.e2e.helm import STRANGER, Release, in_force
from tests.scenarios.in_cluster import controller_image
from tests.scenarios.real import ROOT, inplace, kubectl
from tests.scenarios.world import identity

NAME = "upgrades"
#: Everything that a release of ours makes outside of its namespace.
EVERYWHERE = (
    "clusterroles,clusterrolebindings,priorityclasses,flowschemas,"
    "mutatingadmissionpolicies,mutatingadmissionpolicybindings,"
    "validatingadmissionpolicies,validatingadmissionpolicybindings"
)
#: And in it; a Secret is Helm's record of a revision.
INSIDE = "deployments,pods,services,serviceaccounts,roles,rolebindings,networkpolicies,poddisruptionbudgets,secrets"


@pytest.mark.alone
async def test_the_chart_gives_a_controller_that_leads_upgrades_a_release_and_leaves_nothing(open_world):
    """It watches all namespaces, so that no other controller may run beside it; nor may policies of the same names."""
    async with open_world(controller=False) as world:
        if world.cluster.k8s < "1.36":
            pytest.skip("MutatingAdmissionPolicy is stable from 1.36 on")
        for folder in ("manifests/policies/gate", "manifests/policies"):  # what other tests have left
            kubectl(world.cluster, "delete", "--ignore-not-found", "-k", str(ROOT / folder))
        ours = Release(world, FOLDER, NAME, f"t-{secrets.token_hex(4)}")
        repository, _, tag = controller_image(world.cluster).rpartition(":")
        values = {"image": {"repository": repository, "tag": tag}, "policies": {"enabled": True, "gate": True}}
        try:
            await ours.install(values)
            stranger = Release(world, STRANGER, "web")
            await _upgrades(world, ours, stranger)
            values |= {"logLevel": "debug", "replicaCount": 2}
            await ours.upgrade(values)
            await _is_replaced(world, ours, stranger)
            await ours.upgrade({**values, "policies": {"enabled": True}})
            code, out, err = await inplace(world, "disable", "statefulsets/web")
            assert code == 0, out + err
        finally:
            await ours.uninstall()
            # The server's watch of parameters ended with the last binding; see manifests/policies/gate.yaml.
            await asyncio.to_thread(api.restart_apiserver, world.cluster)
        assert kubectl(world.cluster, "get", EVERYWHERE, "-l", _of(NAME), "-o", "name") == ""
        await world.until(lambda: _is_empty(world, ours), "nothing in its namespace but the Lease")
        assert await world.is_clean()
        kubectl(world.cluster, "delete", "namespace", ours.namespace, "--timeout=60s")


async def _upgrades(world, ours, stranger):
    """The controller that was installed is Ready and leads, and a release is upgraded in place while Helm waits."""
    (controller,) = _pods(world, ours)
    assert _is_ready(controller)
    await world.until(lambda: _is_led(world, ours), "the controller to lead")
    await stranger.install(_opted_in(world, "v1"))
    await world.wait_phase("web", Phase.UP_TO_DATE)
    await in_force(world)
    before = [identity(pod) for pod in await world.pods()]
    await stranger.upgrade(_opted_in(world, "v2"))
    assert {pod.spec.containers[0].image for pod in await world.pods()} == {world.app("v2")}
    assert [identity(pod) for pod in await world.pods()] == before


async def _is_replaced(world, ours, stranger):
    """Other Pods with other arguments, of which one leads and does the same."""
    pods = _pods(world, ours)
    assert len(pods) == 2
    assert all(_is_ready(pod) and "--log-level=debug" in pod["spec"]["containers"][0]["args"] for pod in pods)
    await world.until(lambda: _is_led(world, ours), "one of the new Pods to lead")
    await stranger.upgrade(_opted_in(world, "v1"))
    assert {pod.spec.containers[0].image for pod in await world.pods()} == {world.app("v1")}


def _opted_in(world, tag):
    return {"image": world.app(tag), "labels": {names.MODE: "InPlaceOnly"}}


def _of(release):
    return f"app.kubernetes.io/instance={release}"


def _pods(world, release):
    found = kubectl(world.cluster, "get", "pods", "-n", release.namespace, "-l", _of(release.name), "-o", "json")
    return [pod for pod in json.loads(found)["items"] if "deletionTimestamp" not in pod["metadata"]]


def _is_ready(pod):
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"]["conditions"])


async def _is_led(world, release):
    """One of the Pods that are there holds the Lease."""
    leases = (await world.client.list(resources.LEASES, release.namespace, type=dict)).items
    holders = [one["spec"].get("holderIdentity") or "" for one in leases]
    return any(one.startswith(f"{pod['metadata']['name']}_") for one in holders for pod in _pods(world, release))


async def _is_empty(world, release):
    left = kubectl(world.cluster, "get", f"{INSIDE},leases", "-n", release.namespace, "-o", "name").split()
    own = {"serviceaccount/default", f"lease.coordination.k8s.io/{names.LEASE}"}
    return set(left) <= own
