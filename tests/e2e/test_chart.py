"""Our chart on the real cluster, by Helm itself: installed, upgraded in its values, and gone again."""

from __future__ import annotations

import json
import secrets

import pytest

from hack.chart.files import FOLDER
from inplace.controller.app import LEASE_NAME
from inplace.core.objects import names
from inplace.core.state.statuses import Phase
from inplace.kube import resource as resources
from tests.e2e.releases import STRANGER, Release, in_force
from tests.scenarios.in_cluster import controller_image
from tests.scenarios.real import inplace, kubectl
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
        kubectl(world.cluster, "delete", "--ignore-not-found", "-k", "manifests/policies")  # what other tests left
        ours = Release(world, FOLDER, NAME, f"t-{secrets.token_hex(4)}")
        repository, _, tag = controller_image(world.cluster).rpartition(":")
        values = {"image": {"repository": repository, "tag": tag}, "policies": {"enabled": True}}
        await ours.install(values)
        (first,) = _pods(world, ours)
        assert _is_ready(first)
        await world.until(lambda: _leads(world, ours, first), "the controller to lead")

        stranger = Release(world, STRANGER, "web")
        given = {"image": world.app("v1"), "labels": {names.MODE: "InPlaceOnly"}}
        await stranger.install(given)
        await world.wait_phase("web", Phase.UP_TO_DATE)
        await in_force(world)
        before = [identity(pod) for pod in await world.pods()]
        await stranger.upgrade({**given, "image": world.app("v2")})
        assert {pod.spec.containers[0].image for pod in await world.pods()} == {world.app("v2")}
        assert [identity(pod) for pod in await world.pods()] == before

        await ours.upgrade({**values, "logLevel": "debug", "replicaCount": 2})
        pods = [pod for pod in _pods(world, ours) if "deletionTimestamp" not in pod["metadata"]]
        assert len(pods) == 2
        assert all(_is_ready(pod) and "--log-level=debug" in pod["spec"]["containers"][0]["args"] for pod in pods)
        assert first["metadata"]["uid"] not in {pod["metadata"]["uid"] for pod in pods}

        async def followed():
            return any([await _leads(world, ours, pod) for pod in pods])

        await world.until(followed, "one of the new Pods to lead")
        await stranger.upgrade({**given, "image": world.app("v1")})
        assert {pod.spec.containers[0].image for pod in await world.pods()} == {world.app("v1")}

        code, out, err = await inplace(world, "disable", "statefulsets/web")
        assert code == 0, out + err
        await ours.uninstall()
        assert kubectl(world.cluster, "get", EVERYWHERE, "-l", _of(NAME), "-o", "name") == ""
        await world.until(lambda: _is_empty(world, ours), "nothing in its namespace but the Lease")
        assert await world.is_clean()
        kubectl(world.cluster, "delete", "namespace", ours.namespace, "--timeout=60s")


def _of(release):
    return f"app.kubernetes.io/instance={release}"


def _pods(world, release):
    found = kubectl(world.cluster, "get", "pods", "-n", release.namespace, "-l", _of(release.name), "-o", "json")
    return json.loads(found)["items"]


def _is_ready(pod):
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"]["conditions"])


async def _leads(world, release, pod):
    found = await world.client.list(resources.LEASES, release.namespace, type=dict)
    return any(pod["metadata"]["name"] in one["spec"].get("holderIdentity", "") for one in found.items)


async def _is_empty(world, release):
    left = kubectl(world.cluster, "get", f"{INSIDE},leases", "-n", release.namespace, "-o", "name").split()
    own = {"serviceaccount/default", f"lease.coordination.k8s.io/{LEASE_NAME}"}
    return set(left) <= own
