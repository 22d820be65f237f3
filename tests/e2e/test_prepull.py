"""Pre-pull where a namespace is strict, a quota is full or a registry is private."""

from __future__ import annotations

import base64
import json

from inplace.core.objects import names
from inplace.core.objects.reasons import ReasonCode
from inplace.core.state import records
from inplace.core.state.statuses import Phase
from inplace.kube.resource import Resource
from tests.e2e.test_policies import bound, refused
from tests.e2e.test_preflight import ENFORCE
from tests.scenarios import forwarder
from tests.scenarios.markers import long
from tests.scenarios.real import kubectl

QUOTAS = Resource("", "v1", "resourcequotas", "ResourceQuota")
SECRETS = Resource("", "v1", "secrets", "Secret")
FENCE = "inplace-fence-helpers"
OTHERS = "inplace may create and delete only its own pull Pods"
STRICT = {
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "seccompProfile": {"type": "RuntimeDefault"},
}


async def tight(world, pods):
    """A quota of so many Pods, of which every container must say what it asks for."""
    hard = {"pods": str(pods), "requests.cpu": "10", "limits.memory": "10Gi"}
    body = {"metadata": {"name": "tight"}, "spec": {"hard": hard}}
    await world.client.create(QUOTAS, world.namespace, body, type=dict)

    async def counted() -> bool:
        found = await world.client.get(QUOTAS, "tight", world.namespace, type=dict)
        return "used" in (found.get("status") or {})

    await world.until(counted, "the quota to be counted")


def sized(manifest, **more):
    """With requests and limits, as a quota demands."""
    for container in manifest["spec"]["template"]["spec"]["containers"]:
        container["resources"] = {"requests": {"cpu": "1m"}, "limits": {"memory": "32Mi"}}
        container.update(more)
    return manifest


async def test_in_a_restricted_namespace_with_a_quota_behind_the_fence(open_world):
    async with open_world() as world:
        kubectl(world.cluster, "label", "namespace", world.namespace, f"{ENFORCE}=restricted")
        await tight(world, 3)
        own = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
        manifest = sized(world.manifest("web", replicas=2, spec={"securityContext": STRICT}), securityContext=own)
        await world.create(manifest)
        async with bound(world, FENCE):
            await refused(world, "delete", "pod", world.nth(0), says=OTHERS, ours=True)
            async with forwarder.forwarding(world.cluster.registry) as elsewhere:
                elsewhere.reachable(True)
                await world.set_image(elsewhere.app("v2"))
                await world.wait_upgraded()
        for pod in await world.pods():
            assert records.read(pod).containers["app"].expected == world.digest("app", "v2"), "a helper pulled it"


@long
async def test_a_quota_without_room_is_reported_and_holds_up_what_requires_it(open_world):
    async with open_world() as world:
        await world.create(sized(world.manifest("web", replicas=2)))
        await tight(world, 2)
        async with forwarder.forwarding(world.cluster.registry) as elsewhere:
            elsewhere.reachable(True)
            await world.set_image(elsewhere.app("v2"))

            async def waits() -> bool:
                status = await world.status()
                return status is not None and ReasonCode.PrePullImpossible in status.waiting

            await world.until(waits, "PrePullImpossible")
            assert all(pod.ready and records.read(pod) is None for pod in await world.pods())
            await world.annotate(progress_deadline_seconds="5")
            status = await world.wait_phase("web", Phase.DEGRADED)
            assert "exceeded quota" in status.failures[0].message
            await world.annotate(pre_pull="BestEffort")
            await world.wait_upgraded()


async def test_a_private_registry_with_the_pods_own_credentials(open_world):
    async with open_world() as world, forwarder.forwarding(world.cluster.registry, "secret") as private:
        private.reachable(True)
        auth = base64.b64encode(b"user:secret").decode()
        text = json.dumps({"auths": {private.host: {"auth": auth}}})
        data = {".dockerconfigjson": base64.b64encode(text.encode()).decode()}
        body = {"metadata": {"name": "own"}, "type": "kubernetes.io/dockerconfigjson", "data": data}
        await world.client.create(SECRETS, world.namespace, body, type=dict)
        await world.create_web(replicas=2, spec={"imagePullSecrets": [{"name": "own"}]})
        await world.set_image(private.app("v2"))
        await world.wait_upgraded()
        await world.client.delete(SECRETS, "own", world.namespace)
        await world.set_image(private.app("v3"))
        status = await world.wait_phase("web", Phase.DEGRADED)
        assert private.app("v3") in status.failures[0].message
        assert all(pod.ready for pod in await world.pods())


async def test_our_account_makes_no_pod_that_could_run_anything(open_world):
    async with open_world(controller=False) as world, bound(world, FENCE):
        served = {"apiVersion": "v1", "kind": "Pod", "name": "web-0", "uid": "5e6dc9b1-0000-4000-8000-000000000000"}
        meta = {"name": "inplace-pull-x", "labels": {names.HELPER: names.PRE_PULL}, "ownerReferences": [served]}
        meta["annotations"] = {names.PULLED: world.app("v1")}
        spec = {"containers": [{"name": "pull", "image": world.app("v1")}], "restartPolicy": "Never"}
        body = json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})
        await refused(world, "create", "-f", "-", stdin=body, ours=True, says="Pods that pull an image and run nothing")
