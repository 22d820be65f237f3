"""What admission would refuse is known before the first Pod is disrupted."""

from __future__ import annotations

import json

import pytest

from inplace.core.objects.reasons import ReasonCode
from inplace.core.state import records
from inplace.core.state.statuses import Phase
from tests.scenarios import forwarder
from tests.scenarios.kinds import DEPLOYMENT
from tests.scenarios.real import kubectl

ENFORCE = "pod-security.kubernetes.io/enforce"


async def test_a_namespace_that_was_tightened_refuses_before_any_pod_is_touched(open_world):
    """PodSecurity looks at a whole Pod again when its image changes (docs/design/kubernetes.md §1.2)."""
    async with open_world() as world:
        world.flavour = DEPLOYMENT
        await world.create_web(replicas=2)
        kubectl(world.cluster, "label", "namespace", world.namespace, f"{ENFORCE}=restricted")
        await world.set_image(world.app("v2"))
        status = await world.wait_phase("web", Phase.REFUSED)
        (reason,) = [one for one in status.reasons if one.code == ReasonCode.AdmissionRejected]
        assert "violates PodSecurity" in reason.message
        assert all(pod.ready and records.read(pod) is None for pod in await world.pods())
        kubectl(world.cluster, "label", "namespace", world.namespace, f"{ENFORCE}-")
        # The server is asked again within half a minute.
        await world.wait_upgraded(seconds=2 * world.patience)


def mirror(world, host, operations):
    """A policy that puts one registry in the place of another, as mirror webhooks do, and its binding."""
    name = f"mirror-{world.namespace}"
    rules = [{"apiGroups": [""], "apiVersions": ["v1"], "operations": operations, "resources": ["pods"]}]
    expression = (
        '[JSONPatch{op: "replace", path: "/spec/containers/0/image",'
        f' value: object.spec.containers[0].image.replace("{host}", "{world.cluster.registry}")}}]'
    )
    spec = {
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "matchConstraints": {"resourceRules": rules},
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}],
    }
    version, kind = "admissionregistration.k8s.io/v1", "MutatingAdmissionPolicy"
    near = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": world.namespace}}}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "List",
            "items": [
                {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec},
                {
                    "apiVersion": version,
                    "kind": f"{kind}Binding",
                    "metadata": {"name": name},
                    "spec": {"policyName": name, "matchResources": near},
                },
            ],
        }
    )


async def in_force(world, host):
    """Until the policy rewrites a Pod that is created in a dry run."""
    body = json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "x"},
            "spec": {"containers": [{"name": "x", "image": f"{host}/app:v2"}]},
        }
    )

    async def rewrites() -> bool:
        arguments = ("create", "--dry-run=server", "-o", "json", "-n", world.namespace, "-f", "-")
        made = json.loads(kubectl(world.cluster, *arguments, stdin=body))
        return bool(made["spec"]["containers"][0]["image"] == world.app("v2"))

    await world.until(rewrites, "the policy to be in force")


@pytest.mark.parametrize("operations", [["CREATE", "UPDATE"], ["CREATE"]], ids="and ".join)
async def test_images_that_admission_rewrites_are_refused_before_any_pod_is_touched(open_world, operations):
    async with open_world() as world, forwarder.forwarding(world.cluster.registry) as elsewhere:
        world.require_mutating_policies()
        elsewhere.reachable(True)
        await world.create_web(replicas=2)
        manifest = mirror(world, elsewhere.host, operations)
        kubectl(world.cluster, "apply", "-f", "-", stdin=manifest)
        try:
            await in_force(world, elsewhere.host)
            await world.set_image(elsewhere.app("v2"))
            status = await world.wait_phase("web", Phase.REFUSED)
            (reason,) = status.reasons
            assert reason.code == ReasonCode.ImageRewritten
            assert f"use {world.app('v2')} in the template" in reason.message
            assert all(pod.ready and records.read(pod) is None for pod in await world.pods())
            await world.set_image(world.app("v2"))
            await world.wait_upgraded()
        finally:
            kubectl(world.cluster, "delete", "-f", "-", stdin=manifest)
